import Sluice

/// Decides how a consumer agrees to changes of its group, and how it ends. A state machine without I/O: it is given what
/// is so, and says what to do.
///
/// What is settled is committed before a partition is given up and before the client leaves, whatever else is going on.
/// A commit that fails is tried again until the limit.
struct MemberCourse {
    enum Phase: Equatable {
        case running
        /// The subscription was cancelled: what is in hand may still be settled.
        case finishing(until: MonotonicTime)
        /// What is settled is being committed for the last time.
        case committing(until: MonotonicTime)
        /// The client leaves the group.
        case leaving(until: MonotonicTime)
        case ended
    }

    /// A change of the group that this member has to agree to. Until it does, librdkafka delivers nothing of the
    /// partitions, and the group waits.
    enum Change: Equatable {
        case none
        /// It is looked up where the partitions go on.
        case lookingUp([Int32])
        /// Handlers finish with what they hold of the partitions.
        case draining([Int32], until: MonotonicTime)
        /// What was settled of them is being committed.
        case committing([Int32], until: MonotonicTime)
    }

    struct Limits {
        /// For handlers to finish with what they hold.
        var drain: Duration
        /// For a last commit.
        var commit: Duration
        /// For the group to let the client go.
        var leave: Duration
    }

    /// Why no commit can be made now, if there is a reason.
    enum Committing: Equatable {
        case possible
        /// One is under way.
        case underWay
        /// The member asks for a new place in the group, or the last attempt failed a moment ago.
        case blocked
        /// The last one failed in a way that does not pass.
        case hopeless
    }

    /// Some partitions' messages.
    struct Share: Equatable {
        /// How many are in handlers' hands.
        var inHand = 0
        /// Whether there is something to commit.
        var hasNews = false
        /// How many are settled and would come again.
        var uncommitted = 0
    }

    /// What is so.
    struct Facts {
        var now: MonotonicTime
        var request = ConsumerInbox.Request.none
        /// Whether the subscription was cancelled.
        var isCancelled = false
        var hasClient = true
        /// Whether the client has left its group.
        var hasLeft = false
        /// Whether the client waits for its first place in the group. Such a client cannot be ended.
        var isHalfJoined = false
        /// Whether the group has given this member up: its partitions are others'.
        var isLost = false
        var committing = Committing.possible
        /// Of the partitions that go.
        var going = Share()
        /// Of all partitions.
        var all = Share()
    }

    enum Action: Equatable {
        /// Nothing to do until something changes.
        case wait
        /// The thread wants to know when nothing is in hand any more.
        case awaitHandlers
        /// Attempt nothing more of these partitions; nil is of all.
        case revoke([Int32]?)
        case commit
        /// Take the partitions without reading them.
        case accept([Int32])
        /// Give the partitions up. So many settled messages of them come again.
        case release([Int32], uncommitted: Int)
        /// Leave the group. So many settled messages come again.
        case leave(uncommitted: Int)
        /// - leaving: whether the client has left its group already.
        case end(leaving: Bool)
    }

    let limits: Limits
    private(set) var phase = Phase.running
    private(set) var change = Change.none

    init(_ limits: Limits) {
        self.limits = limits
    }

    /// Whether nothing has to be decided unless something is asked for.
    var isIdle: Bool { phase == .running && change == .none }

    var isRunning: Bool { phase == .running }

    /// Whether partitions are not taken up any more.
    private var isLeaving: Bool {
        switch phase {
        case .committing, .leaving, .ended: true
        case .running, .finishing: false
        }
    }

    /// The partitions that go.
    var going: [Int32] {
        switch change {
        case .none, .lookingUp: []
        case .draining(let partitions, _), .committing(let partitions, _): partitions
        }
    }

    /// Whether a commit is waited for.
    var wantsCommit: Bool {
        if case .committing = change { return true }
        if case .committing = phase { return true }
        return false
    }

    /// When a limit is reached, if nothing changes before.
    var deadline: MonotonicTime? {
        var deadlines: [MonotonicTime] = []
        switch phase {
        case .finishing(let until), .committing(let until), .leaving(let until): deadlines.append(until)
        case .running, .ended: break
        }
        switch change {
        case .draining(_, let until), .committing(_, let until): deadlines.append(until)
        case .none, .lookingUp: break
        }
        return deadlines.min()
    }

