/// What a ``CircuitBreaker`` knows, and decides. A state machine: the caller brings the time, the jitter, and how many
/// attempts have succeeded so far.
///
/// The path of success writes nothing here: what has succeeded is looked up when something fails.
struct BreakerBook: Sendable {
    enum State: String, Sendable, CaseIterable {
        case closed
        case open
        /// Probes find out whether the destination works again.
        case halfOpen = "half_open"
    }

    /// What opened it last.
    enum Cause: String, Sendable {
        case consecutiveFailures = "consecutive_failures"
        case successShare = "success_share"
        case failedProbe = "failed_probe"
    }

    /// Attempts that have succeeded so far, of all routes.
    struct Successes: Sendable, Equatable {
        /// Messages whose first attempt did.
        var firsts: Int64 = 0
        var all: Int64 = 0
    }

    enum Entry: Equatable {
        case pass
        /// It passes, and its end decides.
        case probe
        /// Not before this; nil while others are about to find out, or a person keeps it open.
        case wait(MonotonicTime?)
    }

    private(set) var state = State.closed
    private(set) var cause: Cause?
    /// Since when it is not closed.
    private(set) var began: MonotonicTime?
    /// When it opened last, and what was drawn for how long.
    private var opened = MonotonicTime(nanoseconds: 0)
    private var jitter = 0.0
    private var probesUnderway = 0
    /// Whether a message is about to find out.
    var isProbing: Bool { state == .halfOpen && probesUnderway > 0 }
    private var probesSucceeded = 0
    /// How often it has opened without closing since.
    private var openings = 0
    private var consecutive = 0
    private var seen = Successes()
    private var recent: SuccessShare
    /// The only message that has failed since the last success; nil when there are several, or none.
    private var suspect: MessageID?

    init(at now: MonotonicTime, _ successes: Successes = Successes()) {
        seen = successes
        recent = SuccessShare(at: now, successes: successes.firsts)
    }

    /// Whether a message may be attempted.
    mutating func enter(_ id: MessageID, _ policy: CircuitBreaker, at now: MonotonicTime) -> Entry {
        switch policy.force {
        case .closed: return .pass
        case .open: return .wait(nil)
        case .auto: break
        }
        if state == .open {
            // One message alone has failed: another finds out at once which of the two is at fault.
            let isOther = suspect.map { $0 != id } ?? false
            let until = until(policy)
            guard now >= until || isOther else { return .wait(until) }
            state = .halfOpen
            probesSucceeded = 0
        }
        guard state == .halfOpen else { return .pass }
        guard probesUnderway + probesSucceeded < policy.probes else { return .wait(nil) }
        probesUnderway += 1
        return .probe
    }

    /// A probe will not be made.
    mutating func forgo() {
        probesUnderway = max(0, probesUnderway - 1)
    }

    /// A probe has shown that the destination works.
    mutating func probeSucceeded(_ policy: CircuitBreaker, _ successes: Successes, at now: MonotonicTime) {
        probesUnderway = max(0, probesUnderway - 1)
        guard state == .halfOpen else { return }
        probesSucceeded += 1
        if probesSucceeded >= policy.probes { close(successes, at: now) }
    }

    /// An attempt has failed.
    /// - Parameters:
    ///   - isFirst: whether it was its message's first.
    ///   - jitter: from 0 to 1.
    mutating func failed(
        _ id: MessageID, isFirst: Bool, isProbe: Bool, _ policy: CircuitBreaker, _ successes: Successes,
        at now: MonotonicTime, jitter: Double
    ) {
        if isProbe { probesUnderway = max(0, probesUnderway - 1) }
        // One that set out before it opened says nothing new.
        guard state == .closed || isProbe else { return }
        note(id, isFirst, policy, successes, now)
        switch state {
        case .open: break
        case .halfOpen: trip(.failedProbe, policy, now, jitter)
        case .closed:
            if let limit = policy.consecutiveFailures, consecutive >= limit {
                trip(.consecutiveFailures, policy, now, jitter)
            } else if let bound = policy.successBelow, share(policy, at: now) < bound {
                // Many messages make a share: no single one is at fault.
                suspect = nil
                trip(.successShare, policy, now, jitter)
            }
        }
    }

    private mutating func note(
        _ id: MessageID, _ isFirst: Bool, _ policy: CircuitBreaker, _ successes: Successes, _ now: MonotonicTime
    ) {
        if successes.all != seen.all || consecutive == 0 {
            consecutive = 0
            suspect = id
        } else if suspect != id {
            suspect = nil
        }
        consecutive += 1
        recent.add(successes: successes.firsts, failures: isFirst ? 1 : 0, window: policy.window, at: now)
        seen = successes
    }

    /// The share of the messages of late that have succeeded at once; 1 while there are too few.
    private func share(_ policy: CircuitBreaker, at now: MonotonicTime) -> Double {
        let (share, count) = recent.read(window: policy.window, at: now)
        return count >= Double(policy.minimumAttempts) ? share : 1
    }

    private mutating func trip(_ cause: Cause, _ policy: CircuitBreaker, _ now: MonotonicTime, _ jitter: Double) {
        self.cause = cause
        if openings == 0 { began = now }
        state = .open
        openings += 1
        opened = now
        self.jitter = jitter
    }

    /// How long it stays open, by the policy of now.
    func until(_ policy: CircuitBreaker) -> MonotonicTime {
        let bound = policy.open.bound(beforeRetry: openings)
        return opened.advanced(by: policy.open.jitter ? bound * (0.5 + jitter / 2) : bound)
    }

    /// Whether this message alone has failed since the last success.
    func isSuspect(_ id: MessageID) -> Bool { suspect == id }

    private mutating func close(_ successes: Successes, at now: MonotonicTime) {
        self = BreakerBook(at: now, successes)
    }
}
