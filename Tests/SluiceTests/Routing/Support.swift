import CoreMetrics
import Logging
import SluiceMetrics
import SluicePrometheus
import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

/// Instruments, and what they show.
struct Meters {
    private let backend = PrometheusBackend(includesProcess: false)

    var registry: PrometheusRegistry { backend.registry }
    var instruments: Instruments { backend.instruments }

    func exposition() -> Exposition {
        Exposition(of: backend)
    }

    /// What is exposed now; nil when there is no such series.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        exposition().value(name, labels)
    }
}

/// A subscriber with a subscription that the test fills, and that remembers how each delivery was settled.
final class Source: Subscriber, Settler {
    let name = "source"
    let defaultOrdering = Ordering.serial
    let subscription: Subscription
    let time: RouterTime?
    private let settlements = Mutex<[UInt64: Settlement]>([:])
    private let acknowledgements = Atomic<Int>(0)
    private let offered = Mutex<UInt64>(0)

    init(
        _ messages: [Message] = [], redelivery: Subscription.Redelivery = .route, capacity: Int = 20_000,
        time: RouterTime = .real
    ) {
        self.time = time
        subscription = Subscription(holding: capacity, redelivery: redelivery, time: time)
        offer(messages)
    }

    @discardableResult
    func offer(_ messages: [Message], origin: Delivery.Origin = .init()) -> Int {
        let deliveries = offered.withLock { offered in
            messages.map { message in
                defer { offered += 1 }
                return Delivery(message, origin: origin, settler: self, tag: offered, time: time ?? .real)
            }
        }
        return subscription.offer(deliveries)
    }

    func subscribe(to topic: Topic) async throws -> Subscription { subscription }
    func close() async { subscription.finish() }

    func settle(_ tag: UInt64, _ settlement: Settlement) {
        settlements.withLock { all in
            if all.updateValue(settlement, forKey: tag) != nil { Issue.record("\(tag) was settled twice") }
        }
        if case .acknowledged = settlement { acknowledgements.wrappingAdd(1, ordering: .relaxed) }
    }

    var acknowledgedCount: Int { acknowledgements.load(ordering: .relaxed) }
    var rejectedCount: Int { settlements.withLock(\.count) - acknowledgedCount }

    /// The numbers of the acknowledged deliveries, in the order of offering.
    var acknowledged: [Int] {
        settlements.withLock { all in
            all.compactMap { if case .acknowledged = $1 { Int($0) } else { nil } }.sorted()
        }
    }

    var rejections: [Int: Rejection] {
        settlements.withLock { all in
            var result: [Int: Rejection] = [:]
            for case (let tag, .rejected(let rejection)) in all { result[Int(tag)] = rejection }
            return result
        }
    }
}

/// Fails to subscribe a few times.
final class FlakySubscriber: Subscriber {
    let name = "flaky"
    let time: RouterTime?
    let defaultOrdering = Ordering.serial
    private let next: @Sendable (Int) async throws -> Subscription
    private let calls = Mutex(0)

    init(_ time: RouterTime = .real, _ next: @escaping @Sendable (Int) async throws -> Subscription) {
        self.time = time
        self.next = next
    }

    var attempts: Int { calls.withLock(\.self) }

    func subscribe(to topic: Topic) async throws -> Subscription {
        let call = calls.withLock { calls in
            calls += 1
            return calls
        }
        return try await next(call)
    }

    func close() async {}
}

/// Notes what happened, in order.
final class Journal<Entry: Sendable>: Sendable {
    private let list = Mutex<[Entry]>([])
    var entries: [Entry] { list.withLock(\.self) }
    var count: Int { list.withLock(\.count) }

    /// - Returns: how many there are now.
    @discardableResult
    func add(_ entry: Entry) -> Int {
        list.withLock { list in
            list.append(entry)
            return list.count
        }
    }
}

/// Off until it is turned on.
final class Switch: Sendable {
    private let on = Atomic<Bool>(false)
    var isOn: Bool { on.load(ordering: .acquiring) }
    func turnOn() { on.store(true, ordering: .releasing) }
}

