import Sluice
import SluiceKafka

extension KafkaQueue {
    /// How long it may take until the next record of a replay comes. Where the last ones of a partition are gone, by
    /// compaction or by a transaction's end, nothing comes any more.
    private static let patience: Duration = .seconds(10)

    /// First what the embedded log holds from the time when it was the queue; then each partition from its beginning up to
    /// what the route's group has committed, by a client without a group.
    func replay(settledBy route: String, to body: ([Message]) async throws -> Void) async throws {
        try await log.replay(settledBy: route, to: body)
        let positions = try await topics.positions(of: events, group: group(of: route))
        let ends = positions.compactMapValues { position -> Int64? in
            guard let committed = position.committed, committed > position.first else { return nil }
            return committed
        }
        try await read(events, upTo: ends) { try await body($0.map(\.message)) }
    }

    /// Hands over what lies before these offsets, each partition from its beginning.
    func read(
        _ topic: Topic, upTo ends: [Int32: Int64], to body: ([Delivery]) async throws -> Void
    ) async throws {
        var missing = ends
        guard !missing.isEmpty else { return }
        let reader = try KafkaSubscriber(configuration.client, group: nil, logger: logger)
        do {
            let subscription = try await reader.subscribe(to: topic)
            while !missing.isEmpty, let batch = try await next(subscription) {
                var wanted: [Delivery] = []
                for delivery in batch {
                    delivery.acknowledge()
                    guard let partition = delivery.origin.partition, let offset = delivery.origin.offset,
                        let end = ends[partition], offset < end
                    else { continue }
                    wanted.append(delivery)
                }
                for delivery in batch {
                    guard let partition = delivery.origin.partition, let offset = delivery.origin.offset,
                        let end = missing[partition], offset >= end - 1
                    else { continue }
                    missing[partition] = nil
                }
                if !wanted.isEmpty { try await body(wanted) }
            }
        } catch {
            await reader.close()
            throw error
        }
        await reader.close()
    }

    /// - Returns: nil when nothing has come for long.
    private func next(_ subscription: Subscription) async throws -> [Delivery]? {
        try await withThrowingTaskGroup(of: [Delivery]?.self) { group in
            group.addTask { try await subscription.next() }
            group.addTask {
                try await Task.sleep(for: Self.patience)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }
}
