import Testing

@testable import Sluice

@Suite(.timeLimit(.minutes(1)))
struct BreakerBookTests {
    private static let other = MessageID("other")

    /// A book at a time that the test moves.
    private struct Course {
        var policy = CircuitBreaker(open: .exponential(from: .seconds(1), upTo: .seconds(300), jitter: false))
        var now = MonotonicTime(nanoseconds: 1_000_000_000_000)
        var successes = BreakerBook.Successes()
        lazy var book = BreakerBook(at: now)

        mutating func fail(_ id: MessageID = MessageID("one"), isFirst: Bool = true, isProbe: Bool = false) {
            book.failed(id, isFirst: isFirst, isProbe: isProbe, policy, successes, at: now, jitter: 1)
        }

        mutating func succeed(_ count: Int64 = 1, isFirst: Bool = true) {
            successes.all += count
            if isFirst { successes.firsts += count }
        }

        mutating func enter(_ id: MessageID = MessageID("one")) -> BreakerBook.Entry {
            book.enter(id, policy, at: now)
        }

        mutating func pass(_ seconds: Double) { now = now.advanced(by: .seconds(seconds)) }
    }

    @Test func opensAfterSoManyFailuresInARow() {
        var course = Course()
        course.policy.successBelow = nil
        for _ in 0..<6 { course.fail(isFirst: false) }
        course.succeed(isFirst: false)
        for _ in 0..<6 { course.fail(isFirst: false) }
        #expect(course.book.state == .closed && course.enter() == .pass)
        course.fail(isFirst: false)
        #expect(course.book.state == .open && course.book.cause == .consecutiveFailures)
        #expect(course.enter() == .wait(course.now.advanced(by: .seconds(1))))
    }

    @Test func opensWhenTooFewMessagesOfLateSucceed() {
        var course = Course()
        course.policy.consecutiveFailures = nil
        // 4 of 5 is not below 80%.
        course.succeed(4)
        course.fail()
        #expect(course.book.state == .closed)
        course.succeed(2)
        course.fail()
        #expect(course.book.state == .open && course.book.cause == .successShare)
    }

    @Test func waitsForEnoughMessagesBeforeItBelievesAShare() {
        var course = Course()
        course.policy.consecutiveFailures = nil
        for _ in 0..<4 { course.fail() }
        #expect(course.book.state == .closed)
        course.fail()
        #expect(course.book.state == .open)
    }

    @Test func forgetsWhatIsOlderThanTheWindow() {
        var course = Course()
        course.policy.consecutiveFailures = nil
        for _ in 0..<4 {
            course.fail()
            course.pass(31)
        }
        course.fail()
        #expect(course.book.state == .closed)
        // A thousand successes of an hour ago do not outweigh the failures of now.
        course.succeed(1_000)
        course.pass(3_600)
        for _ in 0..<5 { course.fail() }
        #expect(course.book.state == .open)
    }

    /// A message that fails again and again is no reason to keep the others waiting.
    @Test func retriesOfOneMessageDoNotChangeTheShare() {
        var course = Course()
        course.policy.consecutiveFailures = nil
        course.fail()
        for _ in 0..<50 {
            course.succeed()
            course.fail(isFirst: false)
        }
        #expect(course.book.state == .closed)
    }

    @Test func staysOpenLongerAfterEachProbeThatFailsAndClosesAfterOneThatSucceeds() {
        var course = Course()
        for _ in 0..<7 { course.fail() }
        var waits: [Double] = []
        for _ in 0..<11 {
            guard case .wait(let until?) = course.enter() else { break }
            waits.append(course.now.duration(to: until).inSeconds)
            course.now = until
            #expect(course.enter() == .probe)
            #expect(course.enter() == .wait(nil))
            course.fail(isFirst: false, isProbe: true)
        }
        #expect(waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
        course.pass(300)
        #expect(course.enter() == .probe)
        course.succeed(isFirst: false)
        course.book.probeSucceeded(course.policy, course.successes, at: course.now)
        #expect(course.book.state == .closed && course.enter() == .pass)
        // It begins anew: with one second, and with nothing counted.
        for _ in 0..<6 { course.fail(isFirst: false) }
        #expect(course.book.state == .closed)
        course.fail(isFirst: false)
        #expect(course.enter() == .wait(course.now.advanced(by: .seconds(1))))
    }

