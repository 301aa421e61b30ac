import Sluice
import Synchronization

/// What gateways on one Kafka agree on, so that each verdict is counted once by all of them: the one that leads the counting tells
/// on the topic of facts what it counts, and counts it when that comes back, unless another was faster.
///
/// All gateways note what they read there. One that takes over goes on where the other was.
final class SharedVerdicts: Sendable {
    /// How long what was told may take to come back before it is told again, in seconds.
    private static let patience: Int64 = 60

    /// Whose figures it is counted in: this run of this process.
    let counter = MessageID().description
    private let queue: any EventQueue
    private let meter: DeploymentMeter
    private let state = Mutex(State())

    private struct State {
        /// What was told and has not come back.
        var told: [Verdict.Key: (verdict: Verdict, parts: Verdict.Parts)] = [:]
        /// When the beginning was told.
        var begunAt: Int64?

        mutating func settle(_ entry: CountedVerdicts.Entry) {
            guard let held = told[entry.key] else { return }
            let rest = held.parts.subtracting(entry.parts)
            told[entry.key] = rest.isEmpty ? nil : (held.verdict, rest)
        }
    }

    init(_ queue: any EventQueue, _ meter: DeploymentMeter) {
        (self.queue, self.meter) = (queue, meter)
    }

    /// Whether the gateways have agreed on what was there before the counting began, as far as this one has read.
    func hasBegun(_ ledger: DeploymentLedger) async throws -> Bool {
        let topic = queue.facts.name
        return try await ledger.perform { database in try LedgerVerdicts.hasBegun(on: topic, database) }
    }

    /// Whether the beginning should be told now, and not only waited for.
    func mayBegin(at clock: Int64) -> Bool {
        state.withLock { state in state.begunAt.map { clock - $0 >= Self.patience } ?? true }
    }

    /// Tells what was there before the counting began.
    func begin(_ entries: [CountedVerdicts.Entry], at clock: Int64) async throws {
        let told = CountedVerdicts(counter: nil, entries: entries, endsBeginning: true)
        try await queue.share(told.pieces.map(\.message))
        state.withLock { $0.begunAt = clock }
    }

    /// Tells that this process counts these.
    func tell(_ due: [(verdict: Verdict, parts: Verdict.Parts)]) async throws {
        // Before it is on its way: it may be back before the answer is.
        state.withLock { state in
            for (verdict, parts) in due {
                state.told[verdict.key] = (verdict, parts.union(state.told[verdict.key]?.parts ?? []))
            }
        }
        let entries = due.map { CountedVerdicts.Entry(key: $0.verdict.key, parts: $0.parts) }
        try await queue.share(CountedVerdicts(counter: counter, entries: entries).pieces.map(\.message))
    }

    /// Takes in what gateways told, in the order of the topic.
    func take(_ told: [CountedVerdicts], _ ledger: DeploymentLedger) async throws {
        let topic = queue.facts.name
        let fresh = try await ledger.perform { database in try LedgerVerdicts.note(told, on: topic, database) }
        let mine = state.withLock { state in
            let mine = fresh.compactMap { told -> (Verdict, Verdict.Parts)? in
                guard told.counter == counter, let held = state.told[told.entry.key] else { return nil }
                return (held.verdict, held.parts.intersection(told.entry.parts))
            }
            for counted in told where counted.counter == counter {
                for entry in counted.entries { state.settle(entry) }
            }
            return mine
        }
        for (verdict, parts) in mine { meter.count(verdict, parts) }
    }
}
