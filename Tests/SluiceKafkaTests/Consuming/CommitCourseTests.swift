import Sluice
import Testing

@testable import SluiceKafka

/// When a consumer commits, and how it goes on after a commit that failed.
struct CommitCourseTests {
    private let course = CommitCourse(interval: .seconds(5), heartbeatInterval: .seconds(3))

    private func at(_ milliseconds: Int) -> MonotonicTime {
        MonotonicTime.longAgo.advanced(by: .milliseconds(milliseconds))
    }

    @Test func commitsOncePerInterval() {
        var course = course
        #expect(course.due(from: at(0)) == at(5_000))
        course.begin(at(7_000))
        #expect(course.due(from: at(0)) == nil && course.verdict(from: at(0), now: at(9_000)) == .underWay)
        #expect(!course.hasFailed)
        course.succeed()
        #expect(course.due(from: at(0)) == at(12_000))
        // The group's traffic allows it later, or not before an answer.
        #expect(course.due(from: at(20_000)) == at(20_000) && course.due(from: nil) == nil)
    }

    @Test func waitsLongerAfterEachFailureButTriesALastCommitAgainSoon() {
        var course = course
        for (failures, pause) in [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000].enumerated() {
            let now = at(100_000 * (failures + 1))
            course.begin(now)
            course.fail(.init(cause: .other), now)
            #expect(course.due(from: .longAgo) == now.advanced(by: max(.seconds(5), .milliseconds(pause))))
            #expect(course.time(allowed: .longAgo, isLast: true) == now.advanced(by: .milliseconds(200)))
            #expect(
                course.time(allowed: .longAgo, isLast: false) == .longAgo
                    && course.time(allowed: nil, isLast: true) == nil)
        }
        course.begin(at(2_000_000))
        #expect(course.hasFailed)
        course.succeed()
        #expect(!course.hasFailed && course.time(allowed: .longAgo, isLast: true) == .longAgo)
        course.begin(at(3_000_000))
        course.fail(.init(cause: .other), at(3_009_000))
        #expect(course.due(from: .longAgo) == at(3_009_250), "the count begins anew")
    }

    @Test func whileTheGroupChangesItWaitsForTheMemberToLearnOfThat() {
        var course = course
        course.begin(at(1_000))
        course.fail(.init(cause: .changing), at(1_000))
        #expect(course.due(from: .longAgo) == at(7_000))
        #expect(course.verdict(from: at(1_200), now: at(1_199)) == .blocked)
        #expect(course.verdict(from: at(1_200), now: at(1_200)) == .possible)
    }

    @Test func metadataThatAreTooLongAreHalvedAndSentAgainAtOnce() {
        var course = course
        var limits: [Int] = []
        for _ in 0..<8 {
            course.begin(at(1_000))
            course.fail(.init(cause: .tooLarge), at(1_000))
            limits.append(course.metadataLimit)
            #expect(
                course.time(allowed: .longAgo, isLast: true) == at(1_000) && course.due(from: .longAgo) == at(6_000))
        }
        #expect(limits == [2_048, 1_024, 512, 256, 128, 64, 0, 0])
    }

    /// Every order of what can happen: one commit at a time, hopeless only after such a failure, and what failed says
    /// nothing once it is renewed.
    @Test func staysConsistentWhateverHappens() {
        let failures: [CommitCourse.Failure] = [
            .init(cause: .changing), .init(cause: .changing, isHopeless: true), .init(cause: .tooLarge),
            .init(cause: .other), .init(cause: .other, isHopeless: true),
        ]
        for number in 0..<(8 * 8 * 8) {
            var (course, rest, isHopeless) = (course, number, false)
            for step in 1...3 {
                let now = at(step * 1_000)
                switch rest % 8 {
                case 0: course.forget()
                case 1:
                    course.renew()
                    isHopeless = false
                case 2:
                    course.begin(now)
                    course.succeed()
                    isHopeless = false
                case let index:
                    course.begin(now)
                    #expect(course.verdict(from: .longAgo, now: now) == .underWay)
                    course.fail(failures[index - 3], now)
                    isHopeless = failures[index - 3].isHopeless
                }
                rest /= 8
                #expect(!course.isUnderWay)
                let verdict = course.verdict(from: course.time(allowed: .longAgo, isLast: true), now: at(1_000_000))
                #expect(verdict == (isHopeless ? .hopeless : .possible))
                #expect(course.verdict(from: nil, now: now) == (isHopeless ? .hopeless : .blocked))
            }
        }
    }
}
