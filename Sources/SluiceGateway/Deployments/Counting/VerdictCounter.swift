import Logging
import ServiceLifecycle
import Sluice
import Synchronization

/// Counts what deployments turned out to be, by the same code as the report, each once: ten minutes after the last fact that
/// changed it.
///
/// A gateway that does not lead notes at the same time what the leader counts, and counts it no more when it takes over. Facts that
/// were there before the counting began, or came with a file that was made again, are noted and not counted.
final class VerdictCounter: Service {
    /// Of what the gauges tell, in days.
    private static let span = 30

    private let ledger: DeploymentLedger
    private let store: FactStore
    private let meter: DeploymentMeter
    private let leads: @Sendable () -> Bool
    private let interval: Duration
    private let logger: Logger
    private let state: Mutex<State>

    private struct State {
        var timer: VerdictTimer
        var stamp: String?
    }

    /// - Parameter leads: whether this process counts.
    init(
        ledger: DeploymentLedger, store: FactStore, meter: DeploymentMeter, pace: VerdictPace,
        leads: @escaping @Sendable () -> Bool, logger: Logger
    ) {
        (self.ledger, self.store, self.meter, self.leads, self.logger) = (ledger, store, meter, leads, logger)
        interval = pace.interval
        state = Mutex(State(timer: VerdictTimer(patience: pace.patience.components.seconds)))
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                do {
                    try await look(at: MonotonicTime.now().seconds, .now())
                } catch {
                    // It is tried again; a damaged file is made again when its route finds it so.
                    logger.debug("deployments cannot be counted now", metadata: ["error": "\(error)"])
                }
                try? await Task.sleep(for: interval)
            }
        }
    }

    /// Counts what is due.
    /// - Parameter clock: seconds of a clock that is never set.
    func look(at clock: Int64, _ now: Timestamp) async throws {
        guard try await ledger.perform(LedgerVerdicts.canBegin) else { return }
        let stamp = try await ledger.perform(LedgerVerdicts.stamp)
        let isSame = state.withLock { $0.stamp == stamp && $0.timer.isEmpty }
        guard !isSame else { return }
        var history = DeploymentHistory()
        try store.forEach { history.add($0) }
        let counted = try await ledger.perform(LedgerVerdicts.counted)
        let (verdicts, report) = verdicts(of: history, now, counted)
        let hasBegun = try await ledger.perform(LedgerVerdicts.hasBegun)
        let due =
            hasBegun
            ? state.withLock { $0.timer.take(verdicts, at: clock) } : verdicts.map { ($0.verdict, $0.verdict.parts) }
        let isLeading = leads()
        let fresh = try await ledger.perform { database in
            let fresh = try LedgerVerdicts.note(due, database)
            try LedgerVerdicts.begin(database)
            return fresh
        }
        state.withLock { $0.stamp = stamp }
        for place in report.places { meter.show(place) }
        for pending in report.pending { meter.show(pending) }
        guard hasBegun, isLeading else { return }
        for (verdict, parts) in fresh { meter.count(verdict, parts) }
    }

    private func verdicts(
        of history: DeploymentHistory, _ now: Timestamp, _ counted: [Verdict.Key: Verdict.Parts]
    ) -> (verdicts: [(verdict: Verdict, counted: Verdict.Parts)], report: DeploymentReport) {
        let period = DeploymentReport.Period(from: now.advanced(by: .seconds(-Self.span * 86_400)), to: now)
        var maker = ReportMaker(history, DeploymentReport.Query(period: period, now: now))
        var verdicts: [(verdict: Verdict, counted: Verdict.Parts)] = []
        maker.onPlace = { name, judged, history in
            for deployment in judged {
                let id = history.deployments[deployment.record].id
                let key = Verdict.Key(service: name.service, environment: name.environment, id: id)
                let known = counted[key] ?? []
                let leads =
                    known.contains(.kind)
                    ? []
                    : deployment.fresh.compactMap { commit -> Int64? in
                        let lead = LeadTimeOfCommit(commit, at: deployment.finishedAt, history.commits, .standard)
                        if case .known(let time, _) = lead { return time }
                        return nil
                    }
                let recovery = deployment.recovery.flatMap { recovery in recovery.to.map { max(0, $0 - recovery.from) }
                }
                let verdict = Verdict(
                    key: key, kind: deployment.kind, leadTimes: leads, hasFailed: deployment.hasFailed,
                    recovery: recovery)
                if !verdict.parts.isSubset(of: known) { verdicts.append((verdict, known)) }
            }
        }
        let report = maker.make()
        return (verdicts, report)
    }
}
