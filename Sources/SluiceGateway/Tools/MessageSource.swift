public import Sluice
import Synchronization

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
    public let carried: CarriedMessage
    public let origin: Delivery.Origin
    let delivery: Delivery?

    init(_ message: Message, _ origin: Delivery.Origin, delivery: Delivery? = nil) {
        self.init(CarriedMessage(message, key: origin.key), origin, delivery: delivery)
    }

    init(_ carried: CarriedMessage, _ origin: Delivery.Origin, delivery: Delivery? = nil) {
        self.carried = carried
        self.origin = origin
        self.delivery = delivery
    }

    public var message: Message { carried.message }
}

/// What any Subscriber delivers.
struct SubscribedMessages: MessageSource {
    let topic: Topic
    private let subscriber: any Subscriber
    private let subscription: Subscription
    private let findObstacle: @Sendable () -> String?
    /// The message with all that the broker holds of it.
    private let exact: @Sendable (Message, Delivery.Origin) -> CarriedMessage
    /// Nil where messages are settled. Deliveries that are let go of would come again at once: they are kept until the
    /// subscriber is closed, which gives them back.
    private let kept: KeptDeliveries?
    /// Ends what the subscriber needs besides itself.
    private let end: @Sendable () async -> Void

    init(
        _ topic: Topic, _ subscriber: any Subscriber, obstacle: @escaping @Sendable () -> String? = { nil },
        exact: @escaping @Sendable (Message, Delivery.Origin) -> CarriedMessage = { CarriedMessage($0, key: $1.key) },
        leavesMessages: Bool = false, end: @escaping @Sendable () async -> Void = {}
    ) async throws {
        self.topic = topic
        self.subscriber = subscriber
        findObstacle = obstacle
        self.exact = exact
        kept = leavesMessages ? KeptDeliveries() : nil
        self.end = end
        do {
            subscription = try await subscriber.subscribe(to: topic)
        } catch {
            await subscriber.close()
            await end()
            throw error
        }
    }

    var obstacle: String? { findObstacle() }

    func next(_ limit: Int) async throws -> [ConsumedMessage]? {
        guard let deliveries = try await subscription.next(limit) else { return nil }
        kept?.add(deliveries)
        return deliveries.map { delivery in
            ConsumedMessage(
                exact(delivery.message, delivery.origin), delivery.origin, delivery: kept == nil ? delivery : nil)
        }
    }

    func close() async {
        await subscriber.close()
        kept?.letGo()
        await end()
    }
}

private final class KeptDeliveries: Sendable {
    private let deliveries = Mutex<[Delivery]>([])

    func add(_ more: [Delivery]) { deliveries.withLock { $0 += more } }

    func letGo() {
        // Freed outside of the lock: each settles itself.
        let all = deliveries.withLock { deliveries in
            defer { deliveries = [] }
            return deliveries
        }
        withExtendedLifetime(all) {}
    }
}
