import GatewayTestSupport
import Sluice
import SluiceMetrics
import SluiceTesting
import Testing

@testable import SluiceGateway

/// Each number of a policy is a gauge, with the destination or route that it is of.
struct PolicyGaugesTests {
    private func show(_ texts: String...) throws -> Exposition {
        let backend = PrometheusBackend()
        let meter = ReloadMeter(backend.instruments)
        for text in texts { meter.show(EffectiveConfiguration(try FileForTests(text).read()).values) }
        return Exposition(of: backend)
    }

    private static func file(_ destination: String, _ sink: String = "") -> String {
        "destinations: {acme: {\(destination)}}\n"
            + "sinks: {chat: {kind: slack, webhook: \"https://x.example\", destination: acme\(sink)}}\n"
    }

    @Test func numbersInsideOfOthersAreGaugesToo() throws {
        let shown = try show(
            Self.file(
                "throttle: {rate: 30/m, after_429: {factor: 0.3, recovery: 9s}}, budget: {ratio: 15%}",
                ", ordering: {lanes: 3}, retry: {schedule: [5s, 1m]}"))
        func value(_ policy: String, _ handler: String? = nil) -> Double? {
            var labels = ["destination": "acme", "policy": policy]
            labels["handler_name"] = handler
            return shown.value("sluice_policy_value", labels)
        }
        #expect(value("throttle.rate") == 0.5)
        #expect(value("throttle.after_429.factor") == 0.3)
        #expect(value("throttle.after_429.recovery") == 9)
        #expect(value("budget.ratio") == 0.15)
        #expect(value("ordering.lanes", "log-to-chat") == 3)
        #expect(value("retry.schedule.1", "log-to-chat") == 5)
        #expect(value("retry.schedule.2", "log-to-chat") == 60)
        #expect(value("timeout.attempt", "log-to-chat") == 60)
        let info = ["destination": "acme", "policy": "budget.ratio", "origin": "own"]
        #expect(shown.value("sluice_policy_info", info) == 1)
    }

    /// Whatever is a number in the configuration of a destination that has everything.
    @Test func noNumberIsMissing() throws {
        let text = Self.file("throttle: {rate: 5/s, after_429: halve}, concurrency: {mode: adaptive, maximum: 9}")
        let shown = try show(text)
        let rows = YAMLMapping(DestinationPolicy.keys).rows(
            DestinationPolicy(pace: .throttled(.init(rate: 5)), policies: .init()))
        for row in rows where row.standard?.first?.isNumber == true {
            let labels = ["destination": "acme", "policy": row.path.joined(separator: ".")]
            #expect(shown.value("sluice_policy_value", labels) != nil, "\(row.path)")
        }
        for row in YAMLMapping(SinkPolicy.keys).rows(.standard)
        where row.standard?.first?.isNumber == true && row.path.first != "ordering" {
            let labels = ["handler_name": "log-to-chat", "policy": row.path.joined(separator: ".")]
            #expect(shown.value("sluice_policy_value", labels) != nil, "\(row.path)")
        }
    }

    @Test func whatIsNoNumberAnyMoreHasNone() throws {
        let (with, without) = (
            Self.file("breaker: {consecutive_failures: 3}"), Self.file("breaker: {consecutive_failures: never}")
        )
        let labels = ["destination": "acme", "policy": "breaker.consecutive_failures"]
        #expect(try show(with).value("sluice_policy_value", labels) == 3)
        #expect(try show(with, without).value("sluice_policy_value", labels) == nil)
        #expect(try show(with, without, with).value("sluice_policy_value", labels) == 3)
        #expect(try show(with, Self.file("breaker: off")).value("sluice_policy_info", labels) == nil)
    }
}
