import Sluice
import Synchronization

/// What has happened and is not written yet: bounded, so that a disk that is slow costs no memory and nothing waits for it. What
/// finds no room is dropped and counted.
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
    }

    private let capacity: Int
    private let state: Mutex<State>
    private let signal: ThreadSignal

    /// - Parameter signal: is raised by the first record, and when the buffer is half full.
    init(capacity: Int, signal: ThreadSignal) {
        self.capacity = capacity
        self.signal = signal
        state = Mutex(State(room: capacity))
    }

    // Never wait for anything but the lock.

    func add(_ attempt: AttemptEnd) { add { $0.attempts.append(attempt) } }

    func add(_ end: DeliveryEnd) { add { $0.ends.append(end) } }

    func add(_ message: JournalMessage) { add { $0.messages.append(message) } }

    func add(_ event: JournalEvent) { add { $0.events.append(event) } }

    @inline(__always)
    private func add(_ append: (inout Batch) -> Void) {
        let mustWake = state.withLock { state in
            guard state.room > 0 else {
                state.dropped += 1
                return false
            }
            append(&state.batch)
            state.room -= 1
            return state.room == capacity - 1 || state.room == capacity / 2
        }
        if mustWake { signal.raise() }
    }

    var isEmpty: Bool { state.withLock { $0.room == capacity && $0.dropped == 0 } }

    /// Whether it is at least half full.
    var isFilling: Bool { state.withLock { $0.room <= capacity / 2 } }

    /// Takes everything.
    /// - Parameter batch: an empty one, whose room is used from now on.
    /// - Returns: how many found no room since it was last asked.
    func take(into batch: inout Batch) -> Int {
        state.withLock { state in
            swap(&state.batch, &batch)
            state.room = capacity
            defer { state.dropped = 0 }
            return state.dropped
        }
    }
}
