import Synchronization

/// Shut for all messages to a destination until the time that it named, or while it is held. Opens for all at once.
struct DestinationGate: ~Copyable, Sendable {
    /// What shut it last.
    struct Cause: Sendable, Equatable {
        /// The error's reason, or what a person has to mend.
        let reason: String
        let isHold: Bool
    }

    private let shutUntil = Atomic<UInt64>(0)
    private let held = Atomic<Bool>(false)
    private let cause = Mutex<Cause?>(nil)

    /// Whether nothing has shut it, as far as anybody has looked.
    var isOpen: Bool { shutUntil.load(ordering: .relaxed) == 0 }

    /// Whether the destination refuses everything, and no attempt has succeeded since.
    var isHeld: Bool { held.load(ordering: .relaxed) }

    /// When it opens; nil when it is open. Sees to it that ``isOpen`` says so.
    func opening(at now: MonotonicTime) -> MonotonicTime? {
        let until = shutUntil.load(ordering: .relaxed)
        if until > now.nanoseconds { return MonotonicTime(nanoseconds: until) }
        if until != 0 { _ = shutUntil.compareExchange(expected: until, desired: 0, ordering: .relaxed) }
        return nil
    }

    /// Nothing passes before `time`. Never shortens what was said before.
    /// - Returns: whether it was open.
    func shut(until time: MonotonicTime, at now: MonotonicTime, because reason: String) -> Bool {
        let before = shutUntil.max(time.nanoseconds, ordering: .relaxed).oldValue
        cause.withLock { cause in
            if !isHeld { cause = Cause(reason: reason, isHold: false) }
        }
        return before <= now.nanoseconds
    }

    /// Nothing passes before `time`, and until an attempt succeeds a person is needed.
    /// - Returns: whether it was not held, or for another reason.
    func hold(until time: MonotonicTime, because reason: String) -> Bool {
        shutUntil.max(time.nanoseconds, ordering: .relaxed)
        return cause.withLock { cause in
            let new = Cause(reason: reason, isHold: true)
            held.store(true, ordering: .relaxed)
            defer { cause = new }
            return cause != new
        }
    }

    /// An attempt has succeeded: what held the destination is over.
    /// - Returns: whether it was held.
    func release() -> Bool {
        cause.withLock { cause in
            guard held.exchange(false, ordering: .relaxed) else { return false }
            cause = cause.map { Cause(reason: $0.reason, isHold: false) }
            return true
        }
    }

    /// Why it is shut or held; nil when it is neither.
    func cause(at now: MonotonicTime) -> Cause? {
        isHeld || opening(at: now) != nil ? cause.withLock(\.self) : nil
    }
}
