import Foundation
import Sluice
import SluiceHTTP
import SluicePrometheus
import Synchronization

/// Makes the snapshot out of what the parts of the gateway know. It waits for nothing.
final class SnapshotMaker: Sendable {
    /// What it asks.
    struct Parts: Sendable {
        let registry: PrometheusRegistry
        let router: Router
        let sinks: RunningSinks
        let sources: [IntakeRoutes.Entry]
        let queue: any EventQueue
        /// The log's file; nil where Kafka is the queue.
        let log: String?
        let dataDirectory: String
        let readiness: ReadinessBoard
        let reloader: Reloader
        let backlog: BacklogMeter
        let ledger: DeploymentLedger
        /// Nil where there is no journal.
        let past: PastTroubles?
        /// Jobs that send messages again.
        let jobs: @Sendable () -> [RedriveRecord]
        let startedAt: Timestamp
    }

    let parts: Parts
    private let latest = Mutex<[Snapshot.Deployment]>([])
    private let sampler = Mutex<FlowSampler?>(nil)

    init(_ parts: Parts) {
        self.parts = parts
    }

    /// What keeps the flows, to be run beside the gateway's other services.
    func makeSampler() -> FlowSampler {
        let made = FlowSampler(totals: { [weak self] in self?.totals() ?? [:] }) { [weak self] in await self?.refresh()
        }
        sampler.withLock { $0 = made }
        return made
    }

    private func refresh() async {
        askAnew()
        if let read = try? await parts.ledger.newest(limit: 100) { latest.withLock { $0 = read } }
    }

    private func totals() -> [String: Int64] {
        let figures = StatusFigures(parts.registry)
        var totals = ["queue": figures.sum(.messagesPublished, of: parts.queue.events.name) { self.isIntake($0) }]
        for source in parts.sources { totals["sources.\(source.name)"] = Self.total(source, figures) }
        for running in parts.sinks.all {
            totals["sinks.\(running.sink.name)"] = Self.total(running.sink, figures)
            let name = running.destination.name
            if totals["destinations.\(name)"] == nil {
                let status = running.destination.status
                totals["destinations.\(name)"] = status.attemptsInAll
                parts.past?.settle(status)
            }
        }
        return totals
    }

    /// How long the log may take to say what waits there.
    private static let patience = Duration.milliseconds(50)

    /// The snapshot, after a look at the log. Kafka is not asked: what it said last counts.
    func fresh() async -> Snapshot {
        if parts.log != nil { await parts.backlog.update(within: Self.patience) } else { askAnew() }
        return snapshot
    }

    private func askAnew() {
        for group in parts.sinks.all.flatMap(\.sink.groups) { _ = parts.backlog.known(group) }
    }

    var snapshot: Snapshot {
        let now = Timestamp.now()
        let figures = StatusFigures(parts.registry)
        let routes = Dictionary(parts.router.status.map { ($0.name, $0) }) { first, _ in first }
        let running = parts.sinks.all
        let readiness = parts.readiness.current
        let values = EffectiveIndex(parts.reloader.values)
        var snapshot = Snapshot(
            time: now, verdict: Snapshot.Verdict(level: .well, text: "", isReady: readiness.reasons.isEmpty),
            build: .init(version: SluiceVersion.text, swift: SluiceVersion.swift, started: parts.startedAt),
            queue: queue(figures), poison: poison(figures), configuration: parts.reloader.snapshot)
        snapshot.sources = parts.sources.map { source($0, routes, figures) }
        snapshot.destinations = running.map(\.destination).uniqued(by: \.name).map {
            destination($0, running, figures, values)
        }
        snapshot.sinks = running.map { sink($0, routes, snapshot.destinations, figures, values, now) }
        let jobs = parts.jobs().filter { !$0.progress.state.isFinal }.prefix(100).map(Snapshot.Job.init)
        snapshot.jobs = jobs.isEmpty ? nil : jobs
        snapshot.deployments = latest.withLock(\.self)
        snapshot.verdict = .init(readiness, snapshot)
        return snapshot
    }

    // MARK: Its parts

    private func flow(_ box: String, _ total: Int64) -> Snapshot.Flow {
        sampler.withLock(\.self)?.flow(of: box, total: total) ?? Snapshot.Flow(total: total)
    }

