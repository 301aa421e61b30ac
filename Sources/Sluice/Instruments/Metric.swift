/// One metric of the catalogue: all that anybody needs to know of it, said once.
public struct Metric: Sendable {
    public enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    /// A label and the values that it can take.
    public struct Label: Sendable {
        public let name: String
        /// What the value says.
        public let meaning: String
        /// All values, where they are known in advance: a series exists at 0 for each from the start.
        public let values: [String]?
        /// How many values from outside are told apart; the rest is `other`. Nil where the values come from the
        /// configuration and are few by nature.
        public let cap: Int?

        init(_ name: String, _ meaning: String, values: [String]? = nil, cap: Int? = nil) {
            self.name = name
            self.meaning = meaning
            self.values = values
            self.cap = cap
        }
    }

    public let name: String
    public let kind: Kind
    public let help: String
    /// `seconds`, `bytes`, `ratio`; nil for plain numbers.
    public let unit: String?
    public let labels: [Label]
    /// Upper bounds, ascending, without `+Inf`. Empty unless it is a histogram.
    public let buckets: [Double]

    static func counter(_ name: String, _ labels: [Label] = [], _ help: String) -> Metric {
        Metric(name: name, kind: .counter, help: help, unit: unit(of: name), labels: labels, buckets: [])
    }

    static func gauge(_ name: String, _ labels: [Label] = [], _ help: String) -> Metric {
        Metric(name: name, kind: .gauge, help: help, unit: unit(of: name), labels: labels, buckets: [])
    }

    static func histogram(_ name: String, _ labels: [Label] = [], buckets: [Double], _ help: String) -> Metric {
        Metric(name: name, kind: .histogram, help: help, unit: unit(of: name), labels: labels, buckets: buckets)
    }

    private static func unit(of name: String) -> String? {
        let base = name.hasSuffix("_total") ? String(name.dropLast(6)) : name
        return ["seconds", "bytes", "ratio"].first { base.hasSuffix("_" + $0) }
    }
}

/// Bucket bounds that several metrics share.
enum Buckets {
    /// From half a millisecond to a second: work inside the process. Watermill's.
    static let handler = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]
    /// From 5 milliseconds to 10 seconds: a call to a broker. Watermill's.
    static let publish = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    /// From 100 microseconds to 5 minutes: a part of a delivery's time, which may be a long wait.
    static let stage = [0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
    /// Waits of a policy: from a millisecond to ten minutes.
    static let wait = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600]
    /// How often something was tried.
    static let attempts: [Double] = [1, 2, 3, 4, 5, 8, 13]
    /// From a tenth of a second to a day: how old an event is when it arrives.
    static let age = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400]
    /// From 1 minute to 30 days: from a commit to its deployment.
    static let leadTime: [Double] = [
        60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 172_800, 604_800, 1_209_600, 2_592_000,
    ]
}

extension Metric.Label {
    static let handler = Metric.Label("handler_name", "the route")
    static let destination = Metric.Label("destination", "the outside system, such as `slack`")
    static let topic = Metric.Label("topic", "the topic's name")
    static let partition = Metric.Label("partition", "the partition's number")
    static let component = Metric.Label("component", "the part that connects, such as `sqlite` or `slack`")
    static let reason = Metric.Label("reason", "a short word for the error, such as `http_429`", cap: 24)
    static let outcome = Metric.Label(
        "outcome", "how the delivery ended", values: DeliveryOutcome.allCases.map(\.rawValue))
    static let success = Metric.Label("success", "whether it succeeded", values: ["true", "false"])
    static let route = Metric.Label("route", "the configured path, or `unmatched`")
    static let code = Metric.Label("code", "the HTTP status, or `error` when there was none", cap: 40)
    static let target = Metric.Label("target", "the configured name of the other side")
    static let service = Metric.Label("service", "the deployed service", cap: 100)
    static let environment = Metric.Label("environment", "the environment", cap: 20)
}

/// How a delivery ended, for the label `outcome`.
public enum DeliveryOutcome: String, Sendable, CaseIterable {
    case acked, rejected, poisoned, discarded, deduplicated, revoked
    case handedBack = "handed_back"
}

/// Where a delivery's time went, for the label `stage`.
public enum DeliveryStage: String, Sendable, CaseIterable {
    case queue, throttle, breaker, backoff, handler, publish
}
