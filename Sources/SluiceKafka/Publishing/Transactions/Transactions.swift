import Sluice
import Synchronization

/// A publisher's transactions, one after the other. What blocks in them runs on a thread of its own, while the
/// publisher's takes the reports.
final class Transactions: Sendable {
    private let core: ProducerCore
    private let timeout: Duration
    private let turns = Seats(1)
    private let calls: BlockingCalls
    private let thread: WorkerThread

    init(_ core: ProducerCore, timeout: Duration) throws {
        let signal = ThreadSignal()
        let calls = BlockingCalls(wake: { signal.raise() })
        self.core = core
        self.timeout = timeout
        self.calls = calls
        thread = try WorkerThread(name: "sluice-kafka-tx") {
            calls.run { signal.wait(until: nil) }
        }
    }

    deinit {
        calls.close()
    }

    func run<Result>(
        _ publisher: KafkaPublisher, _ body: (KafkaTransaction) async throws -> Result
    ) async throws -> Result {
        try await turns.take()
        defer { turns.giveBack() }
        let client = try core.enter()
        defer { client.leave() }
        let deadline = MonotonicTime.now().advanced(by: timeout)
        do {
            try await calls.perform { () throws(KafkaError) in try client.beginTransaction(deadline) }
        } catch {
            // Only a new producer can begin after a state that no transaction begins in.
            if !error.isRetriable { client.abort(error) }
            throw error
        }
        let transaction = KafkaTransaction(publisher, client)
        let result: Result
        let commits: [KafkaTransaction.Commit]
        do {
            result = try await body(transaction)
            commits = try transaction.end()
        } catch {
            _ = try? transaction.end()
            await abort(client, deadline)
            throw error
        }
        do {
            try await calls.perform { () throws(KafkaError) in try client.commitTransaction(commits, deadline) }
        } catch {
            if error.requiresAbort { await abort(client, deadline) } else { client.abort(error) }
            throw error
        }
        core.monitor.count("committed")
        return result
    }

    /// Ends the thread.
    func end() async {
        calls.close()
        await thread.end()
    }

    private func abort(_ client: ProducerClient, _ deadline: MonotonicTime) async {
        core.monitor.count("aborted")
        do {
            try await calls.perform { () throws(KafkaError) in try client.abortTransaction(deadline) }
        } catch {
            // The next producer of the same transactional id ends it.
            client.abort(error)
        }
    }
}
