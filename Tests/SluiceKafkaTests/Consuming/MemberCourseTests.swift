import Sluice
import Testing

@testable import SluiceKafka

/// How a consumer agrees to changes of its group, and how it ends.
struct MemberCourseTests {
    private typealias Action = MemberCourse.Action
    private typealias Facts = MemberCourse.Facts
    private typealias Share = MemberCourse.Share

    private static let limits = MemberCourse.Limits(drain: .seconds(10), commit: .seconds(15), leave: .seconds(5))

    private func at(_ seconds: Int) -> MonotonicTime {
        MonotonicTime(nanoseconds: 0).advanced(by: .seconds(seconds))
    }

    private func facts(_ seconds: Int = 0, _ change: (inout Facts) -> Void = { _ in }) -> Facts {
        var facts = Facts(now: at(seconds))
        change(&facts)
        return facts
    }

    private let news = Share(inHand: 0, hasNews: true, uncommitted: 7)

    @Test func commitsBeforeItGivesPartitionsUp() {
        var course = MemberCourse(Self.limits)
        course.revoke([1, 2], now: at(0))
        #expect(course.going == [1, 2])
        let busy = facts { $0.going = Share(inHand: 1, hasNews: true, uncommitted: 7) }
        #expect(course.next(busy) == .wait)
        #expect(course.next(facts { $0.going = news }) == .revoke([1, 2]))
        #expect(course.next(facts { $0.going = news }) == .commit)
        #expect(course.next(facts { ($0.going, $0.committing) = (news, .underWay) }) == .wait)
        #expect(course.next(facts()) == .release([1, 2], uncommitted: 0))
        #expect(course.isIdle)
    }

    @Test func waitsForHandlersNoLongerThanTheDrainTimeout() {
        var course = MemberCourse(Self.limits)
        course.revoke([1], now: at(0))
        let busy = Share(inHand: 1, hasNews: false, uncommitted: 0)
        #expect(course.next(facts(9) { $0.going = busy }) == .wait)
        #expect(course.deadline == at(10))
        #expect(course.next(facts(10) { $0.going = busy }) == .revoke([1]))
        #expect(course.next(facts(10) { $0.going = busy }) == .release([1], uncommitted: 0))
    }

    @Test func triesALastCommitAgainUntilTheLimit() {
        var course = MemberCourse(Self.limits)
        course.revoke([1], now: at(0))
        #expect(course.next(facts { $0.going = news }) == .revoke([1]))
        for second in 0..<15 {
            #expect(course.next(facts(second) { $0.going = news }) == .commit)
            #expect(course.next(facts(second) { ($0.going, $0.committing) = (news, .blocked) }) == .wait)
        }
        #expect(course.next(facts(15) { $0.going = news }) == .release([1], uncommitted: 7))
    }

    @Test func aRevocationThatComesAtTheEndCommitsToo() {
        var course = MemberCourse(Self.limits)
        let closing = facts { ($0.request, $0.all, $0.committing) = (.close, news, .blocked) }
        #expect(course.next(closing) == .revoke(nil))
        #expect(course.next(closing) == .wait)
        course.revoke([1], now: at(1))
        let revoked = facts(1) { ($0.request, $0.all, $0.going) = (.close, news, news) }
        #expect(course.next(revoked) == .revoke([1]))
        #expect(course.next(revoked) == .commit)
        #expect(course.next(facts(1) { ($0.request, $0.committing) = (.close, .underWay) }) == .wait)
        #expect(course.next(facts(1) { $0.request = .close }) == .release([1], uncommitted: 0))
        #expect(course.next(facts(1) { $0.request = .close }) == .leave(uncommitted: 0))
        #expect(course.next(facts(1) { $0.request = .close }) == .wait)
        #expect(course.next(facts(1) { $0.hasLeft = true }) == .end(leaving: true))
    }

    /// The limit of the end is the limit of what begins while it lasts.
    @Test func whatBeginsAtTheEndEndsWithIt() {
        var course = MemberCourse(Self.limits)
        #expect(course.next(facts { ($0.request, $0.all, $0.committing) = (.close, news, .blocked) }) == .revoke(nil))
        course.revoke([1], now: at(14))
        let refused = { (second: Int) in
            facts(second) { ($0.request, $0.all, $0.going, $0.committing) = (.close, news, news, .blocked) }
        }
        #expect(course.next(refused(14)) == .revoke([1]))
        #expect(course.next(refused(14)) == .wait)
        #expect(course.next(refused(15)) == .release([1], uncommitted: 7))
    }

