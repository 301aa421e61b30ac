import Synchronization

/// Shut for all messages to a destination until the time that it named, or while it is held. Opens for all at once.
struct DestinationGate: ~Copyable, Sendable {
    /// What shut it last.
    struct Cause: Sendable, Equatable {
        /// The error's reason, or what a person has to mend.
        let reason: String
        let isHold: Bool
    }

    struct State {
        var cause: Cause?
        /// What may shut it under another policy too: ascending by when it was named, descending by when it ends.
        var named: [NamedTime] = []
        var holdUntil = MonotonicTime(nanoseconds: 0)
    }

    private let shutUntil = Atomic<UInt64>(0)
    private let held = Atomic<Bool>(false)
    /// Whether it was shut by a time, and nothing has said since that it has passed.
    private let wasShut = Atomic<Bool>(false)
    private let state = Mutex(State())

    /// Whether nothing has shut it, as of the last look.
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

    /// Nothing passes before the time that was named. Never shortens what was said before.
    /// - Returns: whether it was open.
    func shut(_ named: NamedTime, _ policy: Destination.RetryAfter, because reason: String) -> Bool {
        state.withLock { state in
            // Under any policy one that was named earlier and ends earlier says nothing any more.
            state.named.removeAll { $0.fullEnd <= max(named.fullEnd, named.start) }
            state.named.append(named)
            if !isHeld { state.cause = Cause(reason: reason, isHold: false) }
            wasShut.store(true, ordering: .relaxed)
            let before = shutUntil.max(named.end(policy).nanoseconds, ordering: .relaxed).oldValue
            return before <= named.start.nanoseconds
        }
    }

    /// It has opened by itself.
    /// - Returns: whether that is news: it was shut by a time, and is not held.
    func noteOpening() -> Bool {
        wasShut.load(ordering: .relaxed) && !isHeld && wasShut.exchange(false, ordering: .relaxed)
    }

    /// Another policy is in force: the times that were named are cut by it.
    func update(_ policy: Destination.RetryAfter) {
        state.withLock { state in
            let end = state.named.reduce(state.holdUntil) { max($0, $1.end(policy)) }
            shutUntil.store(end.nanoseconds, ordering: .relaxed)
        }
    }

    /// Nothing passes before `time`, and until an attempt succeeds a person is needed.
    /// - Returns: whether it was not held, or for another reason.
    func hold(until time: MonotonicTime, because reason: String) -> Bool {
        state.withLock { state in
            shutUntil.max(time.nanoseconds, ordering: .relaxed)
            state.holdUntil = max(state.holdUntil, time)
            let new = Cause(reason: reason, isHold: true)
            held.store(true, ordering: .relaxed)
            defer { state.cause = new }
            return state.cause != new
        }
    }

    /// An attempt has succeeded: what held the destination is over.
    /// - Returns: whether it was held.
    func release() -> Bool {
        state.withLock { state in
            guard held.exchange(false, ordering: .relaxed) else { return false }
            state.cause = state.cause.map { Cause(reason: $0.reason, isHold: false) }
            return true
        }
    }

    /// Why it is shut or held; nil when it is neither.
    func cause(at now: MonotonicTime) -> Cause? {
        isHeld || opening(at: now) != nil ? state.withLock(\.cause) : nil
    }
}
