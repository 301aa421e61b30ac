import Logging
import Sluice
import SluiceSQLite

/// Reads the messages of a poison queue that nothing has settled.
protocol PoisonReader: Sendable {
    /// - Returns: what `body` makes of those that match; nil where it is not this one's to read.
    func read<Value>(
        _ filter: PoisonFilter, _ body: (PoisonedMessage, LoggedMessage) -> Value
    ) async throws -> [Value]?
}

/// Reads the poison queue out of the embedded log's file, whether a gateway runs or not.
struct FilePoisonReader: PoisonReader {
    let view: SQLiteLogView

    func read<Value>(
        _ filter: PoisonFilter, _ body: (PoisonedMessage, LoggedMessage) -> Value
    ) throws -> [Value]? {
        try view.unsettled(in: SQLiteQueue.poisonTopic, by: SQLiteQueue.poisonGroup) { logged in
            let message = PoisonedMessage(logged)
            return filter.matches(message) ? body(message, logged) : nil
        }
    }
}

/// Reads Kafka's poison queue, by asking the gateway that runs: it knows what jobs have settled.
struct GatewayPoisonReader: PoisonReader {
    let client: ControlClient

    func read<Value>(
        _ filter: PoisonFilter, _ body: (PoisonedMessage, LoggedMessage) -> Value
    ) async throws -> [Value]? {
        var arguments: [String: String?] = filter.arguments.mapValues { $0 }
        var found: [Value] = []
        while let answer = try await client.askLeader(ControlRequest(.readPoison, arguments)), answer.leads {
            for line in answer.items {
                let (logged, partition) = try PoisonFile.read(line: line)
                found.append(body(PoisonedMessage(logged, partition: partition), logged))
            }
            guard let next = answer.text else { return found }
            arguments["from"] = next
        }
        return nil
    }
}

/// Reads Kafka's poison queue straight from the brokers.
struct BrokerPoisonReader: PoisonReader {
    let kafka: GatewayConfiguration.Kafka

    func read<Value>(
        _ filter: PoisonFilter, _ body: (PoisonedMessage, LoggedMessage) -> Value
    ) async throws -> [Value]? {
        try await withQueue { queue in
            let kept = try await queue.jobs()
            var found: [Value] = []
            try await queue.read(kept, settled: kept.settled.union(try await queue.committed())) { message, logged in
                if filter.matches(message) { found.append(body(message, logged)) }
                return true
            }
            return found
        }
    }

    /// Jobs, and notes about causes.
    func jobs() async throws -> (records: [RedriveRecord], notes: [String: PoisonNote]) {
        try await withQueue { queue in
            let kept = try await queue.jobs()
            return (kept.records, kept.notes)
        }
    }

    private func withQueue<Value>(_ body: (KafkaPoisonQueue) async throws -> Value) async throws -> Value {
        let queue = try KafkaPoisonQueue(kafka, logger: Logger(label: "sluice"))
        do {
            let value = try await body(queue)
            await queue.close()
            return value
        } catch {
            await queue.close()
            throw error
        }
    }
}
