import Logging
import Sluice
import SluiceKafka
import SluiceSQLite
import Synchronization

extension KafkaQueue {
    /// A publish of both returns when the brokers have both. Facts are left out while their topic is missing or forbidden: a
    /// webhook is not refused for what only a person can mend.
    func takeIn(_ events: [Message], facts: [Message]) async throws {
        async let areKept: Void = keep(facts)
        if !events.isEmpty { try await publisher.publish(events, to: self.events) }
        try await areKept
    }

    private func keep(_ facts: [Message]) async throws {
        guard keeper.absence(of: self.facts) == nil else { return factsLeftOut.increment(by: Int64(facts.count)) }
        do {
            do {
                try await kafka.publish(facts, to: self.facts)
            } catch let error where Disposition(of: error).isPermanent {
                // This cluster takes less than others: the commits of a large push are what it can do without.
                try await kafka.publish(facts.map(Fact.shortened), to: self.facts)
            }
            state.withLock { $0.factsRefused = nil }
        } catch let error where Disposition(of: error) != .retry() {
            factsLeftOut.increment(by: Int64(facts.count))
            let isNew = state.withLock { state in
                defer { state.factsRefused = "\(error)" }
                return state.factsRefused == nil
            }
            if isNew { logger.warning("facts are not taken", metadata: ["error": "\(error)"]) }
        }
    }

    /// What is lost while facts are not kept.
    var factNotes: [String] {
        guard connectionIsUsable, let reason = keeper.absence(of: facts) ?? state.withLock(\.factsRefused) else {
            return []
        }
        return [
            "kafka: facts are not kept, and what deployments ship is unknown meanwhile; webhooks are taken: \(reason)"
        ]
    }

    private var connectionIsUsable: Bool { kafka.connectionState.isConnected && keeper.problem == nil }

    /// A client without a group: each gateway has a ledger of its own, and reads all facts into it.
    func ledgerSubscriber(for route: String) throws -> any Subscriber {
        var options = KafkaSubscriber.Configuration()
        options.createsMissingTopics = false
        options.prefetchMessages = 10_000
        options.prefetchKilobytes = max(1_024, 16_384 / Int(configuration.partitions))
        let subscriber = try KafkaSubscriber(configuration.client, group: nil, configuration: options, logger: logger)
        state.withLock { state in
            state.subscribers[route] = subscriber
            state.factReaders.updateValue(nil, forKey: route)
        }
        return subscriber
    }

    func factSubscriber(for route: String, from start: ReaderStart) throws -> any Subscriber {
        let subscriber = try makeSubscriber(for: route)
        state.withLock { _ = $0.factReaders.updateValue(start, forKey: route) }
        return IntroducedSubscriber(subscriber) { [self] in try await introduce(route, toFactsFrom: start) }
    }

    /// Commits where a reader of facts begins that was not there before.
    private func introduce(_ route: String, toFactsFrom start: ReaderStart) async throws {
        if let reason = keeper.absence(of: facts) {
            throw HandlerError(reason, reason: "missing_topic", disposition: .retry())
        }
        let group = group(of: route)
        let positions = try await topics.positions(of: facts, group: group)
        guard !positions.values.contains(where: { $0.committed != nil }) else { return }
        do {
            try await topics.seek(group, of: facts, to: start.position)
        } catch let error as KafkaError where error.saysThatTheGroupHasMembers {
            // A member of the group reads already, and has decided.
        }
    }

    /// The member of the route's group that has the first partition.
    func leads(_ route: String) -> Bool {
        let subscriber = state.withLock { $0.subscribers[route] }
        return subscriber?.lag(of: topic(of: route))?.partitions[0] != nil
    }

    /// How it ends says nothing of webhooks: ``outcomes`` are not told.
    func share(_ messages: [Message]) async throws { try await kafka.publish(messages, to: facts) }

    func topic(of route: String) -> Topic { state.withLock { $0.factReaders[route] == nil } ? events : facts }

    /// First what the embedded log holds from the time when it was the queue.
    func replayFacts(to body: ([(message: Message, receipt: Timestamp)]) async throws -> Void) async throws {
        try await log.replayFacts(to: body)
        guard keeper.absence(of: facts) == nil else { return }
        let ends = try await topics.positions(of: facts, group: group(of: FactsRoute.name)).compactMapValues {
            $0.end > $0.first ? $0.end : nil
        }
        try await read(facts, upTo: ends) { deliveries in
            try await body(deliveries.map { ($0.message, EventTime.receipt($0.origin, now: .now())) })
        }
    }
}

extension Fact {
    /// The message of a push without its commits, where it is larger than a cluster takes; any other stays.
    static func shortened(_ message: Message) -> Message {
        guard case .push(var push) = try? Fact(message), !push.commits.isEmpty else { return message }
        push.commits = []
        push.isComplete = false
        var shortened = message
        shortened.payload = Fact.push(push).message().payload
        return shortened
    }
}

extension Metric {
    static let factsLeftOut = counter(
        "sluice_facts_left_out_total",
        labels: [.topic],
        help:
            "Facts that were not kept because Kafka's topic for them is missing or forbidden. What deployments ship is unknown there."
    )
}
