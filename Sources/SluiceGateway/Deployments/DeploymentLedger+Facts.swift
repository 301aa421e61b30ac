import GRDB
import Sluice

/// A fact as the queue has it.
struct ReceivedFact: Sendable {
    let fact: Fact
    let id: MessageID
    /// The id of the event that tells sinks of the same.
    let event: String?
    /// When the queue took it.
    let receipt: Timestamp

    /// - Returns: nil where the message holds none that this version can read.
    init?(_ message: Message, receivedAt receipt: Timestamp) {
        guard let fact = try? Fact(message) else { return nil }
        self.fact = fact
        id = message.id
        event = message.metadata[Fact.eventKey]
        self.receipt = receipt
    }
}

extension DeploymentLedger {
    /// Whether the facts that the queue holds have yet to be read into the file: it is new, or was made again.
    var lacksFacts: Bool {
        get async throws { try await perform { database in try !LedgerFacts.isComplete(database) } }
    }

    /// Takes facts in.
    /// - Returns: false where the file lacks what came before: then nothing is taken in.
    func record(_ facts: [ReceivedFact]) async throws -> Bool {
        let fresh = try await perform { database in
            try LedgerFacts.isComplete(database) ? Self.take(facts, database) : nil
        }
        guard let fresh else { return false }
        noteAll(fresh)
        return true
    }

    /// Takes facts in that were read before.
    func learn(_ facts: [ReceivedFact]) async throws {
        noteAll(try await perform { database in try Self.take(facts, database) })
    }

    private func noteAll(_ facts: [ReceivedFact]) {
        note { changes in
            for fact in facts { changes.note(fact.fact) }
        }
    }

    /// All that the queue held is known now.
    func completeFacts() async throws {
        try await perform { database in try LedgerFacts.markComplete(database) }
    }

    /// - Returns: those that were not known.
    private static func take(_ facts: [ReceivedFact], _ database: Database) throws -> [ReceivedFact] {
        try facts.filter { fact in
            try LedgerFacts.record(fact.fact, id: fact.id, event: fact.event, receivedAt: fact.receipt, database)
        }
    }

    /// The facts of a span of time, as ``FactStore`` has them.
    func facts(
        since: Timestamp? = nil, until: Timestamp? = nil, where filter: FactFilter = FactFilter()
    ) async throws -> [Fact] {
        try await perform { database in
            var facts: [Fact] = []
            try FactQuery(since: since, until: until, filter: filter).forEach(database) { facts.append($0) }
            return facts
        }
    }
}
