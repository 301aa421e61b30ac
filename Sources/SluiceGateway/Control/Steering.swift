import Logging
import ServiceLifecycle
import Sluice
import Synchronization

/// Which sinks a person has paused: obeyed by their routes, shown, and kept by a ``SteeringStore``.
///
/// Until it is known, sinks wait: what was paused must not begin to deliver because the gateway was restarted.
final class Steering: Service {
    /// A sink, and the routes that deliver to it.
    struct Sink: Sendable {
        let name: String
        /// Its own group's first.
        let routes: [String]

        /// These, and the one that sends again what was theirs, where there is one.
        fileprivate var allRoutes: [String] { routes + routes.prefix(1).map { RedriveDesk.route(of: $0) } }
    }

    private let router: Router
    private let store: any SteeringStore
    private let note: @Sendable (JournalEvent) -> Void
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var sinks: [Sink] = []
        /// Nil until it is known.
        var paused: [String: SinkPause]?
        var waiting: [Awaited: WaitList<Result<Void, any Error>>] = [:]

        subscript(awaited: Awaited) -> WaitList<Result<Void, any Error>> {
            get { waiting[awaited] ?? WaitList() }
            set { waiting[awaited] = newValue }
        }
    }

    private struct Awaited: Hashable {
        let sink: String
        let isPaused: Bool
    }

    /// - Parameter note: is told of each pause, and of its end.
    init(
        _ router: Router, keptBy store: any SteeringStore, note: @escaping @Sendable (JournalEvent) -> Void = { _ in },
        logger: Logger
    ) {
        self.router = router
        self.note = note
        self.store = store
        self.logger = logger
    }

    /// These are the sinks from now on.
    func follow(_ sinks: [Sink]) {
        state.withLock { $0.sinks = sinks }
    }

    /// Whether a sink that begins has to wait: a person has paused it, or that is not known yet.
    func mustWait(_ sink: String) -> Bool {
        state.withLock { state in state.paused.map { $0[sink] != nil } ?? true }
    }

    /// Since when a sink is paused; nil where it is not, and where that is not known yet.
    func pause(of sink: String) -> SinkPause? { state.withLock { $0.paused?[sink] } }

    private var sinks: [Sink] { state.withLock(\.sinks) }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await self.store.follow { self.obey($0) }
        }
    }

    func report(to readiness: inout Readiness) {
        let paused = state.withLock(\.paused)
        for problem in store.problems { readiness.notes.append("control: \(problem)") }
        for sink in sinks {
            if let paused {
                guard let pause = paused[sink.name] else { continue }
                readiness.notes.append("\(sink.name): \(pause.words); `sluice resume \(sink.name)` lets it go on")
            } else {
                readiness.notes.append("\(sink.name): waits until it is known whether it is paused")
            }
        }
    }

    // MARK: Commands

    /// Keeps and obeys it, and returns when no attempt is under way.
    /// - Returns: since when it is paused, and whether it was so before.
    func pause(_ sink: Sink, reason: String?) async throws -> (pause: SinkPause, isNew: Bool) {
        if let pause = state.withLock(\.paused)?[sink.name] {
            try await waitUntilQuiet(sink)
            return (pause, false)
        }
        let pause = SinkPause(since: .now(), reason: reason)
        try await store.set(pause, of: sink.name)
        try await wait(until: true, sink.name)
        try await waitUntilQuiet(sink)
        return (pause, true)
    }

    private func waitUntilQuiet(_ sink: Sink) async throws {
        for route in sink.allRoutes {
            do {
                try await router.waitUntilQuiet(route)
            } catch let error as UnknownRouteError {
                if sink.routes.contains(error.name) { throw error }
            }
        }
    }

    /// - Returns: whether it was paused.
    func resume(_ sink: Sink) async throws -> Bool {
        // What another gateway has kept a moment ago may not have come yet: it is undone in any case.
        let wasPaused = state.withLock(\.paused)?[sink.name] != nil
        try await store.set(nil, of: sink.name)
        try await wait(until: false, sink.name)
        return wasPaused
    }

    /// - Throws: ``ControlFailure`` that names those that there are.
    func sink(named name: String) throws(ControlFailure) -> Sink {
        if let sink = sinks.first(where: { $0.name == name || $0.routes.contains(name) }) { return sink }
        throw ControlFailure(
            .invalid, "there is no sink of this name; the sinks are: \(sinks.map(\.name).joined(separator: ", "))")
    }

    /// The groups of the sink that this one is of, or it alone.
    func groups(with group: String) -> [String] {
        sinks.first { $0.routes.contains(group) }?.routes ?? [group]
    }

    private func wait(until isPaused: Bool, _ sink: String) async throws {
        let awaited = Awaited(sink: sink, isPaused: isPaused)
        try await state.wait(in: \.[awaited]) { state in
            guard let paused = state.paused, (paused[sink] != nil) == isPaused else { return nil }
            return .success(())
        }
    }

    // MARK: Obeying

    /// This is how it is from now on.
    func obey(_ paused: [String: SinkPause]) {
        let (before, done) = state.withLock { state in
            let before = state.paused
            state.paused = paused
            let awaited = state.waiting.keys.filter { (paused[$0.sink] != nil) == $0.isPaused }
            return (before, awaited.flatMap { state.waiting[$0]?.removeAll() ?? [] })
        }
        for sink in sinks { obey(sink, paused[sink.name], before: before) }
        for waiter in done { waiter.resume(returning: .success(())) }
    }

    private func obey(_ sink: Sink, _ pause: SinkPause?, before: [String: SinkPause]?) {
        var metadata: Logger.Metadata = ["sink": "\(sink.name)"]
        if let pause {
            // A route that does not exist any more delivers nothing either.
            for route in sink.allRoutes { _ = try? router.pause(route) }
            guard before?[sink.name] == nil else { return }
            metadata["since"] = "\(RFC3339.format(pause.since))"
            if let reason = pause.reason { metadata["reason"] = "\(reason)" }
            let words = before == nil ? "the sink is paused, as it was before the start" : "the sink is paused"
            if before != nil { note(JournalEvent(.paused, sink.name, pause.reason, at: pause.since)) }
            logger.warning("\(words); nothing is lost", metadata: metadata)
        } else {
            for route in sink.allRoutes { _ = try? router.resume(route) }
            guard before?[sink.name] != nil else { return }
            note(JournalEvent(.resumed, sink.name))
            logger.notice("the sink goes on", metadata: metadata)
        }
    }
}

/// That a sink is paused, since when, and why.
struct SinkPause: Sendable, Equatable {
    /// A longer reason is cut.
    static let longestReason = 200

    var since: Timestamp
    var reason: String?

    init(since: Timestamp, reason: String?) {
        self.since = since
        self.reason = reason.map { String($0.prefix(Self.longestReason)) }
    }

    /// What ``words`` begins with.
    static let beginning = "paused since"

    var words: String { "\(Self.beginning) \(RFC3339.format(since))" + (reason.map { " (\($0))" } ?? "") }
}
