public import Logging
public import ServiceLifecycle
import Synchronization
public import Tracing

/// Runs routes: each reads a topic, passes every message through its middlewares and handler, and publishes what the
/// handler returns.
///
/// ```swift
/// let router = Router(middlewares: [HandlerMetrics(), PoisonQueue(to: log.publisher(), "poison"), Retry()], logger: logger)
/// try router.add(Route("mail", from: log.subscriber(group: "mail"), "orders") { message, context in
///     try await mail.send(message)
/// })
/// try await router.run()
/// ```
///
/// Routes may be added and stopped while it runs. When it shuts down, intake stops first; messages in hand may finish
/// within the deadline; the rest is given back; publishers are closed last, after every route that uses them.
public final class Router: Service {
    /// How its routes drain and go on after failures.
    public struct Configuration: Sendable {
        /// How long messages in hand may take to finish at shutdown before their tasks are cancelled. At least 0; default
        /// 30 s.
        public var shutdownTimeout: Duration
        /// How long a message that left the chain with an error waits before it is delivered again, at least: its
        /// destination's budget may have it wait longer. Default: from 100 ms, doubling, up to 30 s, with full jitter.
        public var redelivery: Backoff
        /// The configuration of the destination of each route that names none.
        public var destination: Destination.Configuration
        /// How long to wait between attempts to subscribe. Default: from 100 ms, doubling, up to 10 s, with jitter.
        public var resubscription: Backoff

        public init(
            shutdownTimeout: Duration = .seconds(30),
            redelivery: Backoff = .exponential(),
            destination: Destination.Configuration = Destination.Configuration(),
            resubscription: Backoff = .exponential(upTo: .seconds(10))
        ) {
            self.shutdownTimeout = shutdownTimeout
            self.redelivery = redelivery
            self.destination = destination
            self.resubscription = resubscription
        }

        func validate() throws(ConfigurationError) {
            try ConfigurationCheck.all(of: "Router") { check in
                check("shutdownTimeout", shutdownTimeout, in: .zero...)
                check.include { () throws(ConfigurationError) in try redelivery.validate("Router.redelivery") }
                check.include { () throws(ConfigurationError) in try destination.validate("Router.destination") }
                check.include { () throws(ConfigurationError) in try resubscription.validate("Router.resubscription") }
            }
        }
    }

    private struct State {
        var runners: [String: RouteRunner] = [:]
        /// Taken by routes that are being built.
        var names: Set<String> = []
        /// Publishers of routes that were stopped: others may still use them. One that nothing else refers to goes at
        /// once.
        var retired: [Retired] = []
        var order: [String] = []
        var start: AsyncStream<Arrival>.Continuation?
        var pending: [RouteRunner] = []
        var draining = false

        var runnersInOrder: [RouteRunner] { order.compactMap { runners[$0] } }
    }

    private struct Retired {
        weak var publisher: (any Publisher)?
    }

    /// A route that is to be started. What holds on to one of these for as long as the router runs keeps no route.
    private final class Arrival: Sendable {
        private let runner: Mutex<RouteRunner?>

        init(_ runner: RouteRunner) {
            self.runner = Mutex(runner)
        }

        func take() -> RouteRunner? {
            runner.withLock { runner in
                defer { runner = nil }
                return runner
            }
        }
    }

    private let configuration: Configuration
    private let middlewares: [any Middleware]
    private let instruments: Instruments
    private let tracer: (any Tracer)?
    private let observer: (any RouteObserver)?
    private let logger: Logger
    private let state = Mutex(State())
    var scopes: [RouteScope] { state.withLock { $0.runnersInOrder.map(\.scope) } }
    /// What its routes, their middlewares and its own waits go by.
    public let time: RouterTime

    /// - Parameters:
    ///   - configuration: deadlines, and the policies of destinations without a name.
    ///   - middlewares: around every route, outside the route's own; the first is outermost.
    ///   - instruments: where the metrics go.
    ///   - logger: of the router, its routes and handlers.
    ///   - time: what all waits, deadlines, windows and jitter of its routes go by. Default: the machine's time. In a
    ///     virtual one, from SluiceTesting, routes may use only what goes by it too, such as a ``MemoryBroker`` that was
    ///     given it.
    ///   - tracer: what makes a span for each delivery and for each attempt, and carries the trace on in the metadata of
    ///     messages. Default: nil, which traces nothing and costs nothing. A program that has bootstrapped one for all its
    ///     libraries gives `InstrumentationSystem.tracer`. Handlers find the attempt's span in `ServiceContext.current`.
    ///   - observer: is told of each attempt, of the end of each delivery, and of destinations that stop taking messages or
    ///     again. Default: nil, which costs nothing.
    public init(
        configuration: Configuration = Configuration(), middlewares: [any Middleware] = [],
        instruments: Instruments = Instruments(), logger: Logger = Logger(label: "sluice"), time: RouterTime = .real,
        tracer: (any Tracer)? = nil, observer: (any RouteObserver)? = nil
    ) {
        self.time = time
        self.observer = observer
        self.configuration = configuration
        self.middlewares = middlewares
        self.instruments = instruments
        self.tracer = tracer
        self.logger = logger
    }