    // MARK: What happens

    mutating func assign(_ partitions: [Int32]) {
        change = .lookingUp(partitions)
    }

    /// The partitions that were assigned are read.
    mutating func tookUp() {
        change = .none
    }

    mutating func revoke(_ partitions: [Int32], now: MonotonicTime) {
        change = .draining(partitions, until: now.advanced(by: limits.drain))
    }

    /// The client is gone, and with it its place in the group.
    mutating func lostClient() {
        change = .none
    }

    mutating func end() {
        phase = .ended
        change = .none
    }

    // MARK: What to do

    /// To be called again after each action but `wait` and `end`.
    mutating func next(_ facts: Facts) -> Action {
        if phase == .ended { return .wait }
        guard facts.request != .crash else {
            end()
            return .end(leaving: false)
        }
        let action = agree(facts)
        return action == .wait ? proceed(facts) : action
    }

    /// Goes on with a change of the group.
    private mutating func agree(_ facts: Facts) -> Action {
        switch change {
        case .none: return .wait
        case .lookingUp(let partitions):
            // Only where there is nothing to begin with, or no time to.
            guard partitions.isEmpty || isLeaving else { return .wait }
            change = .none
            return .accept(partitions)
        case .draining(let partitions, let until):
            if facts.isLost { return release(partitions, facts) }
            guard isLeaving || facts.now >= until || facts.going.inHand == 0 else { return .wait }
            var limit = facts.now.advanced(by: limits.commit)
            if case .committing(let until) = phase { limit = min(limit, until) }
            change = .committing(partitions, until: limit)
            // Before the commit is made: what would be attempted from now on is not in it.
            return .revoke(partitions)
        case .committing(let partitions, let until):
            if facts.isLost { return release(partitions, facts) }
            switch Self.lastCommit(of: facts.going, until, facts) {
            case .wait: return .wait
            case .commit: return .commit
            case .isOver: return release(partitions, facts)
            }
        }
    }

    private mutating func release(_ partitions: [Int32], _ facts: Facts) -> Action {
        change = .none
        return .release(partitions, uncommitted: facts.going.uncommitted)
    }

    private enum Verdict {
        case wait, commit, isOver
    }

    private static func lastCommit(of share: Share, _ until: MonotonicTime, _ facts: Facts) -> Verdict {
        if facts.now >= until { return .isOver }
        if facts.committing == .underWay { return .wait }
        guard share.hasNews, facts.committing != .hopeless else { return .isOver }
        return facts.committing == .possible ? .commit : .wait
    }

    /// Goes on with the end.
    private mutating func proceed(_ facts: Facts) -> Action {
        switch phase {
        case .running:
            if facts.request == .close { return beginLastCommit(facts) }
            guard facts.isCancelled else { return .wait }
            phase = .finishing(until: facts.now.advanced(by: limits.drain))
            return .awaitHandlers
        case .finishing(let until):
            let isOver = facts.request == .close || facts.now >= until || facts.all.inHand == 0
            return isOver ? beginLastCommit(facts) : .wait
        case .committing(let until):
            guard facts.hasClient else { return finish(leaving: false) }
            // A change that has begun commits too, within its own limit.
            guard change == .none else { return .wait }
            switch Self.lastCommit(of: facts.all, until, facts) {
            case .wait: return .wait
            case .commit: return .commit
            case .isOver:
                if facts.isHalfJoined, facts.now < until { return .wait }
                phase = .leaving(until: facts.now.advanced(by: limits.leave))
                return .leave(uncommitted: facts.all.uncommitted)
            }
        case .leaving(let until):
            guard facts.hasClient else { return finish(leaving: false) }
            return facts.hasLeft || facts.now >= until ? finish(leaving: facts.hasLeft) : .wait
        case .ended: return .wait
        }
    }

    private mutating func beginLastCommit(_ facts: Facts) -> Action {
        guard facts.hasClient else { return finish(leaving: false) }
        phase = .committing(until: facts.now.advanced(by: limits.commit))
        return .revoke(nil)
    }

    private mutating func finish(leaving: Bool) -> Action {
        end()
        return .end(leaving: leaving)
    }
}
