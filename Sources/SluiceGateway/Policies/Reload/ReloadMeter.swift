import Sluice
import Synchronization

/// Shows how reloads went, and the numbers that are in force.
final class ReloadMeter: Sendable {
    private struct Shown {
        let info: GaugeHandle
        let value: GaugeHandle?
    }

    private let instruments: Instruments
    private let succeeded: CounterHandle
    private let failed: CounterHandle
    private let isSuccessful: GaugeHandle
    private let lastSuccess: GaugeHandle
    /// By the labels of their series.
    private let shown = Mutex<[[String]: Shown]>([:])

    init(_ instruments: Instruments) {
        self.instruments = instruments
        succeeded = instruments.counter(.configurationReloads, [("result", "success")])
        failed = instruments.counter(.configurationReloads, [("result", "failure")])
        isSuccessful = instruments.gauge(.configurationLastReloadSuccessful, [])
        lastSuccess = instruments.gauge(.configurationLastReloadSuccess, [])
    }

    func reloaded() {
        succeeded.increment()
        isSuccessful.set(1)
        lastSuccess.set(Double(Timestamp.now().millisecondsSince1970) / 1_000)
    }

    func refused() {
        failed.increment()
        isSuccessful.set(0)
    }

    /// These values are in force from now on.
    func show(_ values: [EffectiveValue]) {
        let policies = values.filter { $0.path.count > 2 && ["destinations", "sinks"].contains($0.path[0]) }
        let keys = policies.map {
            [$0.path[0], $0.path[1], $0.path.dropFirst(2).joined(separator: "."), $0.origin.word]
        }
        shown.withLock { shown in
            for (key, gone) in shown where !keys.contains(key) {
                instruments.retire(gone.info)
                if let value = gone.value { instruments.retire(value) }
                shown[key] = nil
            }
            for (key, value) in zip(keys, policies) {
                let number = Self.number(value)
                if shown[key] == nil {
                    let labels = [("scope", String(key[0].dropLast())), ("name", key[1]), ("policy", key[2])]
                    shown[key] = Shown(
                        info: instruments.gauge(.policyInfo, labels + [("origin", key[3])]),
                        value: number == nil ? nil : instruments.gauge(.policyValue, labels))
                }
                shown[key]?.info.set(1)
                if let number { shown[key]?.value?.set(number) }
            }
        }
    }

    /// In seconds, a second, or as a share of 1; nil for what is no number.
    private static func number(_ value: EffectiveValue) -> Double? {
        let text = value.text
        if text.hasSuffix("%") { return NumberText.parse(text.dropLast()).map { $0 / 100 } }
        if let rate = RateText.parse(text) { return rate }
        if let number = NumberText.parse(text[...]) { return number }
        return DurationText.seconds(text, unit: 1)
    }
}

extension Metric {
    static let configurationReloads = counter(
        "sluice_config_reloads_total",
        labels: [Label("result", "how it went", values: ["success", "failure"])],
        help: "Times that the configuration was read; the start is the first. One that fails changes nothing.")
    static let configurationLastReloadSuccessful = gauge(
        "sluice_config_last_reload_successful",
        help: "1 when the configuration that was read last is in force, 0 when it was refused.")
    static let configurationLastReloadSuccess = gauge(
        "sluice_config_last_reload_success_timestamp_seconds",
        help: "When a configuration was put in force last, in seconds since 1970.")

    private static let scope = Label(
        "scope", "what the policy is of", values: ["destination", "sink"])
    private static let named = Label("name", "the sink or destination")
    private static let policy = Label("policy", "its keys in the file, such as `throttle.rate`")
    static let policyInfo = gauge(
        "sluice_policy_info",
        labels: [
            scope, named, policy,
            Label(
                "origin", "where its value comes from",
                values: ["built-in", "kind", "defaults", "own", "environment", "program"]),
        ],
        help: "1 for each policy that is in force, with where its value comes from.")
    static let policyValue = gauge(
        "sluice_policy_value",
        labels: [scope, named, policy],
        help: "The number of each policy that is in force: in seconds, a second, or as a share of 1.")
}
