import Sluice

/// Decides what a consumer's thread does with its client, its group and its commits. A state machine without I/O: it is
/// told what happened (``take(_:_:)``) and what is so (``next(_:_:)``), and says what to do next.
///
/// Its parts decide one question each: ``MemberCourse`` how a change of the group is agreed to and how the consumer ends,
/// ``LookupCourse`` when to ask where partitions go on, ``CommitCourse`` when to commit.
struct ConsumerCourse {
    enum Event: Equatable {
        /// A client was made and has subscribed.
        case opened
        /// The client is of no use any more, or none could be made.
        case failed(String)
        /// Records came: the client is a good one.
        case read
        case assigned([Int32])
        case revoked([Int32])
        /// librdkafka could not carry out a change of the group.
        case changeFailed
        /// An answer to the question of this number; nil where it does not say what the group has committed.
        case offsets(UInt, [Int32: SettledOffsets]?)
        /// The partitions that came are read.
        case tookUp
        /// Where the partitions that came begin cannot be told now.
        case startsUnknown
        case committed
        case commitFailed(CommitCourse.Failure)
        case nothingToCommit
        /// The client cannot leave its group.
        case leavingFailed
    }

    enum Action: Equatable {
        case open
        /// Give the client up, and all that was read through it.
        case shut(leaving: Bool, because: String)
        /// Say when nothing is in handlers' hands any more, or no longer.
        case watchHandlers(Bool)
        /// Take back what waits in the subscription and is of these partitions.
        case withdraw([Int32])
        /// Attempt nothing more of these partitions; nil is of all.
        case revoke([Int32]?)
        /// Ask the group's coordinator where the partitions go on.
        case lookUp([Int32], question: UInt)
        /// Read the partitions from where their commits, or the options, say.
        case takeUp([Int32], [Int32: SettledOffsets])
        /// Agree that partitions come, without reading them.
        case accept([Int32])
        /// Agree that partitions go. So many settled messages of them come again.
        case release([Int32], uncommitted: Int)
        /// Let go of everything, and tell librdkafka so.
        case giveUpAll
        case commit
        /// Leave the group. So many settled messages come again.
        case leave(uncommitted: Int)
        /// Nothing to do until something changes.
        case wait
    }

    /// What is so.
    struct Facts {
        var now: MonotonicTime
        var request = ConsumerInbox.Request.none
        /// Whether the subscription was cancelled.
        var isCancelled = false
        /// Whether the client has ever asked for a place in its group.
        var hasAskedToJoin = false
        /// Whether the client has left its group.
        var hasLeft = false
        /// Whether the group has given this member up: its partitions are others'.
        var isLost = false
        /// From when on the traffic with the group allows a commit; nil while that depends on an answer.
        var commitTime: MonotonicTime?
    }

    /// The messages of the partitions that go, and of all.
    typealias Shares = (going: MemberCourse.Share, all: MemberCourse.Share)

    /// For how long no client is made after so many failures in a row.
    private static let backoff = Backoff.exponential(from: .milliseconds(250), upTo: .seconds(30), jitter: false)

    private let hasGroup: Bool
    private(set) var member: MemberCourse
    private(set) var lookup = LookupCourse()
    private(set) var commit: CommitCourse
    private(set) var hasClient = false
    /// Whether the client was ever given partitions, if only none.
    private(set) var hasBeenAssigned = false
    /// When a client is made, and how many have failed in a row.
    private var restart = (at: MonotonicTime.longAgo, failures: 0)
    private var isWatching = false
    /// What follows from what happened.
    private var pending: [Action] = []

    init(hasGroup: Bool, _ member: MemberCourse, _ commit: CommitCourse) {
        self.hasGroup = hasGroup
        self.member = member
        self.commit = commit
    }

    var isRunning: Bool { member.isRunning }

    /// Whether everything is done.
    var hasEnded: Bool { member.phase == .ended && pending.isEmpty }

    var isLeaving: Bool { if case .leaving = member.phase { true } else { false } }

    /// The partitions that go.
    var going: [Int32] { member.going }

    /// Whether no client has read since one failed.
    var hasFailed: Bool { restart.failures > 0 }

    /// Whether the last commit failed.
    var hasFailedToCommit: Bool { commit.hasFailed }

    // MARK: What happens

    mutating func take(_ event: Event, _ now: MonotonicTime) {
        switch event {
        case .opened: (hasClient, hasBeenAssigned) = (true, false)
        case .failed(let reason): fail(reason, now)
        case .read: restart.failures = 0
        case .assigned(let partitions):
            hasBeenAssigned = true
            forgetTakingUp()
            lookup.begin(now)
            member.assign(partitions)
        case .revoked(let partitions):
            commit.renew()
            forgetTakingUp()
            member.revoke(partitions, now: now)
            pending.append(.withdraw(partitions))
            watchHandlers()
        case .changeFailed:
            member.lostClient()
            pending.append(.giveUpAll)
        case .offsets(let question, let commits):
            guard lookup.answered(question), case .lookingUp(let partitions) = member.change else { return }
            guard let commits else { return lookup.postpone(now) }
            pending.append(.takeUp(partitions, commits))
        case .tookUp: if case .lookingUp = member.change { member.tookUp() }
        case .startsUnknown: lookup.postpone(now)
        case .committed: commit.succeed()
        case .commitFailed(let failure): commit.fail(failure, now)
        case .nothingToCommit: commit.forget()
        case .leavingFailed:
            shut(leaving: false, because: "closed")
            member.end()
        }
    }

