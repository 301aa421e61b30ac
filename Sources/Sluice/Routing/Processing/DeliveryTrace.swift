import Synchronization

/// What the chain tells the route of one delivery: times, attempts, outcome.
///
/// A part of the delivery, so that it costs no allocation. One task writes at a time; they are atomics so that an attempt
/// that outlives its deadline does no harm.
package struct DeliveryTrace: ~Copyable, Sendable {
    /// The stages that are measured where they happen; `queue` and `handler` follow from these and the whole.
    package enum BookedStage: Sendable {
        case throttle, breaker, concurrency, backoff, publish
    }

    private let throttle = Atomic<UInt64>(0)
    private let breaker = Atomic<UInt64>(0)
    private let concurrency = Atomic<UInt64>(0)
    private let backoff = Atomic<UInt64>(0)
    private let publish = Atomic<UInt64>(0)
    private let attemptCount = Atomic<Int>(0)
    private let outcomeIndex = Atomic<Int>(0)
    private let exhausted = Atomic<Bool>(false)
    private let logged = Atomic<Bool>(false)
    private let permit = Atomic<Bool>(false)
    private let probe = Atomic<Bool>(false)
    /// The standing by which others give way to it; no standing where they do not.
    private let claimed = Atomic<UInt8>(.max)
    private let failedAttempts = Atomic<UInt32>(0)
    private let throttledAnswers = Atomic<UInt32>(0)
    private let firstFailure = Atomic<UInt64>(0)
    private let success = Atomic<UInt64>(0)
    private let redelivery = Atomic<UInt64>(0)
    private let liveRedelivery = Mutex<LiveDelay?>(nil)
    private let delays = Atomic<UInt32>(0)
    private let admitted = Atomic<UInt64>(0)
    private let among = Atomic<Int>(0)
    private let heeded = Atomic<UInt64>(0)
    private let draw = Atomic<UInt64>(0)
    /// A word that stays empty without a tracer.
    private let ownSpan = AtomicLazyReference<DeliverySpan>()

    package func book(_ nanoseconds: UInt64, to stage: BookedStage) {
        switch stage {
        case .throttle: throttle.wrappingAdd(nanoseconds, ordering: .relaxed)
        case .breaker: breaker.wrappingAdd(nanoseconds, ordering: .relaxed)
        case .concurrency: concurrency.wrappingAdd(nanoseconds, ordering: .relaxed)
        case .backoff: backoff.wrappingAdd(nanoseconds, ordering: .relaxed)
        case .publish: publish.wrappingAdd(nanoseconds, ordering: .relaxed)
        }
    }

    package func nanoseconds(in stage: BookedStage) -> UInt64 {
        switch stage {
        case .throttle: throttle.load(ordering: .relaxed)
        case .breaker: breaker.load(ordering: .relaxed)
        case .concurrency: concurrency.load(ordering: .relaxed)
        case .backoff: backoff.load(ordering: .relaxed)
        case .publish: publish.load(ordering: .relaxed)
        }
    }

    /// How often the handler was called for this delivery, over all passes through the chain.
    package var attempts: Int { attemptCount.load(ordering: .relaxed) }

    /// - Returns: whether it was the message's first, which needs no permit.
    @discardableResult
    func countAttempt() -> Bool {
        let before = attemptCount.wrappingAdd(1, ordering: .relaxed).oldValue
        return before == 0 && !hasPermit
    }

    /// When the first attempt succeeded; 0 when it did not. Kept here until the delivery leaves its route, whose lock
    /// counts it then: many tasks that count in one place hold each other up.
    var firstSuccess: UInt64 { success.load(ordering: .relaxed) }

    func noteFirstSuccess(at time: MonotonicTime) {
        success.store(max(time.nanoseconds, 1), ordering: .relaxed)
    }

    /// Whether the next attempt was taken out of the destination's budget.
    var hasPermit: Bool {
        get { permit.load(ordering: .relaxed) }
        nonmutating set { permit.store(newValue, ordering: .relaxed) }
    }

    /// - Returns: whether there was one.
    func takePermit() -> Bool { hasPermit && permit.exchange(false, ordering: .relaxed) }

    /// Whether the next attempt finds out for the destination's breaker whether it works again.
    var isProbe: Bool {
        get { probe.load(ordering: .relaxed) }
        nonmutating set { probe.store(newValue, ordering: .relaxed) }
    }

    /// - Returns: whether it was one.
    func takeProbe() -> Bool { isProbe && probe.exchange(false, ordering: .relaxed) }

    /// What others give way to until its next attempt; nil where they do not.
    var precedence: Standing? {
        get { Standing(rawValue: claimed.load(ordering: .relaxed)) }
        nonmutating set { claimed.store(newValue?.rawValue ?? .max, ordering: .relaxed) }
    }

    /// - Returns: what others did give way to.
    func takePrecedence() -> Standing? {
        precedence == nil ? nil : Standing(rawValue: claimed.exchange(.max, ordering: .relaxed))
    }

    /// Whether the next attempt was let in where its destination has limits.
    var isAdmitted: Bool { admitted.load(ordering: .relaxed) != 0 }

    func admit(_ admission: ConcurrencyBook.Admission) {
        among.store(admission.among, ordering: .relaxed)
        admitted.store(max(admission.time.nanoseconds, 1), ordering: .relaxed)
    }

    /// - Returns: nil when it was not let in, or need not be.
    func takeAdmission() -> ConcurrencyBook.Admission? {
        guard isAdmitted else { return nil }
        let time = admitted.exchange(0, ordering: .relaxed)
        return time == 0
            ? nil : .init(time: MonotonicTime(nanoseconds: time), among: among.load(ordering: .relaxed))
    }

    /// The destination does already what the last attempt's error asks for.
    /// - Parameter draw: the jitter of the time that it named.
    func noteHeeded(_ draw: Double, at time: MonotonicTime) {
        self.draw.store(draw.bitPattern, ordering: .relaxed)
        heeded.store(time.nanoseconds.addingSaturated(1), ordering: .relaxed)
    }

    /// - Returns: what was noted since it was last taken.
    func takeHeeded() -> (time: MonotonicTime, draw: Double)? {
        let time = heeded.exchange(0, ordering: .relaxed)
        guard time != 0 else { return nil }
        return (MonotonicTime(nanoseconds: time - 1), Double(bitPattern: draw.load(ordering: .relaxed)))
    }

    // MARK: What Retry knows of the message, over all its passes through the chain

    /// The number of the next attempt, from 1: throttled answers and holds do not count.
    var nextAttempt: Int { Int(failedAttempts.load(ordering: .relaxed)).addingSaturated(1) }

    func countFailedAttempt() {
        failedAttempts.wrappingAdd(1, ordering: .relaxed)
    }

    /// - Returns: how many there were, this one included.
    func countThrottledAnswer() -> Int {
        Int(throttledAnswers.wrappingAdd(1, ordering: .relaxed).newValue)
    }

    /// - Returns: when the message first failed: now, unless it has before.
    func noteFailure(at now: MonotonicTime) -> MonotonicTime {
        let (isFirst, before) = firstFailure.compareExchange(
            expected: 0, desired: max(now.nanoseconds, 1), ordering: .relaxed)
        return isFirst ? now : MonotonicTime(nanoseconds: before)
    }

    /// Waits that are no fault of the message's use up none of its time.
    func postponeFailure(by nanoseconds: UInt64) {
        let before = firstFailure.load(ordering: .relaxed)
        if before != 0 { firstFailure.store(before.addingSaturated(nanoseconds), ordering: .relaxed) }
    }

    // MARK: What its source keeps of that

    /// - Parameters:
    ///   - due: when it is attempted next.
    ///   - wall: the same moment as `now`.
    func progress(due: MonotonicTime, at now: MonotonicTime, _ wall: Timestamp) -> Delivery.Progress {
        let first = firstFailure.load(ordering: .relaxed)
        let firstFailure = first == 0 ? now : MonotonicTime(nanoseconds: first)
        let wait = max(.zero, now.duration(to: due))
        // A timestamp has whole milliseconds: cut off, the attempt would be made before its time.
        let whole = wait.wholeNanoseconds.addingSaturated(999_999) / 1_000_000
        return Delivery.Progress(
            attempts: attempts, failedAttempts: Int(failedAttempts.load(ordering: .relaxed)),
            throttledAnswers: Int(throttledAnswers.load(ordering: .relaxed)),
            firstFailure: wall.advanced(by: now.duration(to: firstFailure)),
            due: wall.advanced(by: .milliseconds(Int64(clamping: whole))), wait: wait)
    }

    /// Goes on from there.
    func restore(_ progress: Delivery.Progress, at now: MonotonicTime, _ wall: Timestamp) {
        attemptCount.store(max(0, progress.attempts), ordering: .relaxed)
        failedAttempts.store(UInt32(clamping: progress.failedAttempts), ordering: .relaxed)
        throttledAnswers.store(UInt32(clamping: progress.throttledAnswers), ordering: .relaxed)
        let age = Duration.milliseconds(max(0, wall.milliseconds(since: progress.firstFailure)))
        let first = now.nanoseconds.subtractingSaturated(age.wholeNanoseconds)
        if progress.failedAttempts > 0 || progress.throttledAnswers > 0 {
            firstFailure.store(max(first, 1), ordering: .relaxed)
        }
    }

    // MARK: How long it waits when it is rejected

    /// What the chain has said in this pass; nil leaves it to the route.
    var redeliveryDelay: Duration? {
        let nanoseconds = redelivery.load(ordering: .relaxed)
        return nanoseconds > 0 ? .nanoseconds(Int64(clamping: nanoseconds)) : nil
    }

    /// The same by a policy, which is asked again when it changes.
    var liveRedeliveryDelay: LiveDelay? { liveRedelivery.withLock(\.self) }

    func setRedelivery(after delay: Duration) {
        redelivery.store(max(delay.wholeNanoseconds, 1), ordering: .relaxed)
        liveRedelivery.withLock { $0 = nil }
    }

    func setRedelivery(_ delay: LiveDelay) {
        redelivery.store(0, ordering: .relaxed)
        liveRedelivery.withLock { $0 = delay }
    }

    /// - Returns: how often it was delayed, this time included.
    func countDelay() -> Int {
        Int(delays.wrappingAdd(1, ordering: .relaxed).newValue)
    }

    /// Nil where nothing is traced.
    package var span: DeliverySpan? { ownSpan.load() }

    /// - Returns: the delivery's span from now on.
    func begin(_ span: DeliverySpan) -> DeliverySpan { ownSpan.storeIfNil(span) }

    var outcome: DeliveryOutcome { DeliveryOutcome(index: outcomeIndex.load(ordering: .relaxed)) }

    /// A new pass through the chain knows nothing of how the one before ended.
    func beginPass() {
        outcomeIndex.store(DeliveryOutcome.acked.index, ordering: .relaxed)
        exhausted.store(false, ordering: .relaxed)
        logged.store(false, ordering: .relaxed)
        redelivery.store(0, ordering: .relaxed)
        liveRedelivery.withLock { $0 = nil }
        heeded.store(0, ordering: .relaxed)
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