    /// Adds a route; it starts at once when the router runs, else with it.
    /// - Parameters:
    ///   - route: one whose name is not taken.
    ///   - paused: whether it begins paused (``pause(_:)``). Default false.
    /// - Throws: ``ConfigurationError`` when the name is taken, an option of the route or a middleware is wrong, or the
    ///   route's subscriber or publisher goes by another time than the router.
    public func add(_ route: Route, paused: Bool = false) throws {
        // Before the route is built: building one sets gauges, which here would be those of its namesake.
        try state.withLock { state in
            guard state.runners[route.name] == nil, state.names.insert(route.name).inserted else {
                throw ConfigurationError("Route.name", expected: "a name of its own; `\(route.name)` is taken")
            }
            guard state.runners.values.allSatisfy({ $0.scope.destination.isCompatible(with: route) }) else {
                throw ConfigurationError(
                    "Destination.name",
                    expected:
                        "a name of its own; another destination is called `\(route.destination?.name ?? route.name)`"
                )
            }
        }
        defer { state.withLock { _ = $0.names.remove(route.name) } }
        let runner = try RouteRunner(
            route, middlewares: middlewares + route.middlewares, configuration: configuration,
            instruments: instruments, logger: logger, time: time, tracer: tracer, observer: observer)
        if paused { runner.scope.lifecycle.pause() }
        let start = try state.withLock { state in
            guard !state.draining else { throw ClosedError("router") }
            state.runners[route.name] = runner
            state.order.append(route.name)
            if state.start == nil { state.pending.append(runner) }
            return state.start
        }
        runner.register(instruments)
        start?.yield(Arrival(runner))
    }

    /// Drains one route and forgets it. Publishers that it shares with others stay open.
    /// Returns when it has stopped; at once when there is no such route.
    public func stop(_ name: String) async {
        let (runner, isRunning) = state.withLock { state -> (RouteRunner?, Bool) in
            state.pending.removeAll { $0.scope.name == name }
            return (state.runners[name], state.start != nil)
        }
        guard let runner else { return }
        runner.scope.lifecycle.drain()
        if isRunning {
            await runner.scope.lifecycle.waitUntilStopped()
        } else {
            runner.stopped()
        }
        state.withLock { state in
            guard state.runners[name] === runner else { return }
            state.runners[name] = nil
            state.retired.removeAll { $0.publisher == nil }
            if let publisher = runner.route.output?.publisher,
                !state.retired.contains(where: { $0.publisher === publisher })
            {
                state.retired.append(Retired(publisher: publisher))
            }
            state.order.removeAll { $0 == name }
        }
    }

    /// Runs until it is shut down gracefully or its task is cancelled.
    public func run() async throws {
        let (added, start) = AsyncStream<Arrival>.makeStream()
        let pending = try state.withLock { state -> [Arrival] in
            guard state.start == nil else { throw ConfigurationError("Router.run", expected: "to be called once") }
            state.start = start
            defer { state.pending = [] }
            if state.draining { start.finish() }
            return state.pending.map(Arrival.init)
        }
        for arrival in pending { start.yield(arrival) }
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                for await arrival in added {
                    group.addTask { await arrival.take()?.run() }
                }
                // Here the stream has ended: by a drain, or because this task was cancelled.
                self.drain()
            }
        } onGracefulShutdown: {
            self.drain()
        }
        // A route that was added when the drain began has never run; a call that stops it must not wait for that.
        let runners = state.withLock(\.runnersInOrder)
        for runner in runners where runner.scope.lifecycle.phase != .stopped { runner.stopped() }
        await closePublishers()
    }

    /// Begins to drain every route. `run()` returns when they have stopped.
    public func drain() {
        let (runners, start) = state.withLock { state in
            state.draining = true
            return (state.runnersInOrder, state.start)
        }
        for runner in runners { runner.scope.lifecycle.drain() }
        start?.finish()
    }

    func runner(named name: String) -> RouteRunner? {
        state.withLock { $0.runners[name] }
    }

    private func closePublishers() async {
        var closed: Set<ObjectIdentifier> = []
        let publishers = state.withLock { state in
            state.runnersInOrder.compactMap { $0.route.output?.publisher } + state.retired.compactMap(\.publisher)
        }
        for publisher in publishers where closed.insert(ObjectIdentifier(publisher)).inserted {
            await publisher.close()
        }
    }
}

extension Router {
    /// What a route is doing.
    public struct RouteStatus: Sendable {
        public let name: String
        /// Whether it is subscribed and takes messages.
        public let isRunning: Bool
        /// Whether it waits to be resumed (``Router/pause(_:)``), whatever else it does.
        public internal(set) var isPaused = false
        /// Why it is not running, or what it waits for; nil when all is well.
        public let note: String?
    }

    /// The routes in the order in which they were added.
    public var status: [RouteStatus] {
        let runners = state.withLock(\.runnersInOrder)
        return runners.map { runner in
            let name = runner.scope.name
            let isPaused = runner.scope.lifecycle.isPaused
            var status =
                switch runner.scope.lifecycle.phase {
                case .connecting(let reason): RouteStatus(name: name, isRunning: false, note: reason ?? "connecting")
                case .running: RouteStatus(name: name, isRunning: true, note: isPaused ? "paused" : nil)
                case .draining: RouteStatus(name: name, isRunning: false, note: "draining")
                case .stopped: RouteStatus(name: name, isRunning: false, note: "stopped")
                }
            status.isPaused = isPaused
            return status
        }
    }
}
