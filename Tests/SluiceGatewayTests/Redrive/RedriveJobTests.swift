import Sluice
import Testing

@testable import SluiceGateway

/// Jobs as they are kept, and how far they are.
struct RedriveJobTests {
    private var retry: RedriveJob {
        var job = RedriveJob(kind: .retry, lane: "log-to-slack", name: "slack")
        (job.id, job.by, job.rate, job.total) = (12, "uid 0", 5.5, 4)
        job.created = Timestamp(millisecondsSince1970: 1_700_000_000_123)
        job.selected.insert([place(3), place(4), place(9), place(100), RedrivePlace(partition: 7, offset: 0)])
        (job.canaries, job.causes) = ([place(3), place(100)], ["00ff00ff"])
        return job
    }

    private func place(_ offset: Int64) -> RedrivePlace { RedrivePlace(offset: offset) }

    @Test func aJobIsReadAsItWasKept() throws {
        let retry = retry
        #expect(RedriveJob.decode(retry.encoded) == retry)
        var replay = RedriveJob(kind: .replay, lane: "log-to-slack", name: "slack")
        (replay.id, replay.total) = (1, 800)
        replay.stretches = [0: RedriveStretch(after: 5, through: 900), 3: RedriveStretch(after: -1, through: 7)]
        replay.from = Timestamp(millisecondsSince1970: 1_700_000_000_000)
        (replay.only, replay.skipsDelivered) = (["event=commitPushed,repository=a/\"b\""], true)
        #expect(RedriveJob.decode(replay.encoded) == replay)
        for text in ["", "{}", "[]", #"{"id":1,"kind":"later","lane":"x"}"#, #"{"id":0,"kind":"retry","lane":"x"}"#] {
            #expect(RedriveJob.decode(text) == nil, "\(text)")
        }
    }

    @Test func progressThatCannotBeReadSendsNothing() {
        var progress = RedriveProgress(cursor: [0: 5, 3: 0])
        for offset in 6...9 as ClosedRange<Int64> { progress.note(.delivered, at: place(offset), of: retry) }
        #expect(RedriveProgress.decode(progress.encoded) == progress)
        for text in ["", "{", #"{"state":"sometimes"}"#, #"{"delivered":3}"#] {
            #expect(RedriveProgress.decode(text).state == .paused, "\(text)")
        }
    }

    /// Other programs can write to the topic of jobs.
    @Test func numbersBeyondAllThatIsMakeNothingOverflow() throws {
        let most = Int64.max
        let text = #"{"state":"running","delivered":\#(most),"failed":\#(most),"skipped":\#(most)}"#
        var progress = RedriveProgress.decode(text)
        #expect(progress.handled > most / 1_024)
        progress.note(.failed("no"), at: place(100), of: retry)
        let job =
            #"{"id":\#(most),"kind":"retry","lane":"x","total":\#(most),"#
            + #""selected":[{"partition":0,"through":\#(most)},{"partition":1,"through":\#(most)}]}"#
        let read = try #require(RedriveJob.decode(job))
        #expect(read.id + 1 > 0 && read.selected.count > 0)
        #expect(RedriveRecord(job: read, progress: progress).left == 0)
    }

    @Test func oneCanaryThatFailsStopsTheJob() {
        var progress = RedriveProgress()
        progress.note(.delivered, at: place(3), of: retry)
        #expect(progress.state == .running && progress.canaries == 1)
        progress.note(.failed("no"), at: place(100), of: retry)
        #expect(progress.state == .stopped && progress.why == "one of the first 2 failed again: no")
        progress.goOn(retry)
        #expect(progress.state == .running && progress.why == nil)
        progress.note(.failed("no"), at: place(4), of: retry)
        #expect(progress.state == .running)
        #expect(progress.failed == 2 && progress.delivered == 1 && progress.handled == 3)
    }

    @Test func aJobStopsWhenTooManyFailAndMayGoOn() {
        var job = retry
        job.canaries = []
        var progress = RedriveProgress()
        for _ in 0..<9 { progress.note(.failed("no"), at: place(1), of: job) }
        #expect(progress.state == .running)
        progress.note(.failed("no"), at: place(1), of: job)
        #expect(progress.state == .stopped && progress.why?.hasPrefix("10 of 10 failed again") == true)
        progress.goOn(job)
        for _ in 0..<100 { progress.note(.delivered, at: place(1), of: job) }
        // Of what came since, a fifth.
        for _ in 0..<25 { progress.note(.failed("no"), at: place(1), of: job) }
        #expect(progress.state == .running)
        progress.note(.failed("no"), at: place(1), of: job)
        #expect(progress.state == .stopped && progress.why?.hasPrefix("26 of 126 failed again") == true)
    }

    @Test func whatWasPassedOverIsNoFailure() {
        var progress = RedriveProgress()
        for _ in 0..<50 { progress.note(.skipped, at: place(1), of: retry) }
        #expect(progress.state == .running && progress.skipped == 50)
    }

    @Test func canariesAreTheOldestTheNewestAndSomeBetween() {
        let offsets = Array(1...100 as ClosedRange<Int64>)
        #expect(RedriveRequests.spread(offsets, 3) == [1, 100, 50])
        #expect(RedriveRequests.spread(offsets, 1) == [1])
        #expect(RedriveRequests.spread(offsets, 2) == [1, 100])
        #expect(RedriveRequests.spread([5, 6], 3) == [5, 6])
        #expect(RedriveRequests.spread(offsets, 0).isEmpty && RedriveRequests.spread([Int64](), 3).isEmpty)
        let many = RedriveRequests.spread(offsets, 50)
        #expect(Set(many).count == 50)
    }

    @Test func timesAreGivenInThreeWays() {
        let now = Timestamp(millisecondsSince1970: 1_700_000_000_000)
        #expect(MomentText.parse("2026-01-02T03:04:05Z", now: now) == RFC3339.parse("2026-01-02T03:04:05Z"))
        #expect(MomentText.parse("2026-01-02", now: now) == RFC3339.parse("2026-01-02T00:00:00Z"))
        #expect(MomentText.parse("2h", now: now) == Timestamp(millisecondsSince1970: 1_699_992_800_000))
        for text in ["", "yesterday", "2026-13-02", "-5s"] {
            #expect(MomentText.parse(text, now: now) == nil, "\(text)")
        }
    }
}
