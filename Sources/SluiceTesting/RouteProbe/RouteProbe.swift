public import Sluice

/// Calls a handler, a chain of middlewares or a whole route in a test, and says what came of it.
///
/// ```swift
/// let out = try await RouteProbe(makeInvoice, through: [Retry()], answers: [.status(503)]).send(Message(payload: order))
/// #expect(out.outcome == .acked && out.attempts.count == 2)
/// #expect(out.published.map(\.topic) == ["out"])
/// ```
///
/// It is the route itself, with its destination, books and metrics, in a virtual time of its own: waits cost nothing, and a
/// seed repeats the jitter. Only subscriber and publisher are the test's. State stays from one message to the next, as
/// in a running route: what `Throttle`, a deduplication store or the destination's gate and budget know.
///
/// A handler that does real I/O cannot run in virtual time: give such a probe the machine's (`time: .real`). Middlewares that
/// go by a time of their own, such as a `Deduplicator` with a store in memory, want the probe's:
///
/// ```swift
/// try await VirtualTime.run { time in
///     let store = MemoryDeduplicationStore(time: time)
///     let probe = try RouteProbe(makeInvoice, through: [Deduplicator(store)], time: time)
///     …
/// }
/// ```
public final class RouteProbe: Sendable {
    /// Takes what the handler's messages become, unless ``Answer``s refuse them. Give the same to a `PoisonQueue` to see
    /// in ``Report/published`` what it moves.
    public let output: RecordingPublisher
    /// Everything that the route, its middlewares and handler log.
    public let log: LogRecorder
    /// Everything that they count and measure.
    public let metrics: MetricsRecorder
    /// What it goes by.
    public let time: RouterTime

    private let route: ProbedRoute
    private let redelivery: Subscription.Redelivery
    private let recorder: AttemptRecorder
    /// Nil where the time is the caller's.
    private let executor: VirtualExecutor?
    private let turn = Turn()

    /// What the route of a probe is configured with unless told otherwise: the router's defaults without jitter, so that a
    /// test can name each wait of the route's and each Retry-After.
    public static var configuration: Router.Configuration {
        var configuration = Router.Configuration()
        configuration.redelivery.jitter = false
        configuration.destination.retryAfter.jitter = 0
        return configuration
    }

    /// Probes a handler.
    /// - Parameters:
    ///   - handler: what is probed.
    ///   - middlewares: around the handler; the first is outermost.
    ///   - name: the route's. Default `probe`.
    ///   - topic: where its messages seem to come from. Default `in`.
    ///   - publishTopic: where it publishes. Default `out`.
    ///   - answers: what the destination that it publishes to answers, publish by publish; then it succeeds. A handler's own
    ///     calls are answered by an ``AnswerScript``.
    ///   - output: takes what succeeds.
    ///   - metrics: keeps what is counted: one for several probes, or one that the handler counts with too. Default: a new one.
    ///   - redelivery: who brings a rejected message back. Default: the route.
    ///   - configuration: the router's. Default: ``configuration``.
    ///   - seed: what the jitter of middlewares follows from. Default 0.
    ///   - time: what it goes by. Default: a virtual time of its own.
    /// - Throws: `ConfigurationError` as `Router/add(_:)`.
    public convenience init(
        _ handler: @escaping Handler, through middlewares: [any Middleware] = [], named name: String = "probe",
        from topic: Topic = "in", to publishTopic: Topic = "out", answers: [Answer] = [],
        output: RecordingPublisher = RecordingPublisher(), metrics: MetricsRecorder = MetricsRecorder(),
        redelivery: Subscription.Redelivery = .route,
        configuration: Router.Configuration = RouteProbe.configuration, seed: UInt64 = 0, time: RouterTime? = nil
    ) throws {
        let route = Route(
            name, from: UnreadSubscriber(), topic, to: output, publishTopic, handler: handler)
        try self.init(
            route, through: middlewares, answers: answers, output: output, metrics: metrics, redelivery: redelivery,
            configuration: configuration, seed: seed, time: time)
    }

    /// Probes a handler that only consumes. The parameters are those of the other initializers.
    public convenience init(
        consuming handler: @escaping @Sendable (Message, HandlerContext) async throws -> Void,
        through middlewares: [any Middleware] = [], named name: String = "probe", from topic: Topic = "in",
        metrics: MetricsRecorder = MetricsRecorder(), redelivery: Subscription.Redelivery = .route,
        configuration: Router.Configuration = RouteProbe.configuration, seed: UInt64 = 0, time: RouterTime? = nil
    ) throws {
        try self.init(
            Route(name, from: UnreadSubscriber(), topic, handler: handler), through: middlewares, metrics: metrics,
            redelivery: redelivery,
            configuration: configuration, seed: seed, time: time)
    }