    private mutating func fail(_ reason: String, _ now: MonotonicTime) {
        if hasClient { shut(leaving: false, because: "the client is replaced after \(reason)") }
        restart.failures += 1
        restart.at = now.advanced(by: Self.backoff.bound(beforeRetry: restart.failures))
    }

    private mutating func shut(leaving: Bool, because reason: String) {
        hasClient = false
        member.lostClient()
        commit.forget()
        lookup.forget()
        // What was to be done with the client is void.
        pending = [.shut(leaving: leaving, because: reason)]
    }

    /// The group wants something else by now than what was about to be read.
    private mutating func forgetTakingUp() {
        pending.removeAll { if case .takeUp = $0 { true } else { false } }
    }

    private mutating func watchHandlers() {
        // Before it is looked at what they hold: what ends afterwards is told of.
        pending.append(.watchHandlers(true))
        isWatching = true
    }

    // MARK: What to do

    /// To be called again after each action but `wait`.
    /// - Parameter shares: looks at the messages; called only when that decides something.
    mutating func next(_ facts: Facts, _ shares: () -> Shares) -> Action {
        if let action = takePending() { return action }
        if !member.isIdle || facts.request != .none || facts.isCancelled {
            let action = follow(member.next(memberFacts(facts, shares())), facts)
            if action != .wait || hasEnded { return action }
        } else if isWatching {
            isWatching = false
            return .watchHandlers(false)
        }
        guard hasClient else { return isRunning && facts.now >= restart.at ? .open : .wait }
        if lookup.isStuck(facts.now) {
            fail("the group's coordinator did not answer for half an hour", facts.now)
            return takePending() ?? .wait
        }
        if hasGroup, case .lookingUp(let partitions) = member.change, lookup.isDue(facts.now) {
            return .lookUp(partitions, question: lookup.ask(facts.now))
        }
        guard let due = commitDue(facts), facts.now >= due, shares().all.hasNews else { return .wait }
        commit.begin(facts.now)
        return .commit
    }

    private mutating func takePending() -> Action? { pending.isEmpty ? nil : pending.removeFirst() }

    private func memberFacts(_ facts: Facts, _ shares: Shares) -> MemberCourse.Facts {
        MemberCourse.Facts(
            now: facts.now, request: facts.request, isCancelled: facts.isCancelled, hasClient: hasClient,
            hasLeft: facts.hasLeft,
            isHalfJoined: hasClient && hasGroup && facts.hasAskedToJoin && !hasBeenAssigned, isLost: facts.isLost,
            committing: commit.verdict(from: commitTime(facts), now: facts.now), going: shares.going,
            all: shares.all)
    }

    /// Goes along with what the member does.
    private mutating func follow(_ action: MemberCourse.Action, _ facts: Facts) -> Action {
        switch action {
        case .wait: return .wait
        case .awaitHandlers:
            watchHandlers()
            return takePending() ?? .wait
        case .revoke(let partitions):
            if partitions == nil { commit.renew() }
            return .revoke(partitions)
        case .commit:
            commit.begin(facts.now)
            return .commit
        case .accept(let partitions): return .accept(partitions)
        case .release(let partitions, let uncommitted): return .release(partitions, uncommitted: uncommitted)
        case .leave(let uncommitted): return .leave(uncommitted: uncommitted)
        case .end(let leaving):
            shut(leaving: leaving, because: "closed")
            return takePending() ?? .wait
        }
    }

    // MARK: When

    /// From when on a commit may be made; nil while that depends on an answer.
    private func commitTime(_ facts: Facts) -> MonotonicTime? {
        commit.time(allowed: facts.commitTime, isLast: member.wantsCommit)
    }

    /// When the next commit is made that nothing waits for; nil while none can be, or none is made any more.
    func commitDue(_ facts: Facts) -> MonotonicTime? {
        guard hasGroup, hasClient else { return nil }
        switch member.phase {
        case .running, .finishing: return commit.due(from: commitTime(facts))
        case .committing, .leaving, .ended: return nil
        }
    }

    /// Until when there is nothing to do if nothing changes; a commit that nothing waits for is left out.
    func deadline(_ facts: Facts) -> MonotonicTime {
        var deadline = member.deadline ?? MonotonicTime(nanoseconds: .max)
        if case .lookingUp = member.change, !lookup.isUnderWay { deadline = min(deadline, lookup.retry) }
        if member.wantsCommit, !commit.isUnderWay, let time = commitTime(facts), time > facts.now {
            deadline = min(deadline, time)
        }
        if !hasClient { deadline = min(deadline, restart.at) }
        return deadline
    }
}
