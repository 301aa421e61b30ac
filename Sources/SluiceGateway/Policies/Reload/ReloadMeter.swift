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
    private let shown = Mutex<[Series: Shown]>([:])

    /// What tells a number that is in force from the others.
    private struct Series: Hashable {
        let destination: String
        /// Empty for what is the destination's.
        let handler: String
        let policy: String
        let origin: String
        let isNumber: Bool
    }

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
        let now = Self.series(values)
        shown.withLock { shown in
            for (series, gone) in shown where now[series] == nil {
                instruments.retire(gone.info)
                if let value = gone.value { instruments.retire(value) }
                shown[series] = nil
            }
            for (series, number) in now {
                if shown[series] == nil {
                    let labels = [
                        ("destination", series.destination), ("handler_name", series.handler),
                        ("policy", series.policy),
                    ]
                    shown[series] = Shown(
                        info: instruments.gauge(.policyInfo, labels + [("origin", series.origin)]),
                        value: series.isNumber ? instruments.gauge(.policyValue, labels) : nil)
                }
                shown[series]?.info.set(1)
                shown[series]?.value?.set(number)
            }
        }
    }

    /// All policies, with their numbers; 0 for what is none. A sink's have its route, and the destination that it delivers to.
    private static func series(_ values: [EffectiveValue]) -> [Series: Double] {
        let names = Dictionary(values.map { ($0.name, $0.text) }) { first, _ in first }
        var found: [Series: Double] = [:]
        for value in values where value.path.count > 2 {
            let (name, policy) = (value.path[1], value.path.dropFirst(2).joined(separator: "."))
            let labels: (destination: String, handler: String)
            switch value.path[0] {
            case "destinations": labels = (name, "")
            case "sinks": labels = (names["sinks.\(name).destination"] ?? name, names["sinks.\(name).group"] ?? "")
            default: continue
            }
            func add(_ policy: String, _ text: String) {
                let number = Self.number(text)
                let series = Series(
                    destination: labels.destination, handler: labels.handler, policy: policy, origin: value.origin.word,
                    isNumber: number != nil)
                found[series] = number ?? 0
            }
            add(policy, value.text)
            for (key, text) in value.parts { add("\(policy).\(key)", text) }
        }
        return found
    }

    /// In seconds, a second, or as a share of 1; nil for what is no number.
    private static func number(_ text: String) -> Double? {
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

    private static let policy = Label("policy", "its keys in the file, such as `throttle.rate`")
    static let policyInfo = gauge(
        "sluice_policy_info",
        labels: [
            .destination, .handler, policy,
            Label(
                "origin", "where its value comes from",
                values: ["built-in", "kind", "defaults", "own", "environment", "program"]),
        ],
        help: "1 for each policy that is in force, with where its value comes from. A sink's has its route, too.")
    static let policyValue = gauge(
        "sluice_policy_value",
        labels: [.destination, .handler, policy],
        help:
            "The number of each policy that is in force: in seconds, a second, or as a share of 1. A sink's has its route, too."
    )
}
