import DequeModule
import Synchronization

/// Deadlines of one length, which fall due in the order in which they were added: one timer serves them all, and a
/// waiter that is done leaves nothing behind but a weak reference. The length can be changed, also for those that wait.
final class DeadlineQueue<Waiter: AnyObject & Sendable>: Sendable {
    private struct Entry {
        let start: MonotonicTime
        weak var waiter: Waiter?
    }

    private struct State {
        var length: Duration
        var entries = Deque<Entry>()
        /// Which timer counts; nil while there is none.
        var timer: UInt64?
        var lastTimer: UInt64 = 0

        mutating func startTimer() -> UInt64 {
            lastTimer += 1
            timer = lastTimer
            return lastTimer
        }
    }

    private let time: RouterTime
    private let expire: @Sendable (Waiter, Duration) -> Void
    private let state: Mutex<State>

    /// - Parameters:
    ///   - length: of each deadline.
    ///   - expire: called for each waiter that is still there when its deadline passes, with the length.
    init(_ length: Duration, time: RouterTime, expire: @escaping @Sendable (Waiter, Duration) -> Void) {
        self.time = time
        self.expire = expire
        state = Mutex(State(length: length))
    }

    func add(_ waiter: Waiter) {
        let now = time.now
        let armed = state.withLock { state -> (UInt64, Duration)? in
            // Waiters at the head that are done are forgotten here, so that the queue is no longer than what is under way.
            while let first = state.entries.first, first.waiter == nil { state.entries.removeFirst() }
            state.entries.append(Entry(start: now, waiter: waiter))
            return state.timer == nil ? (state.startTimer(), state.length) : nil
        }
        if let (timer, length) = armed { arm(timer, length) }
    }

    /// Counted from when each began.
    func update(_ length: Duration) {
        let timer = state.withLock { state -> UInt64? in
            guard state.length != length else { return nil }
            state.length = length
            return state.entries.isEmpty ? nil : state.startTimer()
        }
        if let timer { fire(timer) }
    }

    private func arm(_ timer: UInt64, _ duration: Duration) {
        time.after(duration) { [weak self] in self?.fire(timer) }
    }

    private func fire(_ timer: UInt64) {
        let now = time.now
        let (expired, length, next) = state.withLock { state -> ([Waiter], Duration, MonotonicTime?) in
            guard state.timer == timer else { return ([], state.length, nil) }
            var expired: [Waiter] = []
            while let first = state.entries.first,
                first.start.advanced(by: state.length) <= now || first.waiter == nil
            {
                state.entries.removeFirst()
                if let waiter = first.waiter { expired.append(waiter) }
            }
            if state.entries.isEmpty { state.timer = nil }
            return (expired, state.length, state.entries.first?.start.advanced(by: state.length))
        }
        for waiter in expired { expire(waiter, length) }
        if let next { arm(timer, .nanoseconds(Int64(clamping: next.nanoseconds(since: now)))) }
    }
}