    @Test func knowsSinceWhenItIsNotClosed() {
        var course = Course()
        #expect(course.book.began == nil)
        for _ in 0..<7 { course.fail() }
        let began = course.now
        for _ in 0..<3 {
            course.pass(300)
            #expect(course.enter() == .probe && course.book.began == began)
            course.fail(isFirst: false, isProbe: true)
        }
        course.pass(300)
        #expect(course.enter() == .probe)
        course.book.probeSucceeded(course.policy, course.successes, at: course.now)
        #expect(course.book.began == nil)
        for _ in 0..<7 { course.fail() }
        #expect(course.book.began == course.now)
    }

    @Test func needsAsManyProbesAsThePolicySays() {
        var course = Course()
        course.policy.probes = 3
        for _ in 0..<7 { course.fail() }
        course.pass(1)
        #expect((0..<4).map { _ in course.enter() } == [.probe, .probe, .probe, .wait(nil)])
        course.book.probeSucceeded(course.policy, course.successes, at: course.now)
        #expect(course.enter() == .wait(nil))
        // One that is not made leaves its place to another.
        course.book.forgo()
        #expect(course.enter() == .probe)
        for _ in 0..<2 { course.book.probeSucceeded(course.policy, course.successes, at: course.now) }
        #expect(course.book.state == .closed)
    }

    /// What set out before it opened ends later: it is no probe, and says nothing new.
    @Test func whatSetOutBeforeDecidesNothing() {
        var course = Course()
        for _ in 0..<7 { course.fail() }
        let open = course.enter()
        for _ in 0..<7 { course.fail() }
        #expect(course.enter() == open)
        course.pass(1)
        #expect(course.enter() == .probe)
        course.fail()
        #expect(course.book.state == .halfOpen)
    }

    @Test func anotherMessageFindsOutAtOnceWhetherOneAloneIsAtFault() {
        var course = Course()
        for _ in 0..<7 { course.fail(isFirst: false) }
        #expect(course.enter() != .probe)
        #expect(course.enter(Self.other) == .probe)
        course.fail(Self.other, isProbe: true)
        // Now two have failed: the destination is at fault.
        #expect(course.book.state == .open && course.enter(MessageID("third")) != .probe)
    }

    /// Many messages make a share: that the last one failed alone opens no short cut.
    @Test func aShareThatIsTooLowIsNoSingleMessagesFault() {
        var course = Course()
        for _ in 0..<4 {
            course.succeed()
            course.fail()
        }
        #expect(course.book.cause == .successShare)
        #expect(course.enter(Self.other) == .wait(course.now.advanced(by: .seconds(1))))
    }

    @Test func doesWhatAPersonSays() {
        var course = Course()
        course.policy.force = .open
        #expect(course.enter() == .wait(nil))
        course.policy.force = .closed
        for _ in 0..<20 { course.fail() }
        #expect(course.enter() == .pass)
        course.policy.force = .auto
        #expect(course.enter() != .pass)
    }

    @Test func anotherPolicyHoldsForWhatIsOpenAlready() {
        var course = Course()
        for _ in 0..<7 { course.fail() }
        course.policy.open = .constant(.milliseconds(10))
        course.pass(0.01)
        #expect(course.enter() == .probe)
    }

    @Test(arguments: [
        ("consecutiveFailures", CircuitBreaker(consecutiveFailures: 0)),
        ("successBelow", CircuitBreaker(successBelow: 0)), ("successBelow", CircuitBreaker(successBelow: 1.1)),
        ("successBelow", CircuitBreaker(successBelow: .nan)), ("minimumAttempts", CircuitBreaker(minimumAttempts: 0)),
        ("window", CircuitBreaker(window: .zero)), ("open.initial", CircuitBreaker(open: .constant(.zero))),
        ("open.maximum", CircuitBreaker(open: .exponential(from: .seconds(2), upTo: .seconds(1)))),
        ("probes", CircuitBreaker(probes: 0)),
    ])
    func refusesWhatIsOutsideItsRange(field: String, policy: CircuitBreaker) {
        #expect(throws: ConfigurationError.self) { try policy.validate("Destination.breaker") }
        do { try policy.validate("Destination.breaker") } catch {
            #expect("\(error)".contains("Destination.breaker.\(field)"))
        }
    }
}
