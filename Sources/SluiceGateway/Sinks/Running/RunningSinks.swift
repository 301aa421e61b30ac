import Logging
import Sluice
import Synchronization

/// The sinks at work. They come, go and change while the gateway runs, each without touching the others.
final class RunningSinks: Sendable {
    /// A sink, and what can be changed of it while it runs.
    struct Running: Sendable {
        fileprivate(set) var sink: ConfiguredSink
        let policies: LiveSinkPolicy
        let destination: Destination
        fileprivate let publisher: SinkPublisher
    }

    /// A sink that has been made, and has no route yet.
    private struct Made {
        let sink: ConfiguredSink
        let publisher: SinkPublisher
    }

    private struct State {
        var running: [Running] = []
        /// Whether the queue is in use.
        var isLate = false
    }

    private let routes: SinkRoutes
    private let router: Router
    private let mustWait: @Sendable (String) -> Bool
    private let makeParts: @Sendable (String) -> SinkParts
    private let onChange: @Sendable ([ConfiguredSink]) -> Void
    private let forget: @Sendable (_ label: String, _ value: String) -> Void
    private let note: @Sendable (JournalEvent) -> Void
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameters:
    ///   - mustWait: whether a sink of this name begins paused.
    ///   - makeParts: what a sink of this name is made with.
    ///   - onChange: told of the sinks that there are, before new ones begin and after old ones have ended.
    ///   - forget: takes the series of a label's value out of the metrics: what they are about is gone.
    ///   - note: is told of sinks that come and go.
    init(
        _ routes: SinkRoutes, _ router: Router, logger: Logger, mustWait: @escaping @Sendable (String) -> Bool,
        makeParts: @escaping @Sendable (String) -> SinkParts,
        onChange: @escaping @Sendable ([ConfiguredSink]) -> Void,
        forget: @escaping @Sendable (_ label: String, _ value: String) -> Void = { _, _ in },
        note: @escaping @Sendable (JournalEvent) -> Void = { _ in }
    ) {
        self.note = note
        self.routes = routes
        self.router = router
        self.logger = logger
        self.mustWait = mustWait
        self.makeParts = makeParts
        self.onChange = onChange
        self.forget = forget
    }

    /// In the order of the configuration.
    var all: [Running] { state.withLock(\.running) }

    /// The groups of those that deliver to a destination, sink by sink.
    func groups(of destination: String) -> [[String]] {
        all.filter { $0.destination.name == destination }.map(\.sink.groups)
    }

    /// Makes the routes of a gateway that does not run yet.
    func begin(_ configuration: GatewayConfiguration) throws {
        for sink in configuration.deliveredTo { try begin(make(sink), configuration, among: destinations) }
        state.withLock { $0.isLate = true }
    }

    /// Puts another configuration's sinks and policies in force. Everything in it has been checked.
    ///
    /// Numbers of policies change at once. Sinks that are new begin, those that are gone end, and those that need their route
    /// made anew get that; the others go on undisturbed.
    /// - Throws: the first of what could not be made; the rest is in force.
    func apply(_ configuration: GatewayConfiguration) async throws {
        let before = all.map(\.sink)
        let plan = SinkPlan(from: before, to: configuration.deliveredTo)
        // What cannot be made is refused before anything has changed.
        let made = try (plan.restarts + plan.begins).map(make)
        try updatePolicies(configuration, plan)
        // A route that is made anew meets its destination as it was: gate, breaker and budget carry over.
        let destinations = destinations
        let ending = Set(plan.ends + plan.restarts.map(\.name))
        let occupied = Set(before.filter { ending.contains($0.name) }.flatMap(\.groups))
        var failure: (any Error)?
        func beginAll(_ sinks: [Made]) async {
            for sink in sinks {
                do {
                    try begin(sink, configuration, among: destinations)
                    await introduce(sink.sink)
                } catch {
                    failure = failure ?? error
                }
            }
        }
        // An old sink may take its time to end: what needs nothing of it begins before that.
        await beginAll(made.filter { occupied.isDisjoint(with: $0.sink.groups) })
        await withDiscardingTaskGroup { group in
            for name in ending { group.addTask { await self.end(name) } }
        }
        await beginAll(made.filter { !occupied.isDisjoint(with: $0.sink.groups) })
        sort(by: configuration.deliveredTo.map(\.name))
        onChange(all.map(\.sink))
        forgetSeries(from: before, to: all.map(\.sink))
        if let failure { throw failure }
    }

