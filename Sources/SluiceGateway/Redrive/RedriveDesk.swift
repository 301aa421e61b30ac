import Logging
import ServiceLifecycle
import Sluice
import Synchronization

/// Has jobs worked off: each by a route of its own beside the one that its messages are of, with that one's handler, middlewares
/// and destination, behind its live messages. Such a route is made when the first job asks for it.
final class RedriveDesk: Service {
    /// A sink, as jobs know it.
    struct Sink: Sendable {
        let name: String
        /// The routes that deliver to it: its own group's first.
        let routes: [String]
        /// What it wants; nil is everything.
        let only: EventFilter?
        /// Attempts a second that its destination allows; nil for no bound.
        let rate: Double?
    }

    /// How soon a process notices what another has kept.
    private static let interval: Duration = .seconds(1)

    let store: any RedriveStore
    let sinks: @Sendable () -> [Sink]
    private let router: Router
    private let mustWait: @Sendable (String) -> Bool
    private let meter: RedriveMeter
    private let idleTime: Duration
    /// Takes away the series that have this value of a label.
    private let forget: @Sendable (String, String) -> Void
    private let logger: Logger
    private let bell: AsyncStream<Void>.Continuation
    private let rings: AsyncStream<Void>
    private let state = Mutex(State())

    private struct State {
        var records: [RedriveRecord] = []
        var lanes: [String: RedriveLane] = [:]
        var problem: String?
        /// Since when lanes have had no job.
        var idle: [String: MonotonicTime] = [:]
    }

