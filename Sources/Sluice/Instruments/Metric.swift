/// A metric: all that there is to know of it, said once, beside the code that counts it.
///
///     extension Metric {
///         static let ordersByType = counter(
///             "orders_by_type_total", labels: [.handler, .init("type", cap: 50)], help: "Orders taken in, by type.")
///     }
///
/// Its series are made by ``Instruments``: `counter(_:_:startsAtZero:)` for one whose labels are known,
/// `counters(_:_:known:)` for those whose values come up later.
public struct Metric: Sendable {
    /// What its values mean.
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
        /// How many values from outside there are at most: `other`, which stands for the rest, is one of them. Nil where the
        /// values come from the configuration and are few by nature.
        public let cap: Int?

        /// - Parameters:
        ///   - name: lower case letters, digits, `_`.
        ///   - meaning: what the value says, for documentation.
        ///   - values: all that there are, where they are known.
        ///   - cap: how many there are at most, where they come from outside: `other` is one of them.
        public init(_ name: String, _ meaning: String = "", values: [String]? = nil, cap: Int? = nil) {
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

    /// A count that only grows; its name ends in `_total`.
    public static func counter(_ name: String, labels: [Label] = [], help: String) -> Metric {
        Metric(name: name, kind: .counter, help: help, unit: unit(of: name), labels: labels, buckets: [])
    }

    /// A value that goes up and down.
    public static func gauge(_ name: String, labels: [Label] = [], help: String) -> Metric {
        Metric(name: name, kind: .gauge, help: help, unit: unit(of: name), labels: labels, buckets: [])
    }

    /// Values counted into buckets.
    /// - Parameters:
    ///   - name: ends in its unit, such as `_seconds` or `_bytes`.
    ///   - labels: their names, and what values they have.
    ///   - buckets: upper bounds, ascending, without `+Inf`.
    ///   - help: what `/metrics` says of it.
    public static func histogram(_ name: String, labels: [Label] = [], buckets: [Double], help: String) -> Metric {
        Metric(name: name, kind: .histogram, help: help, unit: unit(of: name), labels: labels, buckets: buckets)
    }

    private static func unit(of name: String) -> String? {
        let base = name.hasSuffix("_total") ? String(name.dropLast(6)) : name
        return ["seconds", "bytes", "ratio"].first { base.hasSuffix("_" + $0) }
    }
}

extension Metric {
    /// Bucket bounds that several metrics share.
    public enum Buckets {
        /// From half a millisecond to a second: work inside the process. Watermill's.
        public static let handler = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]
        /// From 5 milliseconds to 10 seconds: a call to a broker. Watermill's.
        public static let publish = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
        /// From 100 microseconds to 5 minutes: a part of a delivery's time, which may be a long wait.
        public static let stage = [0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
        /// Waits of a policy: from a millisecond to ten minutes.
        public static let wait = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600]
        /// How often something was tried.
        public static let attempts: [Double] = [1, 2, 3, 4, 5, 8, 13]
    }
}

extension Metric.Label {
    public static let handler = Metric.Label("handler_name", "the route")
    public static let destination = Metric.Label("destination", "the outside system, by its name")
    public static let topic = Metric.Label("topic", "the topic's name")
    public static let partition = Metric.Label("partition", "the partition's number")
    public static let component = Metric.Label(
        "component", "the part that connects, such as `sqlite`, or an outside system by its name")
    public static let reason = Metric.Label("reason", "a short word for the error, such as `http_429`", cap: 24)
    public static let outcome = Metric.Label(
        "outcome", "how the delivery ended", values: DeliveryOutcome.allCases.map(\.rawValue))
    public static let success = Metric.Label("success", "whether it succeeded", values: ["true", "false"])
}

/// How a delivery ended, for the label `outcome`.
public enum DeliveryOutcome: String, Sendable, CaseIterable {
    case acked, rejected, poisoned, discarded, deduplicated, revoked
    case handedBack = "handed_back"
    /// Its route does not want it.
    case filtered
}

/// Where a delivery's time went, for the label `stage`.
public enum DeliveryStage: String, Sendable, CaseIterable {
    case queue, throttle, breaker, concurrency, backoff, handler, publish
}