    @Test func partitionsThatAreLostAreGivenUpAtOnce() {
        var course = MemberCourse(Self.limits)
        course.revoke([1], now: at(0))
        let lost = facts { ($0.isLost, $0.going) = (true, Share(inHand: 3, hasNews: true, uncommitted: 7)) }
        #expect(course.next(lost) == .release([1], uncommitted: 7))
    }

    @Test func aFailureThatDoesNotPassIsNotTriedAgain() {
        var course = MemberCourse(Self.limits)
        let hopeless = facts { ($0.request, $0.all, $0.committing) = (.close, news, .hopeless) }
        #expect(course.next(hopeless) == .revoke(nil))
        #expect(course.next(hopeless) == .leave(uncommitted: 7))
    }

    @Test func aCancelledConsumerMaySettleWhatItHolds() {
        var course = MemberCourse(Self.limits)
        let busy = facts { ($0.isCancelled, $0.all) = (true, Share(inHand: 1)) }
        #expect(course.next(busy) == .awaitHandlers)
        #expect(course.next(busy) == .wait)
        #expect(course.phase == .finishing(until: at(10)))
        #expect(course.next(facts { $0.isCancelled = true }) == .revoke(nil))
    }

    @Test func partitionsThatComeAtTheEndAreNotLookedUp() {
        var course = MemberCourse(Self.limits)
        course.assign([1])
        #expect(course.next(facts()) == .wait)
        #expect(course.next(facts { $0.request = .close }) == .revoke(nil))
        #expect(course.next(facts { $0.request = .close }) == .accept([1]))
        course.assign([])
        #expect(course.next(facts { $0.request = .close }) == .accept([]))
    }

    /// Such a client cannot be ended.
    @Test func aClientThatWaitsForItsFirstPlaceIsWaitedForUntilTheLimit() {
        var course = MemberCourse(Self.limits)
        let half = { (second: Int) in facts(second) { ($0.request, $0.isHalfJoined) = (.close, true) } }
        #expect(course.next(half(0)) == .revoke(nil))
        #expect(course.next(half(14)) == .wait)
        #expect(course.next(half(15)) == .leave(uncommitted: 0))
    }

    @Test func withoutAClientThereIsNothingToWaitFor() {
        var course = MemberCourse(Self.limits)
        #expect(course.next(facts { ($0.request, $0.hasClient) = (.close, false) }) == .end(leaving: false))
        var leaving = MemberCourse(Self.limits)
        #expect(leaving.next(facts { $0.request = .close }) == .revoke(nil))
        leaving.lostClient()
        #expect(leaving.next(facts { $0.hasClient = false }) == .end(leaving: false))
    }

    @Test func aCrashEndsAtOnce() {
        var course = MemberCourse(Self.limits)
        course.revoke([1], now: at(0))
        #expect(course.next(facts { $0.request = .crash }) == .end(leaving: false))
        #expect(course.next(facts()) == .wait)
    }

    // MARK: Every course

    private static let states: [(committing: MemberCourse.Committing, lost: Bool, inHand: Int, news: Bool)] = {
        var states: [(MemberCourse.Committing, Bool, Int, Bool)] = []
        for committing in [MemberCourse.Committing.possible, .underWay, .blocked, .hopeless] {
            for lost in [false, true] {
                for inHand in 0...1 {
                    for news in [false, true] { states.append((committing, lost, inHand, news)) }
                }
            }
        }
        return states
    }()

    /// What happens before the end is asked for, or after.
    enum Event: CaseIterable {
        case nothing, assigned, revoked, cancelled, closed
    }

    /// From every state, by every two events, in every situation: nothing settled is given up before its time, no commit
    /// is made when it cannot be, and once asked to end a consumer has ended by its limits.
    @Test func everyCourseCommitsWhatItCanAndEnds() {
        for first in Event.allCases {
            for second in Event.allCases {
                for state in Self.states {
                    for later in Self.states {
                        guard let fault = fault(first, second, state, later) else { continue }
                        Issue.record("\(first), \(second), \(state), \(later): \(fault)")
                        return
                    }
                }
            }
        }
    }

