import Logging
import ServiceLifecycle
import Sluice
import Synchronization

/// Counts what deployments turned out to be, by the same code as the report, each once: ten minutes after the last fact that
/// changed it.
///
/// Of several gateways the one that leads counts; on one log they note it in the file that they share, on Kafka they agree by
/// ``SharedVerdicts``. Facts that were there before the counting began, or came with a file that was made again, are noted and
/// not counted.
final class VerdictCounter: Service {
    /// At most such a part of a processor is used: what took long is not done again soon.
    private static let share = 50

    private let ledger: DeploymentLedger
    private let store: FactStore
    private let meter: DeploymentMeter
    private let shared: SharedVerdicts?
    private let leads: @Sendable () -> Bool
    private let interval: Duration
    private let span: Duration
    private let logger: Logger
    private let state: Mutex<State>

    private struct State {
        var book: VerdictBook
        /// Of the file, when it was read.
        var version: Int64?
    }

    /// - Parameters:
    ///   - shared: how gateways agree that have no file in common.
    ///   - span: what was deployed longer ago is counted no more: less than what was counted is kept for.
    ///   - leads: whether this process counts.
    init(
        ledger: DeploymentLedger, store: FactStore, meter: DeploymentMeter, pace: VerdictPace,
        shared: SharedVerdicts? = nil, span: Duration = .seconds(200 * 86_400), leads: @escaping @Sendable () -> Bool,
        logger: Logger
    ) {
        (self.ledger, self.store, self.meter, self.leads, self.logger) = (ledger, store, meter, leads, logger)
        (self.shared, self.span) = (shared, span)
        interval = pace.interval
        state = Mutex(State(book: VerdictBook(patience: pace.patience.components.seconds)))
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                var hasBegun = false
                let start = ContinuousClock.now
                do {
                    hasBegun = try await look(at: MonotonicTime.now().seconds, .now())
                } catch {
                    // It is tried again; a damaged file is made again when its route finds it so.
                    logger.debug("deployments cannot be counted now", metadata: ["error": "\(error)"])
                }
                // What comes before the counting begins is not counted: it begins as soon as the file is complete.
                let pause = hasBegun ? interval : min(interval, .seconds(1))
                try? await Task.sleep(for: max(pause, (ContinuousClock.now - start) * Self.share))
            }
        }
    }

    /// Counts what is due.
    /// - Parameter clock: seconds of a clock that is never set.
    /// - Returns: false while the file lacks what the queue had when it was made, or gateways have not agreed on that.
    @discardableResult
    func look(at clock: Int64, _ now: Timestamp) async throws -> Bool {
        guard try await ledger.perform(LedgerVerdicts.canBegin), try await begin(at: clock, now) else { return false }
        try await judge(at: clock, now)
        let keys = state.withLock(\.book.verdicts).map(\.key)
        let counted = try await ledger.perform { database in try LedgerVerdicts.counted(keys, database) }
        let isLeading = leads()
        let due = state.withLock { state in
            state.book.refresh(counted)
            return state.book.due(at: clock, isTaken: isLeading)
        }
        do {
            if !due.isEmpty { try await count(due) }
        } catch {
            state.withLock { $0.book.giveBack(due, at: clock) }
            throw error
        }
        return true
    }

    private func count(_ due: [(verdict: Verdict, parts: Verdict.Parts)]) async throws {
        if let shared { return try await shared.tell(due) }
        for (verdict, parts) in try await ledger.perform({ database in try LedgerVerdicts.note(due, database) }) {
            meter.count(verdict, parts)
        }
    }

    // MARK: Judging

    /// Judges anew what something new is known of.
    private func judge(at clock: Int64, _ now: Timestamp) async throws {
        let version = try await ledger.perform(LedgerVerdicts.version)
        var changes = ledger.takeChanges()
        let stale = state.withLock { state in
            // Another process has written to the file.
            if state.version != version { changes = .everything }
            return state.book.stale(changes, at: clock)
        }
        guard !stale.isEmpty else { return }
        do {
            let found = try await find(stale, now)
            state.withLock { state in
                state.version = version
                state.book.replace(stale, by: found, at: clock)
            }
            for place in found.places { meter.show(place) }
            for pending in found.pending { meter.show(pending) }
        } catch {
            ledger.note { [changes] in $0.merge(changes) }
            throw error
        }
    }

    private func find(_ stale: VerdictBook.Stale, _ now: Timestamp) async throws -> VerdictFinder.Found {
        let finder = VerdictFinder(now: now, oldest: now.advanced(by: .zero - span))
        switch stale {
        case .everything:
            let counted = try await ledger.perform { database in try LedgerVerdicts.counted(database) }
            return finder.find(in: try store.history(), counted: counted)
        case .services(let services):
            let counted = try await ledger.perform { database in try LedgerVerdicts.counted(database, of: services) }
            let repositories = state.withLock { $0.book.repositories(of: services) }
            return finder.find(in: try store.history(of: services, in: repositories), counted: counted)
        }
    }

    // MARK: Beginning

    /// Notes what was there before the counting began.
    /// - Returns: false while that is not known to all gateways.
    private func begin(at clock: Int64, _ now: Timestamp) async throws -> Bool {
        let hasBegun = try await ledger.perform(LedgerVerdicts.hasBegun)
        guard let shared else {
            if !hasBegun {
                let found = try await find(.everything, now).verdicts.map { ($0.verdict, $0.verdict.parts) }
                try await ledger.perform { database in
                    _ = try LedgerVerdicts.note(found, database)
                    try LedgerVerdicts.begin(database)
                }
            }
            return true
        }
        if try await shared.hasBegun(ledger) { return true }
        guard leads(), shared.mayBegin(at: clock) else { return false }
        // A file in which was counted before the gateways shared it says what was.
        let entries: [CountedVerdicts.Entry]
        if hasBegun {
            let counted = try await ledger.perform { database in try LedgerVerdicts.counted(database) }
            entries = counted.map { .init(key: $0.key, parts: $0.value) }
        } else {
            entries = try await find(.everything, now).verdicts.map {
                .init(key: $0.verdict.key, parts: $0.verdict.parts)
            }
        }
        try await shared.begin(entries, at: clock)
        return false
    }
}
