import Synchronization

/// A ``Throttle`` at work, for a route or for a destination: its buckets, and those that wait for a permit. Without a policy
/// all go at once.
final class ThrottleLine: Sendable {
    /// A permit that was taken, perhaps before it has come.
    struct Permit: Sendable {
        fileprivate let key: [UInt8]
        fileprivate let number: Double
        /// Of the buckets that it comes from.
        fileprivate let generation: UInt64
    }

    private struct State {
        var policy: Throttle?
        var buckets: [[UInt8]: TokenBucket] = [:]
        var clock: SlowedClock
        /// Another key makes other buckets.
        var generation: UInt64 = 0

        /// When it may be used; nil when another has to be taken.
        func due(_ permit: Permit) -> MonotonicTime? {
            guard permit.generation == generation else { return nil }
            // Its bucket is forgotten only once it is full: the permit has come long ago.
            return buckets[permit.key].map { clock.time(of: $0.due(permit.number)) } ?? .longAgo
        }
    }

    private let time: RouterTime
    private let state: Mutex<State>
    private let bell = ChangeBell()
    private let waitingCount = Atomic<Int>(0)

    init(_ policy: Throttle?, time: RouterTime) {
        self.time = time
        state = Mutex(State(policy: policy, clock: SlowedClock(at: time.now)))
    }

    /// Messages that wait for a permit.
    var waiting: Int { waitingCount.load(ordering: .relaxed) }

    /// Permits a second now; nil where there is no bound.
    var rate: Double? {
        let now = time.now
        return state.withLock { state in state.policy.map { $0.rate * state.clock.speed(at: now) } }
    }

    /// Takes a permit and waits for it.
    /// - Returns: how long that took, in nanoseconds; nil where none is needed.
    func wait(
        _ message: Message, _ context: HandlerContext, _ meter: @autoclosure () -> ThrottleMeter
    ) async throws -> UInt64? {
        let start = time.now
        guard let taken = take(message, at: start) else { return nil }
        let meter = meter()
        guard taken.due > start else {
            meter.note(0)
            return 0
        }
        waitingCount.wrappingAdd(1, ordering: .relaxed)
        meter.beginWaiting()
        defer {
            waitingCount.wrappingSubtract(1, ordering: .relaxed)
            meter.endWaiting()
        }
        var permit = taken.permit
        try await context.wait(following: [bell], booking: .throttle) {
            if let due = state.withLock({ $0.due(permit) }) { return due }
            guard let taken = take(message, at: time.now) else { return .longAgo }
            permit = taken.permit
            return taken.due
        }
        let waited = time.now.nanoseconds(since: start)
        meter.note(waited)
        return waited
    }

    /// - Returns: nil when there is nothing to wait for.
    private func take(_ message: Message, at now: MonotonicTime) -> (permit: Permit, due: MonotonicTime)? {
        // The key is the user's to work out: not under the lock.
        guard let selector = state.withLock(\.policy) else { return nil }
        let key = selector.key?.select(message) ?? []
        return state.withLock { state in
            guard let policy = state.policy else { return nil }
            let reading = state.clock.reading(at: now)
            var key = key
            if state.buckets[key] == nil, state.buckets.count >= policy.maximumKeys {
                // A full bucket remembers nothing, so forgetting it changes nothing.
                state.buckets = state.buckets.filter { !$0.value.isFull(at: reading) }
                if state.buckets.count >= policy.maximumKeys { key = [] }
            }
            let number = state.buckets[
                key, default: TokenBucket(rate: policy.rate, burst: policy.burst, at: reading)
            ].take(at: reading)
            let permit = Permit(key: key, number: number, generation: state.generation)
            return (permit, state.due(permit) ?? now)
        }
    }

    /// The destination asks to slow down.
    func noteThrottledAnswer() {
        let now = time.now
        let isSlower = state.withLock { state in
            state.policy?.slowdown.map { state.clock.slowDown($0, at: now) } ?? false
        }
        if isSlower { bell.ring() }
    }

    /// Goes by another policy from now on, also for those that wait.
    func update(_ policy: Throttle?) {
        let now = time.now
        let isChanged = state.withLock { state in
            guard policy != state.policy else { return false }
            let reading = state.clock.reading(at: now)
            if let policy, policy.key == state.policy?.key {
                for key in state.buckets.keys {
                    state.buckets[key]?.update(rate: policy.rate, burst: policy.burst, at: reading)
                }
            } else {
                state.buckets = [:]
                state.generation &+= 1
            }
            state.clock.update(policy?.slowdown, at: now)
            state.policy = policy
            return true
        }
        if isChanged { bell.ring() }
    }
}
