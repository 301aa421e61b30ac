import Glibc
import Synchronization

/// A moment's look before a task suspends: to be woken costs either side several microseconds, and a source that keeps up delivers
/// within that.
///
/// How long is learned: looks that pay are followed by longer ones, up to some tens of microseconds, and others by none until a wait
/// was short again. Between two looks other threads may run: where they take the processor for longer, it was the last look.
struct BriefLook: ~Copyable, Sendable {
    // In nanoseconds. A short wait is about what a look takes, and being woken.
    private static let first: UInt64 = 10_000
    private static let longest: UInt64 = 40_000
    private static let shortWait: UInt64 = 50_000

    private let patience = Atomic<UInt64>(Self.first)

    /// For how many nanoseconds it looks next.
    var length: UInt64 { patience.load(ordering: .relaxed) }

    /// Whether it is there, or comes within a moment.
    func finds(_ isThere: () -> Bool) -> Bool {
        let length = length
        guard length > 0 else { return false }
        let end = MonotonicTime.now().nanoseconds &+ length
        repeat {
            if isThere() {
                patience.store(min(length * 2, Self.longest), ordering: .relaxed)
                return true
            }
            sched_yield()
        } while MonotonicTime.now().nanoseconds < end
        patience.store(length > Self.first ? length / 2 : 0, ordering: .relaxed)
        return false
    }

    /// A wait begins, since nothing was found.
    func beginWait() -> MonotonicTime { .now() }

    /// A wait that a look would have spared is followed by one.
    func endWait(since start: MonotonicTime) {
        guard MonotonicTime.now().nanoseconds(since: start) < Self.shortWait, length < Self.first else { return }
        patience.store(Self.first, ordering: .relaxed)
    }
}
