import Logging
import Synchronization

/// One outside system, as every route that delivers to it meets it.
///
/// Routes that name the same destination share its gate (a time that it named, or a fault that a person has to mend, holds
/// all their messages), its budget for trying again, and its books. A route that names none has one of its own, with the
/// route's name and the configuration ``Router/Configuration/destination``.
///
/// ```swift
/// let chat = try Destination("chat")
/// try router.add(Route("production", from: log, "events", to: sink, "events", destination: chat, …))
/// try router.add(Route("web", from: log, "events", to: sink, "events", destination: chat, …))
/// ```
///
/// What it bounds it bounds for this process.
public final class Destination: Timed {
    /// The label `destination`.
    public let name: String
    /// What its waits go by; a router that goes by another refuses its routes.
    public var time: RouterTime? { clock }
    let clock: RouterTime

    /// What it goes by.
    let live: Live<Configuration>
    let gate = DestinationGate()
    let budget: BudgetLine
    let breaker: Breaker
    let throttle: ThrottleLine
    let slots: ConcurrencyLine
    let precedence = Precedence()
    let books = DestinationBooks()
    /// Whether an attempt needs something beside an open gate: a permit of the throttle, or a slot.
    let limited: Atomic<Bool>
    /// Whether it was named, and is not a route's own.
    let isNamed: Bool
    private let meter = Mutex<DestinationMeter?>(nil)
    /// Is told when it stops taking messages, or takes them again.
    let observer = Mutex<(any RouteObserver)?>(nil)

    /// - Parameters:
    ///   - name: unique in a router. At least one character.
    ///   - configuration: its policies. Default: a budget, no breaker and no limits.
    ///   - time: the router's. Default: the machine's.
    /// - Throws: ``ConfigurationError`` when a value is outside its range.
    public convenience init(
        _ name: String, _ configuration: Configuration = Configuration(), time: RouterTime = .real
    ) throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "Destination") { check in
            check("name", !name.isEmpty, expected: "at least one character")
            check.include { () throws(ConfigurationError) in try configuration.validate() }
        }
        self.init(name, isNamed: true, configuration, time)
    }

    /// A route's own.
    convenience init(of route: Route, _ configuration: Configuration, time: RouterTime) {
        self.init(route.name, isNamed: false, configuration, time)
    }

    private init(_ name: String, isNamed: Bool, _ configuration: Configuration, _ time: RouterTime) {
        self.name = name
        self.isNamed = isNamed
        clock = time
        live = Live(configuration)
        budget = BudgetLine(configuration.budget, time: time)
        breaker = Breaker(configuration.breaker, time: time)
        throttle = ThrottleLine(configuration.throttle, time: time)
        slots = ConcurrencyLine(configuration.concurrency, time: time)
        limited = Atomic(configuration.isLimited)
        followPolicies()
    }

    /// Whether nothing keeps an attempt from being made, as far as is known without a look; limits aside.
    var isOpen: Bool { gate.isOpen && breaker.isPassable }

    /// Whether the next attempt has to be let in (``admit(_:)``).
    var mustAdmit: Bool { !isOpen || limited.load(ordering: .relaxed) }

    /// This destination as the label of a metric.
    public var label: (String, String) { ("destination", name) }

    /// Has its figures shown from now on. Only the first call counts: its series exist once.
    func register(with instruments: Instruments) {
        guard instruments.isActive else { return }
        meter.withLock { meter in
            guard meter == nil else { return }
            let made = DestinationMeter(self, instruments)
            instruments.onRefresh(for: made) { [weak self, weak made] in
                if let self, let made { made.push(self) }
            }
            meter = made
        }
    }

    /// An attempt has waited so long for what a limit allows.
    func noteWait(_ nanoseconds: UInt64, for limit: DestinationLimitMeter.Limit) {
        meter.withLock(\.self)?.limits.note(nanoseconds, for: limit)
    }

    /// Counts what held it. Nothing is counted before its figures are shown.
    func countHold(_ reason: String) {
        meter.withLock(\.self)?.holds.increment(reason)
    }
}

extension Destination {
    /// Whether this and the route's destination can be told apart, or are the same.
    func isCompatible(with route: Route) -> Bool {
        self === route.destination || name != (route.destination?.name ?? route.name)
    }
}

extension Router {
    /// The destinations of its routes, each once, in the order in which they were first used.
    public var destinations: [Destination] {
        var known: Set<ObjectIdentifier> = []
        return scopes.map(\.destination).filter { known.insert(ObjectIdentifier($0)).inserted }
    }
}
