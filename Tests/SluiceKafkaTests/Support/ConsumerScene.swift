import Sluice

@testable import SluiceKafka

/// A consumer's course with a world around it that does what the course says, and what it must never say.
struct ConsumerScene {
    enum Happening: CaseIterable {
        /// Time passes.
        case second, minute
        /// What the group wants.
        case assigned, revoked, lost
        /// What the coordinator answers: to the last question, to one before, with nothing.
        case answered, stale, silent
        /// How a commit ends.
        case committed, refused, hopeless
        /// What handlers do.
        case handed, settled
        case failed, cancelled, closed, crashed
    }

    static let limits = MemberCourse.Limits(drain: .seconds(10), commit: .seconds(15), leave: .seconds(5))

    private var course = ConsumerCourse(
        hasGroup: true, MemberCourse(limits),
        CommitCourse(interval: .seconds(5), heartbeatInterval: .seconds(3)))
    private var now = MonotonicTime(nanoseconds: 0).advanced(by: .seconds(100))
    private var request = ConsumerInbox.Request.none
    private var isCancelled = false
    private var isLost = false
    /// What librdkafka waits for to be agreed to.
    private var asked: Happening?
    private var revokedAt: MonotonicTime?
    /// Whether the coordinator has just answered the last question.
    private var isAnswered = false
    private var isGone = false
    private var leavingSince: MonotonicTime?
    /// How many settled messages are in the commit that is under way.
    private(set) var commitUnderWay = 0
    private(set) var isReading = false
    private(set) var hasClient = true
    private(set) var opened = 1
    /// Questions that the coordinator has not answered; the last is the one that counts.
    private(set) var questions: [UInt] = []
    private(set) var inHand = 0
    /// What is settled and in no commit.
    private(set) var unsent = 0
    private(set) var fault: String?

    init() {
        course.take(.opened, now)
        follow()
    }

    func canHappen(_ happening: Happening) -> Bool {
        if isGone { return false }
        return switch happening {
        case .second, .minute, .cancelled, .closed, .crashed: true
        // librdkafka asks for one change after the other.
        case .assigned: hasClient && asked == nil && !isReading
        case .revoked, .lost: hasClient && asked == nil && isReading
        case .answered, .silent: hasClient && !questions.isEmpty
        case .stale: true
        case .committed, .refused, .hopeless: hasClient && commitUnderWay > 0
        // What goes is not handed out any more.
        case .handed: isReading && inHand == 0 && course.isRunning && course.going.isEmpty
        case .settled: inHand > 0
        case .failed: hasClient
        }
    }

    mutating func play(_ happening: Happening) {
        guard canHappen(happening) else { return }
        switch happening {
        case .second: now = now.advanced(by: .seconds(1))
        case .minute: now = now.advanced(by: .seconds(60))
        case .assigned:
            asked = .assigned
            course.take(.assigned([1]), now)
        case .revoked, .lost:
            (asked, isLost, revokedAt) = (.revoked, happening == .lost, now)
            course.take(.revoked([1]), now)
        case .answered:
            isAnswered = true
            course.take(.offsets(questions.removeLast(), [:]), now)
        case .silent: course.take(.offsets(questions.removeLast(), nil), now)
        case .stale: course.take(.offsets(UInt.max, [:]), now)
        case .committed:
            commitUnderWay = 0
            course.take(.committed, now)
        case .refused, .hopeless:
            unsent += commitUnderWay
            commitUnderWay = 0
            course.take(.commitFailed(.init(cause: .changing, isHopeless: happening == .hopeless)), now)
        case .handed: inHand = 1
        case .settled:
            inHand = 0
            unsent += 1
        case .failed: course.take(.failed("a fault"), now)
        case .cancelled: isCancelled = true
        case .closed: request = .close
        case .crashed: request = .crash
        }
        follow()
        isAnswered = false
    }

    /// Asks for the end; nothing answers any more.
    mutating func playTheEnd() {
        play(.closed)
        // For handlers, for the last commits of a change and of the consumer, and for the group.
        for _ in 0..<10 + 15 + 15 + 5 + 1 where !course.hasEnded { play(.second) }
        if !course.hasEnded { note("it does not end") }
    }

    private mutating func note(_ problem: String) {
        if fault == nil { fault = problem }
    }

    // MARK: Following

    private var share: MemberCourse.Share {
        MemberCourse.Share(inHand: inHand, hasNews: unsent > 0, uncommitted: unsent + commitUnderWay)
    }

    private mutating func follow() {
        for _ in 0..<20 {
            var facts = ConsumerCourse.Facts(now: now)
            (facts.request, facts.isCancelled, facts.hasAskedToJoin) = (request, isCancelled, false)
            facts.isLost = isLost && !course.going.isEmpty
            facts.hasLeft = leavingSince.map { now >= $0.advanced(by: .seconds(1)) } ?? false
            facts.commitTime = .longAgo
            let share = share
            let action = course.next(facts) { (going: share, all: share) }
            if action == .wait { return }
            perform(action)
        }
        note("it does not come to rest")
    }

    private mutating func perform(_ action: ConsumerCourse.Action) {
        if isGone, action != .wait { note("\(action) after the end") }
        switch action {
        case .wait, .watchHandlers: return
        case .open:
            if hasClient { note("a second client") }
            if request != .none || isCancelled { note("a client that is of no use") }
            (hasClient, opened) = (true, opened + 1)
            course.take(.opened, now)
            return
        case .shut:
            (hasClient, asked, isReading, isLost, questions, leavingSince) = (false, nil, false, false, [], nil)
            (inHand, unsent, commitUnderWay) = (0, 0, 0)
            isGone = course.hasEnded
            return
        default: if !hasClient { return note("\(action) without a client") }
        }
        switch action {
        case .withdraw, .revoke: break
        case .lookUp(_, let question):
            if asked != .assigned { note("a question that nothing asks for") }
            questions.append(question)
        case .takeUp:
            if asked != .assigned || leavingSince != nil { note("partitions that were not given") }
            if !isAnswered { note("partitions taken up without an answer") }
            (asked, isReading) = (nil, true)
            course.take(.tookUp, now)
        case .accept:
            if asked != .assigned { note("agreed to what was not asked") }
            asked = nil
        case .release(_, let uncommitted):
            if asked != .revoked { note("gave up what was not asked for") }
            if uncommitted != unsent + commitUnderWay { note("a wrong count") }
            if inHand > 0, !isLost, !isEnding, !isLate { note("gave up what handlers hold") }
            (asked, isReading, isLost, inHand, unsent, commitUnderWay) = (nil, false, false, 0, 0, 0)
        case .giveUpAll: (asked, isReading) = (nil, false)
        case .commit:
            if commitUnderWay > 0 { note("two commits at once") }
            if unsent == 0 { note("an empty commit") }
            (commitUnderWay, unsent) = (unsent, 0)
        case .leave:
            if leavingSince != nil { note("left twice") }
            (leavingSince, isReading, inHand, unsent, commitUnderWay) = (now, false, 0, 0, 0)
        case .wait, .watchHandlers, .open, .shut: break
        }
    }

    private var isEnding: Bool { request != .none || isCancelled }

    /// Whether handlers have had their time.
    private var isLate: Bool { revokedAt.map { now >= $0.advanced(by: Self.limits.drain) } ?? false }
}
