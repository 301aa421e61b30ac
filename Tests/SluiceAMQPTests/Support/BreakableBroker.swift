import Sluice
import SluiceAMQP
import SluiceTestBrokers
import SluiceTesting
import Synchronization
import Testing

/// A broker, secured, of one suite's own, whose tests break it one after the other.
struct BreakableBroker: Sendable {
    private let preparing = Task {
        var configuration = RabbitMQBroker.Configuration()
        configuration.isSecured = true
        return try AMQPUnderTest.own(configuration)
    }

    /// Prepared once, and running unless a test wants it absent.
    func use(isRunning: Bool = true) async throws -> (AMQPUnderTest, RabbitMQBroker) {
        let amqp = try await preparing.value
        let broker = try amqp.administration()
        if isRunning, broker.processIdentifier == nil { try await broker.start() }
        if !isRunning { try await broker.stop() }
        return (amqp, broker)
    }
}

/// What a route has handled.
final class HandledMessages: Sendable {
    private let counts = Mutex<[MessageID: Int]>([:])

    func add(_ id: MessageID) { counts.withLock { $0[id, default: 0] += 1 } }
    func missing(of ids: [MessageID]) -> Int { counts.withLock { counts in ids.count { counts[$0] == nil } } }
}

extension AMQPSubscriber {
    /// Waits for a message, on a subscription that may end and begin again.
    func next(_ topic: Topic, after first: Subscription, _ isMeant: (Message) -> Bool) async throws {
        var subscription = first
        var found = false
        try await eventually("the message") {
            for delivery in (try? subscription.take(16)) ?? [] {
                delivery.acknowledge()
                if isMeant(delivery.message) { found = true }
            }
            if subscription.isEnded, let again = try? await subscribe(to: topic) { subscription = again }
            return found
        }
    }
}

extension AMQPError {
    /// The one that is behind what was thrown.
    static func behind(_ error: (any Error)?) -> AMQPError? {
        error as? AMQPError ?? (error as? PublishError)?.underlying as? AMQPError
    }
}