    /// - Returns: what the course does wrong.
    private func fault(
        _ first: Event, _ second: Event,
        _ state: (committing: MemberCourse.Committing, lost: Bool, inHand: Int, news: Bool),
        _ later: (committing: MemberCourse.Committing, lost: Bool, inHand: Int, news: Bool)
    ) -> String? {
        var course = MemberCourse(Self.limits)
        var (isCancelled, request) = (false, ConsumerInbox.Request.none)
        var hasClient = true
        for time in 0..<60 {
            let event: Event = time == 0 ? first : time == 3 ? second : time == 5 ? .closed : .nothing
            switch event {
            case .nothing: break
            // librdkafka asks for one change after the other.
            case .assigned: if course.change == .none, course.phase != .ended { course.assign([1]) }
            case .revoked: if course.change == .none, course.phase != .ended { course.revoke([1], now: at(time)) }
            case .cancelled: isCancelled = true
            case .closed: request = .close
            }
            let now = time < 3 ? state : later
            let share = Share(inHand: now.inHand, hasNews: now.news, uncommitted: now.news ? 7 : 0)
            var facts = facts(time)
            (facts.isCancelled, facts.request, facts.hasClient) = (isCancelled, request, hasClient)
            (facts.committing, facts.isLost, facts.all, facts.going) = (now.committing, now.lost, share, share)
            for step in 0..<6 {
                let (before, change) = (course.phase, course.change)
                let action = course.next(facts)
                if action == .wait { break }
                guard step < 5 else { return "no rest at \(time) s" }
                switch action {
                case .commit:
                    guard now.committing == .possible, now.news else { return "a commit that cannot be" }
                    // The commit is under way now.
                    facts.committing = .underWay
                case .release(_, let uncommitted) where uncommitted > 0:
                    var isOver = now.lost || now.committing == .hopeless
                    if case .committing(_, let until) = change { isOver = isOver || facts.now >= until }
                    guard isOver else { return "partitions given up at \(time) s" }
                case .leave(let uncommitted) where uncommitted > 0:
                    guard case .committing(let until) = before,
                        now.committing == .hopeless || facts.now >= until
                    else { return "left at \(time) s" }
                case .end: hasClient = false
                default: break
                }
            }
        }
        return course.phase == .ended ? nil : "no end"
    }
}

struct GroupTrafficTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    @Test func nothingIsCommittedWhileAMemberJoins() throws {
        let traffic = GroupTraffic(heartbeatInterval: .seconds(3))
        #expect(try #require(traffic.commitTime(isAgreeing: false)) <= start)
        #expect(!traffic.note(.asksToJoin))
        #expect(traffic.commitTime(isAgreeing: false) == nil && traffic.commitTime(isAgreeing: true) == nil)
        #expect(traffic.note(.hasJoined))
        #expect(try #require(traffic.commitTime(isAgreeing: false)) <= start)
    }

    @Test func knowsSinceWhenTheGroupMayHaveAPlaceForTheClient() {
        let traffic = GroupTraffic(heartbeatInterval: .seconds(3))
        #expect(!traffic.hasAsked && !traffic.hasBeenAnswered)
        #expect(!traffic.note(.asksToJoin))
        #expect(traffic.hasAsked && !traffic.hasBeenAnswered)
        #expect(!traffic.note(.askedToJoin))
        #expect(traffic.hasBeenAnswered && traffic.commitTime(isAgreeing: false) == nil)
        traffic.reset()
        #expect(!traffic.hasAsked && !traffic.hasBeenAnswered)
    }

    /// Its answer may say that the group changes, upon which the client asks for a new place.
    @Test func nothingIsCommittedBetweenAHeartbeatAndWhatItLeadsTo() throws {
        let traffic = GroupTraffic(heartbeatInterval: .seconds(3))
        #expect(!traffic.note(.sendsHeartbeat))
        #expect(traffic.commitTime(isAgreeing: false) == nil)
        // While the group waits for this member, it asks for nothing.
        #expect(traffic.commitTime(isAgreeing: true) != nil)
        #expect(traffic.note(.heartbeatAnswered, at: start))
        #expect(traffic.commitTime(isAgreeing: false) == start.advanced(by: .milliseconds(50)))
        traffic.reset()
        #expect(!traffic.note(.sendsHeartbeat))
        traffic.reset()
        #expect(traffic.commitTime(isAgreeing: false) != nil)
    }
}