    /// Probes a route as a program has it: its subscriber is not read, and what it publishes goes to ``output``.
    ///
    /// `middlewares` are the router's, around the route's own. The other parameters are those of the first initializer.
    public init(
        _ route: Route, through middlewares: [any Middleware] = [], answers: [Answer] = [],
        output: RecordingPublisher = RecordingPublisher(), metrics: MetricsRecorder = MetricsRecorder(),
        redelivery: Subscription.Redelivery = .route,
        configuration: Router.Configuration = RouteProbe.configuration, seed: UInt64 = 0, time: RouterTime? = nil
    ) throws {
        let executor =
            time == nil
            ? VirtualExecutor(seed: seed, isResumable: true) : nil
        let time = time ?? executor.map { RouterTime($0) } ?? .real
        let (log, recorder) = (LogRecorder(), AttemptRecorder())
        self.output = output
        self.log = log
        self.metrics = metrics
        self.time = time
        self.redelivery = redelivery
        self.recorder = recorder
        self.executor = executor
        let publisher =
            answers.isEmpty ? nil : FailingPublisher(answers, name: output.name, passingOnTo: output, time: time)
        self.route = try ProbedRoute(
            route.with(innermost: recorder), publishingTo: publisher ?? output,
            middlewares: [PassRecorder(recorder: recorder)] + middlewares, configuration: configuration,
            instruments: metrics.instruments, logger: log.logger, time: time)
    }

    deinit { executor?.retire() }

    /// What the route is to its middlewares and handler.
    public var scope: RouteScope { route.scope }

    /// A context to call a handler or a wrapped handler with directly: `try await makeInvoice(message, probe.context(message))`.
    /// - Parameters:
    ///   - message: any.
    ///   - origin: what the broker is to know of the message.
    public func context(_ message: Message, origin: Delivery.Origin = .init()) -> HandlerContext {
        HandlerContext(route: scope, delivery: delivery(message, origin, ProbeSettler()))
    }

    /// Calls the chain once, without the route around it, and throws what it throws.
    /// - Parameters:
    ///   - message: any.
    ///   - context: default: a new one.
    @discardableResult
    public func call(_ message: Message, _ context: HandlerContext? = nil) async throws -> [Message] {
        let context = context ?? self.context(message)
        return try await run { [route] in try await route.call(message, context) }
    }

    /// Has the route handle a message as it would handle one of its subscriber's.
    ///
    /// In a time of its own a probe handles one message after the other. In a time that it was given, several may be sent at
    /// once, and meet each other as in a running route.
    /// - Parameters:
    ///   - message: any.
    ///   - origin: what the broker is to know of the message.
    ///   - redeliveries: how often the route delivers the message again after it was rejected. Default 0: the report says
    ///     when it would.
    ///   - followsHandBacks: whether one that waits longer than `Retry/handBackAfter`, and frees its worker meanwhile, is
    ///     followed to its next attempt. Default true; if not, its outcome is ``Outcome/handedBack(after:)``.
    /// - Throws: `VirtualTimeError` where the handler waits for something outside of virtual time. What the handler throws
    ///   is in the report.
    public func send(
        _ message: Message, origin: Delivery.Origin = .init(), redeliveries: Int = 0, followsHandBacks: Bool = true
    ) async throws -> Report {
        try await run { [self] in
            let settler = ProbeSettler()
            let delivery = delivery(message, origin, settler)
            let (start, logged, published) = (time.now, log.entries.count, output.records.count)
            recorder.begin(delivery, at: start)
            let ending = await route.handle(
                delivery, keeping: redelivery == .route, redeliveries: redeliveries, followsHandBacks: followsHandBacks)
            let notes = recorder.end(delivery)
            return Report(
                outcome: Outcome(ending, settler.settlement, hasFailed: notes.error != nil),
                produced: notes.produced, error: notes.error, attempts: notes.attempts,
                elapsed: start.duration(to: time.now),
                published: Array(output.records.dropFirst(published)), log: Array(log.entries.dropFirst(logged)),
                metrics: metrics.read(), stages: delivery.stages)
        }
    }

    private func delivery(_ message: Message, _ origin: Delivery.Origin, _ settler: ProbeSettler) -> Delivery {
        Delivery(message, origin: origin, settler: settler, tag: 0, time: time)
    }

    private func run<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
        guard let executor else { return try await body() }
        await turn.take()
        defer { turn.giveBack() }
        return try await executor.execute { _ in try await body() }
    }
}

extension Delivery {
    fileprivate var stages: [DeliveryStage: Duration] {
        let booked: [(DeliveryStage, DeliveryTrace.BookedStage)] = [
            (.throttle, .throttle), (.breaker, .breaker), (.backoff, .backoff), (.publish, .publish),
        ]
        return Dictionary(
            uniqueKeysWithValues: booked.map { ($0, .nanoseconds(Int64(clamping: trace.nanoseconds(in: $1)))) })
    }
}

/// Stands where a route needs a subscriber.
private final class UnreadSubscriber: Subscriber {
    let name = "probe"
    let defaultOrdering = Ordering.serial

    func subscribe(to topic: Topic) async throws -> Subscription { Subscription() }
    func close() async {}
}
