import Sluice
import Synchronization

/// What has happened and is not written yet: bounded, so that a disk that is slow costs no memory and nothing waits for it. What
/// finds no room is dropped and counted.
///
/// Attempts that succeed at once are bounded in their rate as well: beyond it they would fill the file within a minute, and the
/// thread that writes them would take the processor from the routes that it tells of. All other records go before them.
final class JournalBuffer: Sendable {
    struct Batch: Sendable {
        var attempts: [AttemptEnd] = []
        var ends: [DeliveryEnd] = []
        var messages: [JournalMessage] = []
        var events: [JournalEvent] = []

        var count: Int { attempts.count + ends.count + messages.count + events.count }

        /// Keeps the room that it has: it is filled again.
        mutating func clear() {
            attempts.removeAll(keepingCapacity: true)
            ends.removeAll(keepingCapacity: true)
            messages.removeAll(keepingCapacity: true)
            events.removeAll(keepingCapacity: true)
        }
    }

    private struct State {
        var batch = Batch()
        var room: Int
        var dropped = 0
        /// How many successes may come until the next are allowed.
        var allowed: Int
        /// When they were allowed.
        var allowedAt: MonotonicTime
    }

    private let capacity: Int
    private let rate: Int
    private let state: Mutex<State>
    /// Whether successes are dropped until ``take(into:at:)``: what is dropped does not wait for the lock.
    private let isSparing = Atomic(false)
    private let spared = Atomic(0)
    private let signal: ThreadSignal

    /// - Parameters:
    ///   - rate: successes in a second at most, over time.
    ///   - signal: is raised by the first record, and when the buffer is half full.
    init(capacity: Int, rate: Int, signal: ThreadSignal, at now: MonotonicTime = .now()) {
        self.capacity = capacity
        self.rate = rate
        self.signal = signal
        state = Mutex(State(room: capacity, allowed: capacity, allowedAt: now))
    }

    // Never wait for anything but the lock.

    func add(_ attempt: AttemptEnd) {
        guard attempt.isPlain else { return add { $0.attempts.append(attempt) } }
        guard !isSparing.load(ordering: .relaxed) else {
            spared.wrappingAdd(1, ordering: .relaxed)
            return
        }
        add(isPlain: true) { $0.attempts.append(attempt) }
    }

    func add(_ end: DeliveryEnd) { add { $0.ends.append(end) } }

    func add(_ message: JournalMessage) { add { $0.messages.append(message) } }

    func add(_ event: JournalEvent) { add { $0.events.append(event) } }

    @inline(__always)
    private func add(isPlain: Bool = false, _ append: (inout Batch) -> Void) {
        let mustWake = state.withLock { state in
            guard state.room > 0, !isPlain || state.allowed > 0 else {
                state.dropped += 1
                return false
            }
            if isPlain {
                state.allowed -= 1
                if state.allowed == 0 { isSparing.store(true, ordering: .relaxed) }
            }
            append(&state.batch)
            state.room -= 1
            return state.room == capacity - 1 || state.room == capacity / 2
        }
        if mustWake { signal.raise() }
    }

    var isEmpty: Bool {
        state.withLock { $0.room == capacity && $0.dropped == 0 } && !isSparing.load(ordering: .relaxed)
    }

    /// Whether it is at least half full.
    var isFilling: Bool { state.withLock { $0.room <= capacity / 2 } }

    /// Takes everything, and allows more successes.
    /// - Parameter batch: an empty one, whose room is used from now on.
    /// - Returns: how many were dropped since it was last asked.
    func take(into batch: inout Batch, at now: MonotonicTime = .now()) -> Int {
        state.withLock { state in
            swap(&state.batch, &batch)
            state.room = capacity
            allow(&state, now)
            defer { state.dropped = 0 }
            return state.dropped + spared.exchange(0, ordering: .relaxed)
        }
    }

    private func allow(_ state: inout State, _ now: MonotonicTime) {
        let elapsed = min(now.nanoseconds(since: state.allowedAt), 1_000_000_000)
        let more = Int(Double(elapsed) / 1e9 * Double(rate))
        // Less than one: it is counted from the same moment the next time.
        guard more > 0 else { return }
        state.allowed = min(capacity, state.allowed + more)
        state.allowedAt = now
        isSparing.store(false, ordering: .relaxed)
    }
}

extension AttemptEnd {
    /// Whether it is one of many that went well the first time.
    fileprivate var isPlain: Bool { attempt == 1 && result == .success }
}
