import Synchronization

/// A ``Throttle`` at work, for a route or for a destination: its buckets, and those that wait for a permit. Without a policy
/// all go at once.
final class ThrottleLine: Sendable {
    /// A permit that was taken, perhaps before it has come.
    struct Permit: Sendable {
        fileprivate let key: [UInt8]
        fileprivate var number: Double
        /// Of the buckets that it comes from.
        fileprivate let generation: UInt64
    }

    private struct Waiting {
        var permit: Permit
        let standing: Standing
    }

    private struct State {
        var policy: Throttle?
        var buckets: [[UInt8]: TokenBucket] = [:]
        var clock: SlowedClock
        /// Another key makes other buckets.
        var generation: UInt64 = 0
        /// Those whose permits have not come.
        var waiting: [UInt64: Waiting] = [:]
        var lastWaiting: UInt64 = 0
        /// Of those that wait, how many give way.
        var patient = 0

        mutating func begin(_ id: UInt64, _ permit: Permit, _ standing: Standing) {
            waiting[id] = Waiting(permit: permit, standing: standing)
            if standing == .patient { patient += 1 }
        }

        mutating func end(_ id: UInt64) {
            if waiting.removeValue(forKey: id)?.standing == .patient { patient -= 1 }
        }

        /// When it may be used; nil when another has to be taken.
        func due(_ permit: Permit) -> MonotonicTime? {
            guard permit.generation == generation else { return nil }
            // Its bucket is forgotten only once it is full: the permit has come long ago.
            return buckets[permit.key].map { clock.time(of: $0.due(permit.number)) } ?? .longAgo
        }

        /// A message takes the first permit of those that wait for one of the same bucket and stand behind it; each of them
        /// takes the next one's.
        /// - Returns: whether there are any.
        mutating func putFirst(_ id: UInt64) -> Bool {
            guard let (own, standing) = waiting[id].map({ ($0.permit, $0.standing) }),
                standing == .urgent || standing == .ordinary && patient > 0
            else { return false }
            let others = waiting.filter { _, other in
                other.standing > standing && other.permit.key == own.key && other.permit.generation == own.generation
                    && other.permit.number < own.number
            }.sorted { $0.value.permit.number < $1.value.permit.number }
            guard let first = others.first else { return false }
            let numbers = others.dropFirst().map { $0.value.permit.number } + [own.number]
            waiting[id]?.permit.number = first.value.permit.number
            for (other, number) in zip(others, numbers) { waiting[other.key]?.permit.number = number }
            return true
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
        let standing = context.route.standing
        guard let taken = take(message, standing, at: start) else { return nil }
        let meter = meter()
        guard var id = taken.waiting else {
            meter.note(0)
            return 0
        }
        waitingCount.wrappingAdd(1, ordering: .relaxed)
        meter.beginWaiting()
        defer {
            waitingCount.wrappingSubtract(1, ordering: .relaxed)
            meter.endWaiting()
            state.withLock { $0.end(id) }
        }
        try await context.wait(following: [bell], booking: .throttle) {
            if let due = due(id, at: time.now) { return due }
            guard let taken = take(message, standing, at: time.now) else { return .longAgo }
            guard let next = taken.waiting else { return .longAgo }
            id = next
            return taken.due
        }
        let waited = time.now.nanoseconds(since: start)
        meter.note(waited)
        return waited
    }

    /// When the permit has come of one that waits. From then on it is its own, and goes to no other.
    /// - Returns: nil when another has to be taken.
    private func due(_ id: UInt64, at now: MonotonicTime) -> MonotonicTime? {
        state.withLock { state in
            guard let permit = state.waiting[id]?.permit else { return .longAgo }
            let due = state.due(permit)
            if due.map({ $0 <= now }) ?? true { state.end(id) }
            return due
        }
    }

    /// - Returns: nil when there is nothing to wait for. Without a number the permit is there.
    private func take(
        _ message: Message, _ standing: Standing, at now: MonotonicTime
    ) -> (waiting: UInt64?, due: MonotonicTime)? {
        // The key is the user's to work out: not under the lock.
        guard let selector = state.withLock(\.policy) else { return nil }
        let key = selector.key?.select(message) ?? []
        let (taken, isFirst) = state.withLock { state -> ((waiting: UInt64?, due: MonotonicTime)?, Bool) in
            guard let policy = state.policy else { return (nil, false) }
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
            let due = state.due(permit) ?? now
            guard due > now else { return ((nil, due), false) }
            state.lastWaiting += 1
            let id = state.lastWaiting
            state.begin(id, permit, standing)
            guard state.putFirst(id), let own = state.waiting[id]?.permit else { return ((id, due), false) }
            return ((id, state.due(own) ?? now), true)
        }
        // The others look at their permits anew.
        if isFirst { bell.ring() }
        return taken
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
