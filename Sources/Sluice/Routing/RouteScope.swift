public import Logging
import Synchronization
import Tracing

/// What a route is to its middlewares and handler.
///
/// ```swift
/// func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
///     let refused = route.instruments.counter("orders_refused_total", help: "Orders that were refused.")
///     …
/// }
/// ```
public final class RouteScope: Sendable {
    /// The route's name: the label `handler_name`.
    public let name: String
    /// Where it reads.
    public let topic: Topic
    public let subscriberName: String
    /// Where it publishes; nil when it only consumes.
    public let publishTopic: Topic?
    public let publisherName: String?
    /// Has the route's name in its metadata.
    public let logger: Logger
    /// What the route's metrics are made with, custom ones too: in them ``Metric/Label/handler`` is the route's name.
    public let instruments: Instruments
    /// The router's: what a middleware or handler asks for the time, waits with, and takes its jitter from.
    public let time: RouterTime
    /// How many messages the ordering handles at once.
    public let concurrency: Int
    /// Whether some messages have to be handled in their order.
    let isOrdered: Bool

    /// Which consecutive messages are handled as one.
    let joining: Joining?
    /// Whose attempts go first where those of other routes wait too.
    let standing: Standing

    /// What it delivers to: its own unless the route names one.
    public let destination: Destination

    package let lifecycle: RouteLifecycle
    /// Nil where nothing is traced.
    let tracer: RouteTracer?
    /// Nil where nothing is observed.
    let observed: ObservedRoute?
    private let retries = Atomic<Bool>(false)
    private let waits = Atomic<Bool>(false)
    private let isMisordered = Atomic<Bool>(false)
    private let retryMeter = Mutex<RetryMeter?>(nil)
    private let throttleMeter = Mutex<ThrottleMeter?>(nil)

    /// - Parameters:
    ///   - unnamed: how the route's own destination is configured.
    ///   - tracer: nil traces nothing.
    ///   - observer: nil observes nothing.
    init(
        _ route: Route, ordering: Ordering, logger: Logger, instruments: Instruments, time: RouterTime = .real,
        unnamed: Destination.Configuration = Destination.Configuration(), tracer: (any Tracer)? = nil,
        observer: (any RouteObserver)? = nil
    ) {
        name = route.name
        topic = route.topic
        subscriberName = route.subscriber.name
        publishTopic = route.output?.topic
        publisherName = route.output?.publisher.name
        var logger = logger
        logger[metadataKey: "handler_name"] = .string(route.name)
        self.logger = logger
        self.instruments = instruments.labelled([("handler_name", route.name)], time: time)
        self.time = time
        concurrency = ordering.concurrency
        isOrdered = if case .unordered = ordering.kind { false } else { true }
        joining = route.joining
        standing = route.isUrgent ? .urgent : route.givesWay ? .patient : .ordinary
        lifecycle = RouteLifecycle(time: time)
        let destination = route.destination ?? Destination(of: route, unnamed, time: time)
        self.destination = destination
        if standing == .patient { destination.precedence.heedOrdinary() }
        self.tracer = tracer.map { RouteTracer($0, route, destination, time) }
        observed = observer.map { ObservedRoute($0, route.name, destination, joins: route.joining != nil) }
    }

    var joins: Bool { joining != nil }

    /// Whether a Retry decides in this route when a message's attempts are used up; without one, the first failure is
    /// the last.
    package var hasRetry: Bool { retries.load(ordering: .relaxed) }

    /// Says that a middleware of this route tries messages again, as ``Retry`` does. Call it in
    /// ``Middleware/wrap(_:for:)``.
    ///
    /// From then on it decides when a message's attempts are used up: a ``PoisonQueue`` with the filter
    /// ``PoisonQueue/Filter/exhausted`` moves what fails only after ``HandlerContext/noteExhausted(_:)``, and no longer at the
    /// first failure. The destination's gate and budget are that middleware's to ask, which
    /// ``HandlerContext/retry(after:because:_:)`` does.
    public func noteRetry() {
        if waits.load(ordering: .relaxed) { isMisordered.store(true, ordering: .relaxed) }
        retries.store(true, ordering: .relaxed)
        _ = meterOfRetries
    }

    /// Says that a middleware waits until what tries again gives up, which therefore must not stand around it. A chain is
    /// wrapped from the inside out.
    func noteWaitForRetry() {
        if !hasRetry { waits.store(true, ordering: .relaxed) }
    }

    /// - Throws: ``ConfigurationError`` when what waits for a retry stands inside of it.
    func checkOrder() throws(ConfigurationError) {
        guard isMisordered.load(ordering: .relaxed) else { return }
        throw ConfigurationError(
            "Route.middlewares",
            expected: "PoisonQueue before Retry in the list of \(name), for it waits until Retry has given up; "
                + "inside of Retry it can have the filter .permanent")
    }

    /// Made once, when something first tries again.
    var meterOfRetries: RetryMeter {
        retryMeter.withLock { meter in
            if let meter { return meter }
            let made = RetryMeter(self)
            meter = made
            return made
        }
    }

    /// Made once, when something first has its messages wait for permits.
    var meterOfPermits: ThrottleMeter {
        throttleMeter.withLock { meter in
            if let meter { return meter }
            let made = ThrottleMeter(self)
            meter = made
            return made
        }
    }

    /// This route as the label of a metric.
    public var label: (String, String) { ("handler_name", name) }
}
