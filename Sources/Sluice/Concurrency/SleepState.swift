import Synchronization

/// Whether a thread sleeps, and whether something has come for it meanwhile: what wakes it does so only when it must, and is
/// never lost.
package struct SleepState: ~Copyable, Sendable {
    private static let idle: UInt8 = 0
    private static let raised: UInt8 = 1
    private static let sleeping: UInt8 = 2

    private let state = Atomic<UInt8>(idle)

    package init() {}

    /// Something has come for the thread.
    /// - Returns: whether it sleeps, and the caller has to wake it.
    package func raise() -> Bool {
        state.exchange(Self.raised, ordering: .acquiringAndReleasing) == Self.sleeping
    }

    /// The thread is about to sleep.
    /// - Returns: false when something has come since it was last awake: it must not sleep.
    package func fallAsleep() -> Bool {
        guard !wakeUp() else { return false }
        return state.compareExchange(
            expected: Self.idle, desired: Self.sleeping, ordering: .acquiringAndReleasing
        ).exchanged
    }

    /// The thread is awake, and looks for what has come until now.
    /// - Returns: whether there was something.
    @discardableResult
    package func wakeUp() -> Bool {
        state.exchange(Self.idle, ordering: .acquiringAndReleasing) == Self.raised
    }

    package var isAsleep: Bool { state.load(ordering: .acquiring) == Self.sleeping }
}