    private func isIntake(_ sample: PrometheusRegistry.Sample) -> Bool {
        guard let route = sample["handler_name"] else { return false }
        return parts.sources.contains { $0.routes.contains(route) }
    }

    private static func total(_ source: IntakeRoutes.Entry, _ figures: StatusFigures) -> Int64 {
        source.routes.reduce(0) { $0.addingSaturated(figures.sum(.messagesReceived, of: $1)) }
    }

    /// What the sink is done with.
    private static func total(_ sink: ConfiguredSink, _ figures: StatusFigures) -> Int64 {
        sink.groups.reduce(0) { sum, group in
            sum.addingSaturated(
                figures.sum(.deliveries, of: group) {
                    ["acked", "poisoned", "discarded"].contains($0["outcome"] ?? "")
                })
        }
    }

    /// Each of its groups reads everything, and passes over what is another's.
    private static func lag(_ sink: ConfiguredSink, _ figures: StatusFigures) -> Int64 {
        sink.groups.map { figures.sum(.consumerLag, of: $0) }.max() ?? 0
    }

    /// Of a sink with several groups without what they pass over, which each of them counts.
    private static func outcomes(_ sink: ConfiguredSink, _ figures: StatusFigures) -> [Snapshot.Count] {
        let counts = sink.groups.map { figures.counts(.deliveries, of: $0, by: "outcome") }
        guard counts.count > 1 else { return counts.first ?? [] }
        var sums: [String: Int64] = [:]
        for count in counts.joined() where count.name != DeliveryOutcome.filtered.rawValue {
            sums[count.name] = (sums[count.name] ?? 0).addingSaturated(count.count)
        }
        return sums.map { Snapshot.Count($0.key, $0.value) }.sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    }

    private func source(
        _ source: IntakeRoutes.Entry, _ routes: [String: Router.RouteStatus], _ figures: StatusFigures
    ) -> Snapshot.Source {
        var shown = Snapshot.Source(name: source.name, kind: source.kind, routes: source.routes, paths: source.paths)
        shown.flow = flow("sources.\(source.name)", Self.total(source, figures))
        shown.isUnsigned = source.isUnsigned
        shown.missingSecret = source.missingSecret
        let states = source.routes.compactMap { routes[$0] }
        if let faulty = states.first(where: { !$0.isRunning }) {
            (shown.state, shown.note) = (Snapshot.State(faulty) ?? .connecting, faulty.note)
        } else {
            shown.state = shown.flow.perSecond > 0 ? .flowing : .idle
        }
        for path in source.paths {
            shown.refused += figures.counts(.httpRequests, of: path, by: "code").filter { !$0.name.hasPrefix("2") }
        }
        return shown
    }

    private func queue(_ figures: StatusFigures) -> Snapshot.Queue {
        let topic = parts.queue.events.name
        var shown = Snapshot.Queue(kind: parts.log == nil ? "kafka" : "log", topic: topic)
        let total = figures.sum(.messagesPublished, of: topic) { self.isIntake($0) }
        shown.flow = flow("queue", total)
        shown.failure = parts.queue.readiness.reasons.first
        shown.state = shown.failure != nil ? .down : shown.flow.perSecond > 0 ? .flowing : .idle
        shown.bytes = parts.log.map { FileSpace.bytes(of: [$0, "\($0)-wal", "\($0)-shm"]) }
        shown.diskFree = FileSpace.free(at: parts.dataDirectory)
        return shown
    }

    private func poison(_ figures: StatusFigures) -> Snapshot.Poison {
        let topic = parts.queue.poison.name
        var shown = Snapshot.Poison(topic: topic)
        shown.messages = figures.sum(.poisonQueueMessages, of: topic)
        shown.oldest = Timestamp(seconds: figures.value(.poisonOldestMessage, of: topic))
        shown.causes = figures.boxes(.poisoned).flatMap { route in
            figures.counts(.poisoned, of: route, by: "reason").map {
                Snapshot.PoisonCause(route: route, reason: $0.name, count: $0.count)
            }
        }.sorted { ($1.count, $0.route, $0.reason) < ($0.count, $1.route, $1.reason) }
        return shown
    }

