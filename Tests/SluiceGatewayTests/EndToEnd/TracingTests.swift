import Foundation
import GatewayTestSupport
import Sluice
import SluiceGateway
import SluicePrometheus
import SluiceTesting
import Synchronization
import Testing

extension EndToEnd {
    /// From a webhook to a collector.
    struct TracingTests {
        private let sender = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

        @Test func onePushIsOneTraceFromTheWebhookToBothSinks() async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            let collector = try FakeCollector()
            let commit = StubCommit()
            try await withGateway(in: directory, grafana: grafana, slack: slack) {
                $0.tracing.endpoint = collector.server.url("")
                $0.tracing.serviceName = "gate"
                $0.pace.tracing.interval = .milliseconds(50)
            } _: { gateway in
                let answer = try await gateway.client.gitHub(
                    Stub.push([commit]), headers: [("traceparent", sender), ("tracestate", "vendor=1")])
                #expect(answer.status == 202)
                try await eventually("all spans") {
                    let names = Set(collector.spans.map(\.name))
                    return names.isSuperset(of: ["attempt slack", "attempt grafana"])
                        && collector.spans.filter { $0.name == "process events" }.count >= 3
                }
                // Exemplars lead from a panel to the trace.
                let metrics = String(decoding: try await gateway.client.scrape(.openMetrics), as: UTF8.self)
                for family in [
                    "sluice_handler_attempt_duration_seconds_bucket", "sluice_http_request_duration_seconds_bucket",
                    "sluice_http_client_request_duration_seconds_bucket",
                ] {
                    #expect(
                        metrics.split(separator: "\n").contains {
                            $0.hasPrefix(family) && $0.contains(" # {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} ")
                        }, "\(family)")
                }
                let plain = String(decoding: try await gateway.client.scrape(.text), as: UTF8.self)
                #expect(!plain.contains("4bf92f35"))
                #expect(plain.contains("sluice_trace_spans_total{result=\"exported\"}"))
            }
            let spans = collector.spans
            #expect(spans.allSatisfy { $0.traceID == "4bf92f3577b34da6a3ce929d0e0e4736" })
            #expect(spans.allSatisfy { !$0.isError })
            #expect(Set(spans.map(\.id)).count == spans.count)
            let webhook = try #require(spans.first { $0.name == "POST /webhooks/github" })
            #expect(webhook.kind == 2)
            #expect(webhook.parent == "00f067aa0ba902b7")
            #expect(webhook.attributes["http.response.status_code"] == "202")
            let intake = try #require(spans.first { $0.parent == webhook.id })
            #expect(intake.name == "process /webhooks/github")
            let sent = try #require(spans.first { $0.parent == intake.id })
            #expect(sent.name == "send events")
            #expect(sent.kind == 4)
            // Also where something stands around a broker's own subscriber.
            let deliveries = spans.filter { $0.name == "process events" }
            #expect(
                deliveries.allSatisfy {
                    $0.attributes["messaging.consumer.group.name"] == $0.attributes["sluice.route"]
                })
            for sink in ["slack", "grafana"] {
                let attempt = try #require(spans.first { $0.name == "attempt \(sink)" })
                #expect(attempt.kind == 3)
                #expect(attempt.attributes["sluice.destination"] == sink)
                let delivery = try #require(spans.first { $0.id == attempt.parent })
                #expect(delivery.name == "process events")
                #expect(delivery.parent == sent.id)
                #expect(delivery.attributes["sluice.route"] == "log-to-\(sink)")
                #expect(delivery.attributes["messaging.consumer.group.name"] == "log-to-\(sink)")
                #expect(delivery.attributes["sluice.outcome"] == "acked")
            }
            let toSlack = try #require(spans.first { $0.name == "attempt slack" })
            #expect(
                slack.requests.first?["traceparent"] == "00-4bf92f3577b34da6a3ce929d0e0e4736-\(toSlack.id)-01")
            #expect(slack.requests.first?["tracestate"] == "vendor=1")
            let exported = collector.server.requests.map(\.text).joined()
            #expect(exported.contains(#"{"key":"service.name","value":{"stringValue":"gate"}}"#))
            for secret in ["secret-of-slack", "word-of-grafana", commit.id, commit.message, commit.author] {
                #expect(!exported.contains(secret), "\(secret)")
            }
        }

        @Test func anAttemptThatFailsIsAnErrorAndTheNextOneIsASpanOfItsOwn() async throws {
            let (slack, directory, collector) = (try FakeSlack(), try TemporaryDirectory(), try FakeCollector())
            let asked = Atomic<Int>(0)
            slack.behave { _ in asked.wrappingAdd(1, ordering: .relaxed).newValue <= 2 ? .status(500) : .ordinary }
            try await withGateway(in: directory, slack: slack) {
                $0.tracing.endpoint = collector.server.url("")
                $0.pace.tracing.interval = .milliseconds(50)
            } _: { gateway in
                #expect(try await gateway.client.push([StubCommit()]).status == 202)
                try await eventually { collector.spans.contains { $0.name == "attempt slack" && !$0.isError } }
                try await eventually { collector.spans.contains { $0.attributes["sluice.route"] == "log-to-slack" } }
            }
            let attempts = collector.spans.filter { $0.name == "attempt slack" }
            #expect(attempts.filter(\.isError).count >= 1)
            #expect(attempts.filter(\.isError).allSatisfy { $0.attributes["error.type"] != nil })
            #expect(Set(attempts.compactMap { $0.attributes["sluice.attempt"] }).count == attempts.count)
            #expect(Set(attempts.map(\.parent)).count == 1)
        }

        @Test func aCollectorThatIsAwayHoldsUpNothing() async throws {
            let (slack, directory, port) = (try FakeSlack(), try TemporaryDirectory(), try HeldPort())
            let commits = (0..<200).map { _ in StubCommit() }
            let start = ContinuousClock.now
            try await withGateway(in: directory, slack: slack) {
                $0.tracing.endpoint = "http://127.0.0.1:\(port.number)"
                $0.pace.tracing.capacity = 50
                $0.pace.tracing.batch = 10
                $0.pace.tracing.interval = .milliseconds(10)
                $0.pace.tracing.patience = .milliseconds(20)
                $0.pace.tracing.backoff = .constant(.milliseconds(5))
            } _: { gateway in
                for commit in commits { #expect(try await gateway.client.push([commit]).status == 202) }
                try await eventually { slack.pushes.count == 200 }
                try await eventually {
                    try await gateway.client.metric("sluice_trace_spans_total", ["result": "dropped"]) ?? 0
                        > 200
                }
                #expect(gateway.log.contains("spans are lost"))
                #expect(slack.requests.allSatisfy { $0["traceparent"] != nil })
            }
            #expect(ContinuousClock.now - start < .seconds(120))
        }

        @Test func withoutAnEndpointNothingIsTraced() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            try await withGateway(in: directory, slack: slack) { gateway in
                #expect(
                    try await gateway.client.gitHub(Stub.push([StubCommit()]), headers: [("traceparent", sender)])
                        .status
                        == 202)
                try await eventually { slack.posts.count == 1 }
                #expect(slack.requests.allSatisfy { $0["traceparent"] == nil })
                let metrics = String(decoding: try await gateway.client.scrape(.openMetrics), as: UTF8.self)
                #expect(!metrics.contains("trace_id") && !metrics.contains("sluice_trace_spans"))
            }
        }
    }
}
