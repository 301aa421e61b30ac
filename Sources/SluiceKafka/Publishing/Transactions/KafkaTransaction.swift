public import Sluice
import Synchronization

/// What is published and committed together, or not at all.
public final class KafkaTransaction: Sendable {
    struct Commit: Sendable {
        let group: KafkaGroupMetadata
        let positions: [KafkaPosition]
    }

    private struct State {
        var commits: [Commit] = []
        var failure: (any Error)?
        var isOver = false
    }

    private let publisher: KafkaPublisher
    private let client: ProducerClient
    private let state = Mutex(State())

    init(_ publisher: KafkaPublisher, _ client: ProducerClient) {
        self.publisher = publisher
        self.client = client
    }

    /// Returns when the brokers have the messages, which readers of committed messages see when the transaction ends.
    /// - Throws: as `KafkaPublisher.publish`. After that the transaction is aborted, whatever its body does.
    public func publish(_ messages: [Message], to topic: Topic) async throws {
        do {
            try topic.validateForKafka()
            guard !messages.isEmpty else { return }
            try state.withLock { if $0.isOver { throw ClosedError("kafka transaction") } }
            try client.enter()
            try await publisher.publish(messages, to: topic, by: client)
        } catch {
            state.withLock { if $0.failure == nil { $0.failure = error } }
            throw error
        }
    }

    /// Lets the group go on from these positions if, and only if, the transaction is committed.
    public func commit(_ positions: [KafkaPosition], of group: KafkaGroupMetadata) {
        guard !positions.isEmpty else { return }
        state.withLock { $0.commits.append(Commit(group: group, positions: positions)) }
    }

    /// Takes nothing more.
    /// - Throws: what went wrong inside.
    func end() throws -> [Commit] {
        try state.withLock { state in
            state.isOver = true
            if let failure = state.failure { throw failure }
            return state.commits
        }
    }
}

extension KafkaPublisher {
    /// Publishes and commits what `body` asks for, all of it or nothing. Needs a `transactionalID`.
    ///
    /// With the positions of what was consumed, each message is handled exactly once: consume, transform, produce.
    /// Readers have to ask for committed messages only (`isolation.level=read_committed`, librdkafka's default). One
    /// transaction at a time; others wait for their turn. It has to end within `transactionTimeout`.
    /// - Throws: what `body` throws, after which the transaction is aborted; ``KafkaError`` where brokers refuse it;
    ///   `ConfigurationError` without a `transactionalID`.
    public func transaction<Result>(
        _ body: (KafkaTransaction) async throws -> Result
    ) async throws -> Result {
        guard let transactions else {
            throw ConfigurationError("KafkaPublisher.transactionalID", expected: "a name, for transactions")
        }
        return try await transactions.run(self, body)
    }
}