    private func destination(
        _ destination: Destination, _ running: [RunningSinks.Running], _ figures: StatusFigures,
        _ values: EffectiveIndex
    ) -> Snapshot.Destination {
        let status = destination.status
        let name = status.name
        var shown = Snapshot.Destination(name: name)
        shown.flow = flow("destinations.\(name)", status.attemptsInAll)
        let sinks = running.filter { $0.destination.name == name }.map(\.sink)
        let queued = sinks.reduce(Int64(0)) { $0.addingSaturated(Self.lag($1, figures)) }
        shown.note = status.note(waiting: max(status.waiting, Int(clamping: queued)))
        shown.take(status)
        parts.past?.add(to: &shown)
        if let permits = figures.value(.destinationPermits, of: name), permits > 0, permits.isFinite {
            shown.permitsPerSecond = permits
            shown.throttleUse = shown.flow.perSecond / permits
        }
        if let limit = figures.value(.destinationConcurrencyLimit, of: name), limit > 0, limit.isFinite {
            shown.concurrencyLimit = Int64(saturating: limit)
            shown.concurrency = figures.sum(.destinationConcurrencyInUse, of: name)
        }
        shown.breaker = figures.all(.breakerState, of: name).first { $0.value == 1 }?["state"]
        shown.policy = values["destinations", name]
        shown.state =
            status.shut.map { Snapshot.State($0.why) }
            ?? (shown.waiting + shown.waitingForThrottle + shown.waitingForConcurrency > 0
                ? .waiting : shown.flow.perSecond > 0 ? .flowing : .idle)
        return shown
    }

    private func sink(
        _ running: RunningSinks.Running, _ routes: [String: Router.RouteStatus], _ destinations: [Snapshot.Destination],
        _ figures: StatusFigures, _ values: EffectiveIndex, _ now: Timestamp
    ) -> Snapshot.Sink {
        let sink = running.sink
        let kind = Registry.sinks.first { $0.isKind(sink.options) }?.name
        var shown = Snapshot.Sink(
            name: sink.name, kind: kind ?? (sink.name == Registry.fallback.name ? sink.name : "own"),
            group: sink.group, destination: sink.destination)
        shown.flow = flow("sinks.\(sink.name)", Self.total(sink, figures))
        shown.outcomes = Self.outcomes(sink, figures)
        for group in sink.groups {
            // What a route has taken in beyond what its ordering handles at once waits for its turn.
            let limit = figures.sum(.deliveriesInFlightLimit, of: group)
            shown.inFlight += min(limit, figures.sum(.deliveriesInFlight, of: group))
            shown.inFlightLimit += limit
        }
        shown.lag = Self.lag(sink, figures)
        shown.oldest = sink.groups.compactMap { Timestamp(seconds: figures.value(.oldestPending, of: $0)) }.min()
        let destination = destinations.first { $0.name == sink.destination }
        let isShut = destination?.shutBy != nil
        if shown.lag > 0, shown.flow.perSecond > 0, !isShut {
            let seconds = min(Double(shown.lag) / shown.flow.perSecond, 1e9)
            shown.emptyBy = now.advanced(by: .seconds(seconds))
        }
        shown.policy = values["sinks", sink.name]
        let own = sink.groups.compactMap { routes[$0] }
        let route = own.first { Snapshot.State($0) != nil } ?? own.first
        shown.note = route?.note ?? destination?.note
        shown.state =
            route.flatMap { Snapshot.State($0) } ?? (isShut ? destination?.state : nil)
            ?? (shown.flow.perSecond > 0 ? .flowing : shown.lag > 0 ? .waiting : .idle)
        return shown
    }
}

extension Snapshot.Job {
    fileprivate init(_ record: RedriveRecord) {
        let (job, progress) = (record.job, record.progress)
        self.init(
            id: job.id, kind: job.kind.rawValue, to: job.name, state: progress.state.rawValue, why: progress.why,
            total: job.total, delivered: progress.delivered, failed: progress.failed, skipped: progress.skipped,
            left: record.left, rate: job.rate, begun: job.created, by: job.by)
    }
}
