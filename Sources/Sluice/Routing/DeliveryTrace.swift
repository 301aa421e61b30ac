import Synchronization

/// What the chain tells the route of one delivery: times, attempts, outcome.
///
/// A part of the delivery, so that it costs no allocation. One task writes at a time; they are atomics so that an attempt
/// that outlives its deadline does no harm.
package struct DeliveryTrace: ~Copyable, Sendable {
    /// The stages that are measured where they happen; `queue` and `handler` follow from these and the whole.
    package enum BookedStage: Sendable {
        case throttle, breaker, backoff, publish
    }

    private let throttle = Atomic<UInt64>(0)
    private let breaker = Atomic<UInt64>(0)
    private let backoff = Atomic<UInt64>(0)
    private let publish = Atomic<UInt64>(0)
    private let attemptCount = Atomic<Int>(0)
    private let outcomeIndex = Atomic<Int>(0)
    private let exhausted = Atomic<Bool>(false)
    private let logged = Atomic<Bool>(false)

    package func book(_ nanoseconds: UInt64, to stage: BookedStage) {
        switch stage {
        case .throttle: throttle.wrappingAdd(nanoseconds, ordering: .relaxed)
        case .breaker: breaker.wrappingAdd(nanoseconds, ordering: .relaxed)
        case .backoff: backoff.wrappingAdd(nanoseconds, ordering: .relaxed)
        case .publish: publish.wrappingAdd(nanoseconds, ordering: .relaxed)
        }
    }

    func nanoseconds(in stage: BookedStage) -> UInt64 {
        switch stage {
        case .throttle: throttle.load(ordering: .relaxed)
        case .breaker: breaker.load(ordering: .relaxed)
        case .backoff: backoff.load(ordering: .relaxed)
        case .publish: publish.load(ordering: .relaxed)
        }
    }

    /// How often the handler was called for this delivery, over all passes through the chain.
    package var attempts: Int { attemptCount.load(ordering: .relaxed) }

    func countAttempt() {
        attemptCount.wrappingAdd(1, ordering: .relaxed)
    }

    var outcome: DeliveryOutcome { DeliveryOutcome(index: outcomeIndex.load(ordering: .relaxed)) }

    /// A new pass through the chain knows nothing of how the one before ended.
    func beginPass() {
        outcomeIndex.store(DeliveryOutcome.acked.index, ordering: .relaxed)
        exhausted.store(false, ordering: .relaxed)
        logged.store(false, ordering: .relaxed)
    }

    func setOutcome(_ outcome: DeliveryOutcome) {
        outcomeIndex.store(outcome.index, ordering: .relaxed)
    }

    /// Whether Retry has used up the message's own attempts or time, and not only the budget that it shares.
    package var isExhausted: Bool {
        get { exhausted.load(ordering: .relaxed) }
        nonmutating set { exhausted.store(newValue, ordering: .relaxed) }
    }

    /// Whether a middleware has logged the last failure, so that the route need not.
    package var isLogged: Bool {
        get { logged.load(ordering: .relaxed) }
        nonmutating set { logged.store(newValue, ordering: .relaxed) }
    }
}
