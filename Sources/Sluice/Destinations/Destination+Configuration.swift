import Synchronization

extension Destination {
    /// The policies of a destination. Each can be changed while messages are under way (`update`).
    public struct Configuration: Sendable, Equatable, LivePolicy {
        /// What becomes of a time that the destination names. Default: kept up to an hour, with up to 10% added.
        public var retryAfter: RetryAfter
        /// Bounds attempts that are not a message's first; nil sets no bound. Default: a fifth of the first attempts, and
        /// one a second.
        public var budget: RetryBudget?
        /// Gives it a rest while it fails; nil, the default, never does.
        public var breaker: CircuitBreaker?
        /// Attempts a second, of all routes; nil, the default, sets no bound.
        public var throttle: Throttle?
        /// Attempts at once, of all routes; nil, the default, sets no bound but the routes' own.
        public var concurrency: Concurrency?

        public init(
            retryAfter: RetryAfter = RetryAfter(), budget: RetryBudget? = RetryBudget(), breaker: CircuitBreaker? = nil,
            throttle: Throttle? = nil, concurrency: Concurrency? = nil
        ) {
            self.retryAfter = retryAfter
            self.budget = budget
            self.breaker = breaker
            self.throttle = throttle
            self.concurrency = concurrency
        }

        public func validate() throws(ConfigurationError) { try validate("Destination") }

        func validate(_ field: String) throws(ConfigurationError) {
            try ConfigurationCheck.all(of: field) { check in
                check.include { () throws(ConfigurationError) in try retryAfter.validate("\(field).retryAfter") }
                check.include { () throws(ConfigurationError) in try budget?.validate("\(field).budget") }
                check.include { () throws(ConfigurationError) in try breaker?.validate("\(field).breaker") }
                check.include { () throws(ConfigurationError) in try throttle?.validate("\(field).throttle") }
                check.include { () throws(ConfigurationError) in try concurrency?.validate("\(field).concurrency") }
            }
        }

        /// Whether an attempt needs something beside an open gate.
        var isLimited: Bool { throttle != nil || concurrency != nil }
    }

    /// What is in force now.
    public var configuration: Configuration { live.policy }

    /// Puts other policies in force, for what is under way and for what waits already (``Live``): its gate, budget, breaker
    /// and books carry over.
    ///
    /// ```swift
    /// try chat.update { $0.throttle = Throttle(rate: 0.5) }
    /// ```
    /// - Throws: ``ConfigurationError`` for a value that is outside its range; what was in force stays.
    public func update(_ configuration: Configuration) throws(ConfigurationError) {
        try live.update(configuration)
    }

    /// Changes some of its policies.
    /// - Throws: as `update`.
    public func update(_ change: (inout Configuration) -> Void) throws(ConfigurationError) {
        try live.update(change)
    }

    /// Has its parts go by what is in force, before anything that waits is told.
    func followPolicies() {
        live.onChange(for: self) { [weak self] in self?.takeOver() }
    }

    private func takeOver() {
        let policies = configuration
        limited.store(policies.isLimited, ordering: .relaxed)
        gate.update(policies.retryAfter)
        budget.update(policies.budget, firsts: firsts)
        let force = breaker.update(policies.breaker, books.successes)
        if force.isChanged { tellObserver(.breakerForced, (force.now ?? .auto).rawValue) }
        throttle.update(policies.throttle)
        slots.update(policies.concurrency)
    }
}
