public import Sluice

/// Where `sluice consume` gets its messages from.
public protocol MessageSource: Sendable {
    var topic: Topic { get }

    /// What has to run meanwhile; returns at once when that is nothing.
    func serve() async throws

    /// Why no message can come now: no connection, no place in the group yet. Nil while one may come at any time.
    var obstacle: String? { get }

    /// The next messages, at most `limit`; nil at the end, and when the task is cancelled.
    func next(_ limit: Int) async throws -> [ConsumedMessage]?

    /// Lets go of the broker. What was acknowledged stays acknowledged.
    func close() async
}

extension MessageSource {
    public func serve() async throws {}
    public var obstacle: String? { nil }
}

/// A message, and the duty to settle it where there is one.
public struct ConsumedMessage: Sendable {
    public let message: Message
    public let origin: Delivery.Origin
    let delivery: Delivery?

    init(_ message: Message, _ origin: Delivery.Origin, delivery: Delivery? = nil) {
        self.message = message
        self.origin = origin
        self.delivery = delivery
    }
}

/// What any Subscriber delivers.
struct SubscribedMessages: MessageSource {
    let topic: Topic
    private let subscriber: any Subscriber
    private let subscription: Subscription
    private let findObstacle: @Sendable () -> String?
    /// Ends what the subscriber needs besides itself.
    private let end: @Sendable () async -> Void

    init(
        _ topic: Topic, _ subscriber: any Subscriber, obstacle: @escaping @Sendable () -> String? = { nil },
        end: @escaping @Sendable () async -> Void = {}
    ) async throws {
        self.topic = topic
        self.subscriber = subscriber
        findObstacle = obstacle
        self.end = end
        subscription = try await subscriber.subscribe(to: topic)
    }

    var obstacle: String? { findObstacle() }

    func next(_ limit: Int) async throws -> [ConsumedMessage]? {
        try await subscription.next(limit).map { deliveries in
            deliveries.map { ConsumedMessage($0.message, $0.origin, delivery: $0) }
        }
    }

    func close() async {
        await subscriber.close()
        await end()
    }
}
