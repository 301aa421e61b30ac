/// Takes messages from a broker.
///
/// ```swift
/// let subscription = try await subscriber.subscribe(to: "orders")
/// ```
public protocol Subscriber: AnyObject, Timed, Closable {
    /// The kind of subscriber, for the label `subscriber_name`, such as `sqlite`.
    var name: String { get }

    /// How a route reads this subscriber unless told otherwise: `.serial` for a log, `.unordered` where each message
    /// stands for itself.
    var defaultOrdering: Ordering { get }

    /// The broker in OpenTelemetry's words, for the attribute `messaging.system` of spans. Default: ``name``.
    var messagingSystem: String { get }

    /// The consumer group that it reads for, for spans. Default: nil, where there is none.
    var consumerGroup: String? { get }

    /// Starts delivering the topic's messages. Options such as a consumer group belong to the subscriber's
    /// configuration.
    ///
    /// The adapter feeds the ``Subscription`` with each ``Delivery``, whose ``Settler`` hears how it ended. What is rejected
    /// comes again, and paced: the rule stands at ``Settler``.
    func subscribe(to topic: Topic) async throws -> Subscription

    /// Ends every subscription; what was delivered and not settled counts as rejected. Afterwards `subscribe` throws
    /// ``ClosedError``. A second call returns at once.
    func close() async
}

extension Subscriber {
    public var messagingSystem: String { name }
    public var consumerGroup: String? { nil }
}
