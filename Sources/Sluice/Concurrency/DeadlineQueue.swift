import DequeModule
import Synchronization

/// Deadlines of one length, which fall due in the order in which they were added: one timer serves them all, and whoever
/// is done leaves nothing behind but a weak reference.
final class DeadlineQueue<Waiter: AnyObject & Sendable>: Sendable {
    private struct Entry {
        let due: MonotonicTime
        weak var waiter: Waiter?
    }

    private struct State {
        var entries = Deque<Entry>()
        var isArmed = false
    }

    private let length: Duration
    private let time: RouterTime
    private let expire: @Sendable (Waiter) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - length: of each deadline.
    ///   - expire: called for each waiter that is still there when its deadline passes.
    init(_ length: Duration, time: RouterTime, expire: @escaping @Sendable (Waiter) -> Void) {
        self.length = length
        self.time = time
        self.expire = expire
    }

    func add(_ waiter: Waiter) {
        let due = time.now.advanced(by: length)
        let arms = state.withLock { state in
            // Whoever is done at the head is forgotten here, so that the queue is no longer than what is under way.
            while let first = state.entries.first, first.waiter == nil { state.entries.removeFirst() }
            state.entries.append(Entry(due: due, waiter: waiter))
            defer { state.isArmed = true }
            return !state.isArmed
        }
        if arms { arm(length) }
    }

    private func arm(_ duration: Duration) {
        time.after(duration) { [weak self] in self?.fire() }
    }

    private func fire() {
        let now = time.now
        let (expired, next) = state.withLock { state -> ([Waiter], MonotonicTime?) in
            var expired: [Waiter] = []
            while let first = state.entries.first, first.due <= now || first.waiter == nil {
                state.entries.removeFirst()
                if let waiter = first.waiter { expired.append(waiter) }
            }
            state.isArmed = !state.entries.isEmpty
            return (expired, state.entries.first?.due)
        }
        for waiter in expired { expire(waiter) }
        if let next { arm(.nanoseconds(Int64(clamping: next.nanoseconds(since: now)))) }
    }
}