struct Broken: Error, CustomStringConvertible {
    var description: String { "broken" }
}

extension Message {
    static func numbered(_ number: Int, key: String? = nil) -> Message {
        Message(id: MessageID("m\(number)"), metadata: key.map { ["key": $0] } ?? [:], payload: Array("\(number)".utf8))
    }

    var number: Int { Int(String(decoding: payload, as: UTF8.self)) ?? -1 }
    var key: String { metadata["key"] ?? "" }
}

extension Router.Configuration {
    static var quick: Router.Configuration {
        var configuration = Router.Configuration()
        configuration.shutdownTimeout = .seconds(10)
        configuration.redelivery = .exponential(from: .milliseconds(2), upTo: .milliseconds(20), jitter: false)
        configuration.resubscription = .constant(.milliseconds(2))
        configuration.destination = .unbounded
        return configuration
    }
}

extension Destination.Configuration {
    /// Keeps the times that are named exactly, and has no budget.
    static var unbounded: Self { Self(retryAfter: .init(jitter: 0), budget: nil) }

    /// Keeps the times that are named exactly. So many attempts beyond the first, and no more for a long time.
    static func budget(_ attempts: Double) -> Self {
        Self(
            retryAfter: .init(jitter: 0),
            budget: RetryBudget(ratio: 0, window: .seconds(1_000_000), floor: attempts / 1_000_000))
    }
}

extension Router {
    static func quick(
        _ middlewares: [any Middleware] = [], meters: Meters? = nil, configuration: Configuration = .quick,
        time: RouterTime = .real
    ) -> Router {
        Router(
            configuration: configuration, middlewares: middlewares,
            instruments: meters?.instruments ?? Instruments(factory: NOOPMetricsHandler.instance), logger: .silent,
            time: time)
    }

    /// Runs while `body` does, then drains.
    func whileRunning<Result>(_ body: () async throws -> Result) async throws -> Result {
        let task = time.task { try await self.run() }
        do {
            let result = try await body()
            drain()
            try await task.value
            return result
        } catch {
            drain()
            task.cancel()
            _ = try? await task.value
            throw error
        }
    }
}

extension Logger {
    static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

/// Middlewares around a handler, without a router.
struct Chain {
    let scope: RouteScope
    private let handler: Handler

    init(
        _ middlewares: [any Middleware], named name: String = "route", meters: Meters? = nil, logger: Logger = .silent,
        destination: Destination.Configuration = .unbounded, time: RouterTime = .real, handler: @escaping Handler
    ) throws {
        let route = Route(name, from: Source(time: time), "in") { _, _ in }
        scope = RouteScope(
            route, ordering: .serial, logger: logger,
            instruments: meters?.instruments ?? Instruments(factory: NOOPMetricsHandler.instance), time: time,
            unnamed: destination)
        var chain: Handler = { message, context in
            context.delivery.trace.countAttempt()
            _ = context.delivery.trace.takePermit()
            return try await handler(message, context)
        }
        for middleware in middlewares.reversed() { chain = try middleware.wrap(chain, for: scope) }
        self.handler = chain
    }

    func context(_ message: Message, origin: Delivery.Origin = .init()) -> HandlerContext {
        HandlerContext(
            route: scope,
            delivery: Delivery(message, origin: origin, settler: IgnoringSettler.shared, tag: 0, time: scope.time))
    }

    @discardableResult
    func callAsFunction(_ message: Message = .numbered(0), _ context: HandlerContext? = nil) async throws -> [Message] {
        try await handler(message, context ?? self.context(message))
    }
}

private final class IgnoringSettler: Settler {
    static let shared = IgnoringSettler()
    func settle(_ tag: UInt64, _ settlement: Settlement) {}
}

/// Something that is so, or not.
final class Flag: Sendable {
    private let flag = Atomic<Bool>(false)
    var value: Bool { flag.load(ordering: .acquiring) }

    func set() { flag.store(true, ordering: .releasing) }
    func clear() { flag.store(false, ordering: .releasing) }
}
