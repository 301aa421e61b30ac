import Foundation
import Logging
import Sluice
import SluicePrometheus
import SluiceTesting
import Synchronization

/// What each middleware costs a message that succeeds: a chain with it beside one without, called directly, one message after
/// the other. The chain ends in the route's own work: it passes the destination, calls the handler, and counts the attempt.
enum MiddlewareBenchmarks {
    static func run(scale: Double) async throws {
        let count = max(1_000, Int(200_000 * scale))
        Report.subject(
            "Middlewares, a message that succeeds", columns: ["chain", "ns a message", "more than the route alone"])
        // The first run finds caches and branch predictors cold.
        _ = try await nanoseconds([], nil, count)
        let bare = try await nanoseconds([], nil, count)
        Report.row("none: the route alone", text(bare), "")
        let destination = try Destination("bench", .init(breaker: CircuitBreaker()))
        let passed = try await row("none, to a destination with budget and breaker", [], destination, count, bare)
        Goals.note(.destinationPassed, max(0, passed))
        let limits = Destination.Configuration(
            breaker: CircuitBreaker(), throttle: Throttle(rate: 1e9, burst: 1_000_000), concurrency: .fixed(64))
        let limited = try Destination("limited", limits)
        try await row("none, to one with throttle and concurrency too", [], limited, count, bare)
        let broker = MemoryBroker()
        let poison = PoisonQueue(to: broker.publisher(), "poison", filter: .permanent)
        let store = MemoryDeduplicationStore()
        let each: [(String, any Middleware)] = [
            ("CorrelationID", CorrelationID()), ("HandlerMetrics", HandlerMetrics()), ("LogMessages", LogMessages()),
            ("PoisonQueue", poison), ("Deduplicator, in memory", Deduplicator(store)), ("Retry", Retry()),
            ("Throttle, never reached", Throttle(rate: 1e9, burst: 1_000_000)), ("Timeout", Timeout()),
            ("DelayOnError", DelayOnError()), ("IgnoreErrors", IgnoreErrors(CancellationError.self)),
            ("InstantAck", InstantAck()), ("Duplicator", Duplicator()), ("RandomFail, none", RandomFail(0)),
            ("one that reads a Live policy for each message", LivePass()),
        ]
        for (name, middleware) in each { try await row(name, [middleware], nil, count, bare) }
        let stack: [any Middleware] = [
            CorrelationID(), HandlerMetrics(), LogMessages(), poison, Live(Deduplicator(store)), Live(Retry()),
            Live(Timeout()),
        ]
        // The gateway has four of its own beside these: an event's kind, its age, and whether it was handled before.
        try await row(
            "those of the library in the gateway's stack, to a destination with budget and breaker", stack, destination,
            count, bare)
        try await row("the same, to one with throttle and concurrency too", stack, limited, count, bare)
        try await liveRead()
    }

    /// - Returns: what is more than the route alone, in nanoseconds.
    @discardableResult private static func row(
        _ name: String, _ middlewares: [any Middleware], _ destination: Destination?, _ count: Int, _ bare: Double
    ) async throws -> Double {
        let cost = try await nanoseconds(middlewares, destination, count)
        Report.row(name, text(cost), text(cost - bare))
        return cost - bare
    }

    /// What it costs to read a policy that may be replaced.
    private static func liveRead() async throws {
        let live = Live(LivePass())
        let count = 20_000_000
        var sum = 0
        let seconds = try await timed { for _ in 0..<count { sum &+= live.policy.number } }
        let nanoseconds = withExtendedLifetime(sum) { seconds * 1e9 / Double(count) }
        Report.row("a Live policy read", String(format: "%.1f ns", nanoseconds), "")
        Goals.note(.liveRead, nanoseconds)
    }

    private static func text(_ nanoseconds: Double) -> String { String(format: "%.0f ns", nanoseconds) }

    /// - Returns: the least of five rounds, for each message.
    private static func nanoseconds(
        _ middlewares: [any Middleware], _ destination: Destination?, _ count: Int
    ) async throws -> Double {
        var least = Double.infinity
        for _ in 0..<5 { least = min(least, try await round(middlewares, destination, count)) }
        return least
    }

    private static func round(
        _ middlewares: [any Middleware], _ destination: Destination?, _ count: Int
    ) async throws -> Double {
        let chain = ChainInHand()
        let logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
        let router = Router(
            instruments: Instruments(factory: PrometheusMetricsFactory(PrometheusRegistry())), logger: logger)
        try router.add(
            Route(
                "bench", from: MemoryBroker().subscriber(), "a", destination: destination,
                middlewares: [chain] + middlewares
            ) { _, _ in })
        guard let handler = chain.handler else { return 0 }
        // A probe of the machine's time makes the deliveries, before the clock runs.
        let probe = try RouteProbe(consuming: { _, _ in }, time: .real)
        let work = (0..<count).map { _ in
            let message = Message(payload: [1, 2, 3, 4])
            return (message, probe.context(message))
        }
        let seconds = try await timed {
            for (message, context) in work { _ = try await handler(message, context) }
        }
        // Until here they are kept: to free them is no middleware's cost.
        return withExtendedLifetime(work) { seconds * 1e9 / Double(count) }
    }
}

/// Does nothing but read what is in force.
private struct LivePass: LiveMiddleware {
    var number = 1

    func validate() {}

    static func wrap(_ next: @escaping Handler, for route: RouteScope, by live: Live<LivePass>) -> Handler {
        { message, context in
            guard live.policy.number > 0 else { return [] }
            return try await next(message, context)
        }
    }
}

/// Keeps the chain that it stands around, for a benchmark to call.
private final class ChainInHand: Middleware {
    private let kept = Mutex<Handler?>(nil)

    var handler: Handler? { kept.withLock(\.self) }

    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        kept.withLock { $0 = next }
        return next
    }
}
