import Sluice
import SluiceKafka

extension KafkaQueue {
    /// How long the next record may take; where the last ones are gone nothing comes.
    private static let patience: Duration = .seconds(10)

    /// What the group `poison` has not settled of the poison topic, oldest first in each partition. It is read by a client without
    /// a group, and changes nothing.
    /// - Parameter limit: how many at most.
    func poisonedMessages(limit: Int) async throws -> [PoisonedMessage] {
        let group = group(of: SQLiteQueue.poisonGroup)
        let positions = try await topics.positions(of: poison, group: group)
        let settled = try await topics.settled(of: poison, by: group).mapValues(\.offsets)
        var missing = positions.compactMapValues { $0.end > $0.first ? $0.end : nil }
        var found: [PoisonedMessage] = []
        guard !missing.isEmpty else { return found }
        let reader = try KafkaSubscriber(configuration.client, group: nil, logger: logger)
        do {
            let subscription = try await reader.subscribe(to: poison)
            while !missing.isEmpty, found.count < limit, let batch = try await next(subscription) {
                for delivery in batch {
                    delivery.acknowledge()
                    guard let partition = delivery.origin.partition, let offset = delivery.origin.offset else {
                        continue
                    }
                    if let end = missing[partition], offset >= end - 1 { missing[partition] = nil }
                    guard let end = positions[partition]?.end, offset < end,
                        settled[partition]?.contains(offset) != true
                    else { continue }
                    found.append(PoisonedMessage(delivery, partition: partition, offset: offset))
                }
            }
        } catch {
            await reader.close()
            throw error
        }
        await reader.close()
        return found
    }

    /// - Returns: nil when nothing has come for long.
    private func next(_ subscription: Subscription) async throws -> [Delivery]? {
        do {
            return try await withDeadline(Self.patience) { try await subscription.next() }
        } catch is DeadlineError {
            return nil
        }
    }
}
