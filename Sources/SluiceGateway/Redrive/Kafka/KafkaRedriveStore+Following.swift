import Logging
import Sluice
import SluiceKafka
import Synchronization

extension KafkaRedriveStore {
    /// How soon it is looked again whether the topic is there.
    private static let missingInterval: Duration = .seconds(1)
    /// After so long without a record, what was there is read, though the last of it may be gone.
    private static let silence: Duration = .seconds(30)

    func follow() async {
        let backoff = Backoff.exponential(upTo: .seconds(10))
        var attempt = 0
        while !Task.isCancelled {
            var pause = Self.missingInterval
            if absence == nil {
                do {
                    try await read()
                    attempt = 0
                } catch {
                    note(problem: "the topic \(topic) cannot be read: \(error)")
                    attempt += 1
                    pause = backoff.delay(beforeRetry: attempt, by: .real)
                }
            }
            try? await Task.sleep(for: pause)
        }
    }

    private func note(problem: String?) {
        let isNews = state.withLock { state in
            defer { state.problem = problem }
            return state.problem == nil && problem != nil
        }
        if let problem, isNews, !Task.isCancelled {
            logger.warning("jobs cannot be followed", metadata: ["reason": "\(problem)"])
        }
    }

    /// Reads the topic from its beginning, for as long as the subscription lasts.
    private func read() async throws {
        let bounds = try await reader.bounds(of: topic)[0] ?? 0..<0
        var options = KafkaSubscriber.Configuration()
        options.createsMissingTopics = false
        options.prefetchKilobytes = 4_096
        let subscriber = try KafkaSubscriber(configuration.client, group: nil, configuration: options, logger: logger)
        do {
            let subscription = try await subscriber.subscribe(to: topic)
            try await follow(subscription, newest: bounds.isEmpty ? -1 : bounds.upperBound - 1) {
                subscriber.connectionState.isConnected
            }
        } catch {
            await subscriber.close()
            throw error
        }
        await subscriber.close()
    }

    /// - Parameter newest: what is to be read before anything is believed.
    private func follow(
        _ subscription: Subscription, newest: Int64, isConnected: () -> Bool
    ) async throws {
        var first = KafkaRedriveState()
        var through: Int64 = -1
        var isWhole = newest < 0
        if isWhole { become(first, through: through) }
        while let batch = try await next(subscription, isWhole) {
            for delivery in batch { delivery.acknowledge() }
            let mine = batch.filter { $0.origin.partition == 0 }
            through = mine.last?.origin.offset ?? through
            if isWhole {
                take(mine, through: through)
            } else {
                for delivery in mine { take(delivery, into: &first) }
                guard through >= newest || (batch.isEmpty && isConnected()) else { continue }
                isWhole = true
                become(first, through: through)
                first = KafkaRedriveState()
            }
            note(problem: nil)
        }
    }

    private func become(_ kept: KafkaRedriveState, through: Int64) {
        let waiters = state.withLock { state in
            state.kept = kept
            state.through = through
            return state.waiters.removeAll()
        }
        for waiter in waiters { waiter.resume(returning: .success(())) }
    }

    private func take(_ deliveries: [Delivery], through: Int64) {
        let waiters = state.withLock { state in
            for delivery in deliveries { take(delivery, into: &state.kept) }
            state.through = max(state.through ?? -1, through)
            return state.waiters.removeAll()
        }
        for waiter in waiters { waiter.resume(returning: .success(())) }
    }

    private func take(_ delivery: Delivery, into kept: inout KafkaRedriveState) {
        guard let key = delivery.origin.key.map({ String(decoding: $0, as: UTF8.self) }), key.hasPrefix(prefix) else {
            return
        }
        kept.take(
            key: String(key.dropFirst(prefix.count)), payload: delivery.message.payload,
            at: delivery.origin.timestamp ?? .now())
    }

    /// - Returns: nothing when nothing has come for long; nil at the end.
    private func next(_ subscription: Subscription, _ isWhole: Bool) async throws -> [Delivery]? {
        guard !isWhole else { return try await subscription.next() }
        do {
            return try await withDeadline(Self.silence) { try await subscription.next() }
        } catch is DeadlineError {
            return []
        }
    }
}
