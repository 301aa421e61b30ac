import Sluice
import Testing

@testable import SluiceKafka

/// When a consumer asks where its partitions go on.
struct LookupCourseTests {
    private func at(_ seconds: Int) -> MonotonicTime { MonotonicTime.longAgo.advanced(by: .seconds(seconds)) }

    @Test func asksOnceAndTakesTheAnswerToThatQuestionAlone() {
        var course = LookupCourse()
        course.begin(at(1))
        #expect(!course.isDue(at(0)) && course.isDue(at(1)))
        let first = course.ask(at(1))
        #expect(course.isUnderWay && !course.isDue(at(100)))
        // Other partitions come meanwhile.
        course.begin(at(2))
        #expect(course.isDue(at(2)))
        let second = course.ask(at(2))
        let late = course.answered(first)
        let counts = course.answered(second)
        #expect(!late && counts)
    }

    @Test func waitsLongerAfterEachAnswerThatSaysNothing() {
        var course = LookupCourse()
        course.begin(at(0))
        for pause in [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000] {
            let answered = course.answered(course.ask(at(0)))
            #expect(answered)
            course.postpone(at(0))
            #expect(course.retry == MonotonicTime.longAgo.advanced(by: .milliseconds(pause)) && !course.isUnderWay)
        }
        course.begin(at(5))
        _ = course.ask(at(5))
        course.postpone(at(5))
        #expect(course.retry == at(5).advanced(by: .milliseconds(250)), "the count begins anew")
    }

    /// A question that times out ends the process (``AdminClient``): one that others have followed counts too.
    @Test func theClientMustGoBeforeAQuestionTimesOut() {
        var course = LookupCourse()
        let first = course.ask(at(10))
        course.begin(at(20))
        let second = course.ask(at(20))
        #expect(!course.isStuck(at(1_809)) && course.isStuck(at(1_810)))
        _ = course.answered(first)
        #expect(!course.isStuck(at(1_819)) && course.isStuck(at(1_820)))
        var answered = course
        _ = answered.answered(second)
        course.forget()
        #expect(!course.isStuck(at(9_000)) && !answered.isStuck(at(9_000)))
    }
}
