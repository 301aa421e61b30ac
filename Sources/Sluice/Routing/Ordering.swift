/// How a route may overlap the handling of its messages.
///
/// ```swift
/// Route("mail", from: orders, "orders", ordering: .perKey(by: .metadata("customer"))) { message, context in
///     try await mail.send(message)
/// }
/// ```
public struct Ordering: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case serial
        case perKey(lanes: Int, by: KeySelector?)
        case unordered(limit: Int)
    }

    package let kind: Kind

    var isSerial: Bool { kind == .serial }

    /// One message at a time, strictly in order; a failing one holds up all behind it.
    public static let serial = Ordering(kind: .serial)

    /// Messages of one key in order, keys in parallel; a failing message holds up its own key alone. Messages without
    /// a key are handled in any order.
    ///
    /// On the embedded log and in memory this holds however many messages wait behind the failing one: what is too much
    /// to hold is put aside by the source, until about a thousand keys fail at once. Where nothing is handled any more,
    /// because the destination is away, little is put aside, and the rest waits where it is. Kafka holds it until a
    /// commit cannot tell of more, and then pauses the partition. Elsewhere the route waits once about a thousand
    /// messages do (or sixteen for each lane, where that is more).
    /// - Parameters:
    ///   - lanes: how many keys are handled at once. At least 1; default 64.
    ///   - key: what the key is. Default: what the publisher of the message chose (`key:` of the publishers of the embedded
    ///     log, of Kafka, and in memory), which these keep with it. RabbitMQ and HTTP keep none: name one here.
    public static func perKey(lanes: Int = 64, by key: KeySelector? = nil) -> Ordering {
        Ordering(kind: .perKey(lanes: lanes, by: key))
    }

    /// Any order. A message that was rejected goes back to its source, which delivers it again later. What waits by a policy
    /// stays in the route, without a worker, so that a change of the policy (``Live``) reaches it: for its next attempt
    /// (``Retry/handBackAfter``), for a time that a ``Destination`` named, for as long as ``DelayOnError`` has it wait, and in
    /// line for its destination's budget. It is in flight at its source as if it waited there. Beyond 16 MiB the source keeps
    /// the rest, and so does one that cannot wait (``Subscription/Redelivery/source``).
    /// - Parameter limit: how many messages are handled at once. At least 1.
    public static func unordered(limit: Int = 64) -> Ordering { Ordering(kind: .unordered(limit: limit)) }

    private init(kind: Kind) {
        self.kind = kind
    }

    /// How many messages are handled at once.
    package var concurrency: Int {
        switch kind {
        case .serial: 1
        case .perKey(let lanes, _): lanes
        case .unordered(let limit): limit
        }
    }

    func validate() throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "Route") { check in
            check("ordering", concurrency >= 1, expected: "at least 1 at once", value: "\(concurrency)")
        }
    }
}
