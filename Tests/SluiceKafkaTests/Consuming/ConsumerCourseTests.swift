import Sluice
import Testing

@testable import SluiceKafka

/// What a consumer's thread does with its client, its group and its commits: in every order of what can happen.
struct ConsumerCourseTests {
    /// Every four happenings in a row, each followed by all that the course does about it, and then by the end.
    @Test(arguments: ConsumerScene.Happening.allCases)
    func doesWhatItMayInEveryOrderAndEnds(_ first: ConsumerScene.Happening) {
        explore(ConsumerScene(), [first], depth: 4)
    }

    /// The same from where partitions are read and something of them is settled.
    @Test(arguments: ConsumerScene.Happening.allCases)
    func doesWhatItMayInEveryOrderOnceItReads(_ first: ConsumerScene.Happening) {
        var scene = ConsumerScene()
        let way: [ConsumerScene.Happening] = [.assigned, .answered, .handed, .settled]
        for happening in way { scene.play(happening) }
        #expect(scene.isReading && scene.commitUnderWay == 1)
        explore(scene, way + [first], depth: way.count + 4)
    }

    /// - Parameter way: what has happened; the last of it has yet to.
    private func explore(_ scene: ConsumerScene, _ way: [ConsumerScene.Happening], depth: Int) {
        var scene = scene
        guard scene.canHappen(way[way.count - 1]) else { return }
        scene.play(way[way.count - 1])
        if way.count < depth, scene.fault == nil {
            for next in ConsumerScene.Happening.allCases {
                explore(scene, way + [next], depth: depth)
            }
            return
        }
        scene.playTheEnd()
        if let fault = scene.fault { Issue.record("\(way): \(fault)") }
    }

    @Test func takesPartitionsUpWithTheAnswerToItsLastQuestion() {
        var scene = ConsumerScene()
        scene.play(.assigned)
        let first = scene.questions
        scene.play(.stale)
        #expect(scene.questions == first && !scene.isReading)
        scene.play(.silent)
        #expect(scene.questions.isEmpty && !scene.isReading)
        for _ in 0..<2 { scene.play(.second) }
        #expect(scene.questions.count == 1)
        scene.play(.answered)
        #expect(scene.isReading && scene.fault == nil)
    }

    /// Both may come at once, before the course is asked what to do.
    @Test func partitionsThatGoBeforeTheyAreReadAreNotTakenUp() {
        let now = MonotonicTime(nanoseconds: 0).advanced(by: .seconds(100))
        var course = ConsumerCourse(
            hasGroup: true, MemberCourse(ConsumerScene.limits),
            CommitCourse(interval: .seconds(5), heartbeatInterval: .seconds(3)))
        let nothing: () -> ConsumerCourse.Shares = { (MemberCourse.Share(), MemberCourse.Share()) }
        course.take(.opened, now)
        course.take(.assigned([0]), now)
        guard case .lookUp(_, let question) = course.next(.init(now: now), nothing) else {
            Issue.record("nothing is looked up")
            return
        }
        course.take(.offsets(question, [:]), now)
        course.take(.revoked([0]), now)
        for _ in 0..<4 {
            let action = course.next(.init(now: now), nothing)
            if case .takeUp = action { Issue.record("what goes is taken up") }
        }
    }

    @Test func aClientThatFailsIsReplacedAfterAWhile() {
        var scene = ConsumerScene()
        scene.play(.failed)
        #expect(!scene.hasClient && scene.opened == 1)
        scene.play(.second)
        #expect(scene.hasClient && scene.opened == 2 && scene.fault == nil)
    }
}
