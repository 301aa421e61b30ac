import Sluice
import Testing

@testable import SluiceSQLite

/// How long a commit waits for those that the last one has answered.
struct CommitGatheringTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func time(_ microseconds: Int64) -> MonotonicTime { start.advanced(by: .microseconds(microseconds)) }

    /// - Returns: for how long the next commit waits from its predecessor's end on.
    private func wait(after appends: Int, took: Int64, waiting: Int = 1) -> Duration {
        var gathering = CommitGathering()
        gathering.noteCommit(of: appends, start)
        guard let until = gathering.wait(waiting, time(took)) else { return .zero }
        return time(took).duration(to: until)
    }

    @Test func itIsAQuarterOfTheLastCommitAndAMillisecondAtMost() {
        #expect(wait(after: 16, took: 400) == .microseconds(100))
        #expect(wait(after: 1_000, took: 400) == .microseconds(100))
        #expect(wait(after: 16, took: 4_000) == .microseconds(1_000))
        #expect(wait(after: 16, took: 40_000) == .microseconds(1_000))
    }

    @Test func fewAreNotWaitedFor() {
        #expect(wait(after: 15, took: 4_000) == .zero)
        #expect(wait(after: 0, took: 4_000) == .zero)
        var gathering = CommitGathering()
        #expect(gathering.wait(1, start) == nil)
    }

    @Test func asManyAsBeforeAreEnough() {
        #expect(wait(after: 20, took: 4_000, waiting: 19) == .microseconds(1_000))
        #expect(wait(after: 20, took: 4_000, waiting: 20) == .zero)
        #expect(wait(after: 20, took: 4_000, waiting: 21) == .zero)
    }

    @Test func itIsCountedFromTheEndOfTheCommit() {
        var gathering = CommitGathering()
        gathering.noteCommit(of: 32, start)
        // None has come yet.
        #expect(gathering.wait(0, time(2_000)) == time(2_500))
        #expect(gathering.wait(1, time(2_300)) == time(2_500))
        #expect(gathering.wait(1, time(2_500)) == nil)
        // One that comes much later begins at once.
        #expect(gathering.wait(1, time(900_000)) == nil)
        // Fewer came: fewer are waited for.
        gathering.noteCommit(of: 17, time(2_500))
        #expect(gathering.wait(17, time(3_500)) == nil && gathering.wait(16, time(3_500)) == time(3_750))
    }

    @Test func manyWhoPublishAgainAndAgainAreAllAnswered() async throws {
        let directory = try TemporaryDirectory()
        let log = try directory.open()
        let publisher = log.publisher()
        try await within {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<64 {
                    // Some leave early: those that are waited for do not come.
                    group.addTask {
                        for _ in 0..<(number % 8 + 1) * 10 {
                            try await publisher.publish([message("\(number)")], to: "t")
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        #expect(try await log.messages(in: "t", 1...1_000_000, limit: 10_000).count == 64 * 45)
        await log.close()
    }
}
