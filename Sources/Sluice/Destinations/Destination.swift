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
    public struct Configuration: Sendable, Equatable {
        /// What becomes of a time that the destination names. Default: kept up to an hour, with up to 10% added.
        public var retryAfter: RetryAfter
        /// Bounds attempts that are not a message's first; nil sets no bound. Default: a fifth of the first attempts, and
        /// one a second.
        public var budget: RetryBudget?
        /// Gives it a rest while it fails; nil, the default, never does.
        public var breaker: CircuitBreaker?

        public init(
            retryAfter: RetryAfter = RetryAfter(), budget: RetryBudget? = RetryBudget(), breaker: CircuitBreaker? = nil
        ) {
            self.retryAfter = retryAfter
            self.budget = budget
            self.breaker = breaker
        }

        func validate(_ field: String) throws(ConfigurationError) {
            try ConfigurationCheck.all(of: field) { check in
                check.include { () throws(ConfigurationError) in try retryAfter.validate("\(field).retryAfter") }
                check.include { () throws(ConfigurationError) in try budget?.validate("\(field).budget") }
                check.include { () throws(ConfigurationError) in try breaker?.validate("\(field).breaker") }
            }
        }
    }

    /// What becomes of a time that a destination names, such as HTTP's Retry-After (RFC 9110, section 10.2.3).
    public struct RetryAfter: Sendable, Equatable {
        /// A longer time is cut to this. More than 0; default 1 hour.
        public var maximum: Duration
        /// How much of the time is added at most, drawn anew each time, so that many clients do not come back together.
        /// From 0 to 1; default 0.1. Nothing is ever sent before the time that was named.
        public var jitter: Double

        public init(maximum: Duration = .seconds(3_600), jitter: Double = 0.1) {
            self.maximum = maximum
            self.jitter = jitter
        }

        /// What a time that was named is cut to.
        func cut(_ named: Duration) -> Duration { min(max(named, .zero), maximum) }

        func validate(_ field: String) throws(ConfigurationError) {
            try ConfigurationCheck.all(of: field) { check in
                check("maximum", maximum, above: .zero)
                check("jitter", jitter, in: 0...1)
            }
        }
    }

    /// The label `destination`.
    public let name: String
    public let configuration: Configuration
    /// What its waits go by; a router that goes by another refuses its routes.
    public var time: RouterTime? { clock }
    let clock: RouterTime

    let gate = DestinationGate()
    let budget: BudgetLine?
    let breaker: Breaker?
    let books = DestinationBooks()
    /// Whether it was named, and is not a route's own.
    let isNamed: Bool
    private let meter = Mutex<DestinationMeter?>(nil)

    /// - Parameters:
    ///   - name: unique in a router. At least one character.
    ///   - time: the router's. Default: the machine's.
    /// - Throws: ``ConfigurationError`` when a value is outside its range.
    public init(
        _ name: String, _ configuration: Configuration = Configuration(), time: RouterTime = .real
    ) throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "Destination") { check in
            check("name", !name.isEmpty, expected: "at least one character")
            check.include { () throws(ConfigurationError) in try configuration.validate("Destination") }
        }
        self.name = name
        self.configuration = configuration
        clock = time
        budget = configuration.budget.map { BudgetLine($0, time: time) }
        breaker = configuration.breaker.map { Breaker($0, time: time) }
        isNamed = true
    }

    /// A route's own.
    init(of route: Route, _ configuration: Configuration, time: RouterTime) {
        name = route.name
        self.configuration = configuration
        clock = time
        budget = configuration.budget.map { BudgetLine($0, time: time) }
        breaker = configuration.breaker.map { Breaker($0, time: time) }
        isNamed = false
    }

    /// Whether nothing keeps an attempt from being made, as far as anybody has looked.
    var isOpen: Bool { gate.isOpen && breaker?.isPassable ?? true }

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