    /// - Parameter idleTime: for how long a lane without a job keeps its route.
    init(
        _ store: any RedriveStore, _ router: Router, sinks: @escaping @Sendable () -> [Sink],
        mustWait: @escaping @Sendable (String) -> Bool, idleTime: Duration,
        forget: @escaping @Sendable (String, String) -> Void, _ instruments: Instruments, logger: Logger
    ) {
        self.store = store
        self.router = router
        self.sinks = sinks
        self.mustWait = mustWait
        self.idleTime = idleTime
        self.forget = forget
        self.logger = logger
        meter = RedriveMeter(instruments)
        (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// The route that sends again what is another's.
    static func route(of lane: String) -> String { prefix + lane }

    /// The route whose messages this one sends again; nil for one that does no such thing.
    static func lane(ofRoute route: String) -> String? {
        route.hasPrefix(prefix) && route.utf8.count > prefix.utf8.count ? String(route.dropFirst(prefix.count)) : nil
    }

    private static let prefix = "redrive-"

    /// Jobs have changed: looks at once.
    func nudge() { bell.yield() }

    /// All jobs, as they were known a moment ago.
    var records: [RedriveRecord] { state.withLock(\.records) }

    /// The lane that sends a route's messages again, and how people call it; nil where there is no such route.
    func lane(of route: String) -> (lane: String, name: String)? {
        if let sink = sinks().first(where: { $0.routes.contains(route) }), let own = sink.routes.first {
            return (own, sink.name)
        }
        return router.route(named: route) == nil ? nil : (route, route)
    }

    /// What its lines of `/readyz` begin with.
    static let noteName = "redrive"
    /// In a line about a job in which too much has failed again.
    static let stoppedWords = "has stopped"

    func report(to readiness: inout Readiness) {
        let (records, lanes, problem) = state.withLock { ($0.records, $0.lanes, $0.problem) }
        if let problem = store.problem ?? problem {
            readiness.notes.append("\(Self.noteName): no messages can be sent again: \(problem)")
        }
        for record in records where !record.progress.state.isFinal {
            let (job, progress) = (record.job, record.progress)
            let state = progress.state == .stopped ? Self.stoppedWords : "is \(progress.state.rawValue)"
            var note = "\(Self.noteName): job \(job.id) (\(job.words)) \(state): \(record.left) are left"
            if let why = progress.why { note += "; \(why)" }
            if progress.state == .running {
                if router.route(named: job.lane) == nil { note += "; there is no route \(job.lane) now" }
                if let problem = lanes[job.lane]?.problem { note += "; \(problem)" }
            } else {
                note += "; `sluice replay resume \(job.id)` lets it go on"
            }
            readiness.notes.append(note)
        }
    }

    // MARK: Working off

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.store.follow() }
                group.addTask {
                    while !Task.isCancelled {
                        self.bell.yield()
                        try? await Task.sleep(for: Self.interval)
                    }
                    self.bell.finish()
                }
                for await _ in self.rings {
                    if Task.isCancelled { break }
                    await self.look { lane in group.addTask { await lane.run() } }
                }
                for lane in self.state.withLock({ Array($0.lanes.values) }) { await lane.close() }
            }
        }
    }

    private func look(start: (RedriveLane) -> Void) async {
        let records: [RedriveRecord]
        do {
            records = try await store.records(knowing: state.withLock(\.records).map(\.job))
        } catch {
            return state.withLock { $0.problem = "\(error)" }
        }
        state.withLock { state in
            state.records = records
            state.problem = nil
        }
        await store.keepUp()
        meter.noteRunning(records.count { $0.progress.state == .running })
        await closeLost()
        let open = Dictionary(grouping: records.filter { !$0.progress.state.isFinal }, by: \.job.lane)
        for lane in open.keys.sorted() where state.withLock({ $0.lanes[lane] == nil }) {
            guard open[lane]?.contains(where: { $0.progress.state == .running }) == true else { continue }
            do {
                if let made = try openLane(lane) { start(made) }
            } catch {
                state.withLock { $0.problem = "\(error)" }
            }
        }
        for (name, lane) in state.withLock(\.lanes) { lane.follow(open[name] ?? []) }
        await closeIdle(besides: Set(open.keys))
    }

    /// A lane that has nothing to do goes, with its route, its series, and what it keeps open to brokers.
    private func closeIdle(besides open: Set<String>) async {
        let now = MonotonicTime.now()
        let busy = state.withLock(\.lanes).filter { open.contains($0.key) || $0.value.isOut }
        let over = state.withLock { state in
            for name in state.lanes.keys where busy[name] == nil && state.idle[name] == nil { state.idle[name] = now }
            state.idle = state.idle.filter { busy[$0.key] == nil && state.lanes[$0.key] != nil }
            let over = state.idle.filter { $0.value.duration(to: now) >= idleTime }.keys.sorted()
            return over.compactMap { name in
                state.idle[name] = nil
                return state.lanes.removeValue(forKey: name).map { (Self.route(of: name), $0) }
            }
        }
        for (route, lane) in over {
            await router.stop(route)
            await lane.close()
            forget("handler_name", route)
        }
    }

    /// The routes of sinks that have ended, or begin anew, are gone.
    private func closeLost() async {
        let lost = state.withLock { state in
            let lost = state.lanes.filter { router.route(named: Self.route(of: $0.key)) == nil }
            for name in lost.keys { state.lanes[name] = nil }
            return lost
        }
        for lane in lost.values { await lane.close() }
    }

    /// - Returns: nil where there is no route whose messages it could send again.
    private func openLane(_ name: String) throws -> RedriveLane? {
        guard let route = router.route(named: name) else { return nil }
        let lane = try RedriveLane(name, store, meter, logger: logger)
        let sink = sinks().first { $0.routes.contains(name) }
        let twin = route.twin(
            Self.route(of: name), from: lane, store.topic, destination: nil,
            middlewares: middlewares(of: route, lane))
        try router.add(twin, paused: sink.map { mustWait($0.name) } ?? false)
        state.withLock { $0.lanes[name] = lane }
        return lane
    }

    /// Those of the route, with what is about messages of the queue replaced: what was handled goes once more where a job says so,
    /// and what fails again counts for its job.
    private func middlewares(of route: Route, _ lane: RedriveLane) -> [any Middleware] {
        let poison = RedrivePoison(store, lane: route.name)
        return [RedriveWatch(inHand: { [weak lane] in lane?.inHand })]
            + route.middlewares.compactMap { middleware -> (any Middleware)? in
                switch middleware {
                case let queue as PoisonQueue: PoisonQueue(to: poison, queue.topic, filter: queue.filter)
                case let live as Live<Deduplicator>: RedriveDeduplicator(live: live)
                // Each of a sink's two groups has its own messages; jobs have them all.
                case is OnlyPart, is HandledApart: nil
                // How long events take does not show in those that are sent again.
                case is EventAge: nil
                default: middleware
                }
            }
    }
}

/// The route's own deduplicator, asked through ``RedriveKeys``: its numbers change with the route's.
struct RedriveDeduplicator: Middleware {
    let live: Live<Deduplicator>

    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        let policy = live.policy
        let own = Live(
            Deduplicator(
                RedriveKeys(policy.store), key: policy.key, window: policy.window,
                inProgressDelay: policy.inProgressDelay,
                scope: policy.scope ?? RedriveDesk.lane(ofRoute: route.name) ?? route.name))
        live.onChange(for: own) { [weak live, weak own] in
            guard let changed = live?.policy else { return }
            try? own?.update {
                $0.window = changed.window
                $0.inProgressDelay = changed.inProgressDelay
            }
        }
        return try own.wrap(next, for: route)
    }
}
