import Logging
import Sluice

/// Reads into a ledger that was made again, or is new, what its route has already taken from the queue. Nothing of that is
/// counted: it was counted before.
struct LedgerRefill: Sendable {
    let queue: any EventQueue
    let route: String
    let ledger: DeploymentLedger
    let meter: DeploymentMeter
    let logger: Logger

    /// Returns at once when the ledger is complete.
    func run() async throws {
        guard try await ledger.needsRefill else { return }
        var count = 0
        try await queue.replay(settledBy: route) { messages in
            // What is no event is in the poison topic.
            try await ledger.learn(messages.compactMap { message in (try? Event(message)).map { ($0, message.id) } })
            count += messages.count
        }
        try await ledger.complete(after: count)
        for latest in try await ledger.latest(limit: 1_000) { meter.restore(latest) }
        if count > 0 {
            logger.notice("read the deployments again from the queue", metadata: ["events": "\(count)"])
        }
    }
}

/// A subscriber that does something before each subscription.
final class PreparedSubscriber: Subscriber {
    private let subscriber: any Subscriber
    private let prepare: @Sendable () async throws -> Void

    init(_ subscriber: any Subscriber, prepare: @escaping @Sendable () async throws -> Void) {
        self.subscriber = subscriber
        self.prepare = prepare
    }

    var name: String { subscriber.name }
    var messagingSystem: String { subscriber.messagingSystem }
    var consumerGroup: String? { subscriber.consumerGroup }
    var time: RouterTime? { subscriber.time }
    var defaultOrdering: Ordering { subscriber.defaultOrdering }

    func subscribe(to topic: Topic) async throws -> Subscription {
        try await prepare()
        return try await subscriber.subscribe(to: topic)
    }

    func close() async {
        await subscriber.close()
    }
}