    /// Tells sinks that show such things what has happened to the gateway. What fails is logged, and not tried again.
    func announce(_ announcement: Announcement) async {
        await withDiscardingTaskGroup { group in
            for running in all {
                guard let options = running.sink.options as? any Announcing else { continue }
                let parts = makeParts(running.sink.name)
                group.addTask { [logger] in
                    do {
                        try await options.announce(announcement, parts)
                    } catch {
                        logger.warning(
                            "a sink was not told of what happened to the gateway",
                            metadata: ["sink": "\(parts.name)", "error": "\(error)"])
                    }
                }
            }
        }
    }

    /// All numbers at once: what a message waits for follows from several of them.
    private func updatePolicies(_ configuration: GatewayConfiguration, _ plan: SinkPlan) throws {
        for running in all {
            guard let sink = plan.stays.first(where: { $0.name == running.sink.name }) else { continue }
            try running.policies.update(configuration.policy(of: sink))
            state.withLock { state in
                guard let index = state.running.firstIndex(where: { $0.sink.name == sink.name }) else { return }
                state.running[index].sink = sink
            }
        }
        for destination in destinations where plan.destinations.contains(destination.name) {
            let policies = configuration.policies(of: destination.name)
            if policies != destination.configuration { try destination.update(policies) }
        }
    }

    private var destinations: [Destination] {
        var known: Set<ObjectIdentifier> = []
        return all.map(\.destination).filter { known.insert(ObjectIdentifier($0)).inserted }
    }

    private func make(_ sink: ConfiguredSink) throws -> Made {
        Made(
            sink: sink,
            publisher: SinkPublisher(
                sink.name, try sink.options.makeSink(makeParts(sink.name)), time: routes.time))
    }

    /// A sink that begins now gets what comes from now on. Brokers may be away: there its route sees to it.
    private func introduce(_ sink: ConfiguredSink) async {
        guard !routes.queue.isShared else { return }
        try? await withDeadline(.seconds(1)) { [queue = routes.queue] in
            for group in sink.groups { try await queue.introduce(group) }
        }
    }

    private func begin(
        _ made: Made, _ configuration: GatewayConfiguration, among known: [Destination]
    ) throws {
        let (sink, publisher) = (made.sink, made.publisher)
        let destination =
            try (known + destinations).first { $0.name == sink.destination }
            ?? Destination(sink.destination, configuration.policies(of: sink.destination), time: routes.time)
        let policies = LiveSinkPolicy(
            configuration.policy(of: sink), handled: routes.queue.handled, of: sink.group,
            isLocal: sink.options.isLocal)
        let isLate = state.withLock(\.isLate)
        let added = try routes.routes(to: sink, publisher, destination, policies, isLate: isLate)
        let running = Running(sink: sink, policies: policies, destination: destination, publisher: publisher)
        let all = state.withLock { state in
            state.running.append(running)
            return state.running
        }
        onChange(all.map(\.sink))
        do {
            for route in added { try router.add(route, paused: mustWait(sink.name)) }
        } catch {
            state.withLock { state in state.running.removeAll { $0.publisher === publisher } }
            throw error
        }
        guard isLate else { return }
        note(JournalEvent(.sinkBegan, sink.name))
        logger.notice("a sink begins", metadata: ["sink": "\(sink.name)"])
    }

    private func end(_ name: String) async {
        guard let running = all.first(where: { $0.sink.name == name }) else { return }
        await withDiscardingTaskGroup { group in
            // What sends its messages again uses what it uses.
            for name in running.sink.groups + [RedriveDesk.route(of: running.sink.group)] {
                group.addTask { await self.router.stop(name) }
            }
        }
        for name in running.sink.groups { await routes.queue.dismiss(name) }
        await running.publisher.close()
        state.withLock { state in state.running.removeAll { $0.sink.name == name } }
        note(JournalEvent(.sinkEnded, name))
        logger.notice("a sink has ended", metadata: ["sink": "\(name)"])
    }

    /// A gauge of a sink that is gone would say for ever what it said last.
    private func forgetSeries(from before: [ConfiguredSink], to after: [ConfiguredSink]) {
        for name in Set(before.map(\.name)).subtracting(after.map(\.name)) {
            forget("target", name)
            forget("component", name)
        }
        for group in Set(before.flatMap(\.groups)).subtracting(after.flatMap(\.groups)) {
            forget("handler_name", group)
        }
        for destination in Set(before.map(\.destination)).subtracting(after.map(\.destination)) {
            forget("destination", destination)
        }
    }

    private func sort(by names: [String]) {
        state.withLock { state in
            state.running.sort {
                (names.firstIndex(of: $0.sink.name) ?? .max) < (names.firstIndex(of: $1.sink.name) ?? .max)
            }
        }
    }
}
