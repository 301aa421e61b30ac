import GatewayTestSupport
import Logging
import Sluice
import SluiceKafka
import SluiceMetrics
import SluiceSQLite
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

/// Jobs on Kafka, as several gateways keep them.
@Suite(.timeLimit(.minutes(5)))
struct KafkaRedriveStoreTests {
    private func job(_ selected: PlaceSet) -> RedriveJob {
        var job = RedriveJob(kind: .retry, lane: "log-to-slack", name: "slack")
        job.selected = selected
        job.total = selected.count
        return job
    }

    @discardableResult
    private func settle(
        _ index: Int64, of record: RedriveRecord, by member: KafkaRedriveMember,
        _ verdict: RedriveProgress.Verdict = .delivered
    ) async throws -> RedriveProgress {
        let step = RedriveStep(place: record.job.order[Int(index)], index: index)
        return try await member.store.conclude(record.job, step, verdict, isThere: true, handling: [])
    }

    @Test func aWorkerThatWasReplacedCountsNothingThatOthersDoNot() async throws {
        let poison = KafkaPoison(kafka: try KafkaForTests())
        try await poison.fill((0..<60).map { PoisonStub("no \($0)", repository: "octo/\($0 % 4)") })
        let (former, next) = (try await KafkaRedriveMember(poison.kafka), try await KafkaRedriveMember(poison.kafka))
        try await whileReading([next]) {
            let record = try await whileReading([former]) {
                let places = PlaceSet(try await former.store.poisoned().map(\.location))
                let record = try #require(try await former.store.add([job(places)], returning: [], by: "uid 7").first)
                _ = try await former.store.source(record)
                try await settle(0, of: record, by: former)
                try await former.catchUp()
                return record
            }
            // The former worker has not heard yet that it is replaced, and goes on.
            _ = try await next.store.source(record)
            let written = try await former.store.reader.bounds(of: former.store.topic)[0]?.upperBound ?? 0
            await #expect(throws: RedriveLostError.self) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for index in 1..<Int64(60) { try await settle(index, of: record, by: former) }
                    }
                    try await eventually("it writes") {
                        try await next.store.reader.bounds(of: next.store.topic)[0]?.upperBound ?? 0 > written + 5
                    }
                    group.addTask { await former.store.follow() }
                    defer { group.cancelAll() }
                    try await group.next()
                }
            }
            try await whileReading([former]) {
                for member in [former, next] {
                    let known = try #require(try await member.store.records().first)
                    #expect(known.progress.delivered == 1 && known.progress.handled == 1)
                    #expect(try await member.store.poisoned().count == 59)
                }
                #expect(try await settle(1, of: record, by: next).delivered == 2)
                let (one, other) = (try await former.store.records(), try await next.store.records())
                #expect(one == other && one.first?.progress.delivered == 2)
            }
        }
        await former.close()
        await next.close()
    }

    /// What a worker has written and not read back counts for what it does next, and for nothing else.
    @Test func aWorkerIsAheadOfTheTopicByAFewRecords() async throws {
        let poison = KafkaPoison(kafka: try KafkaForTests())
        try await poison.fill((0..<40).map { PoisonStub("no \($0)", repository: "octo/\($0 % 4)") })
        let member = try await KafkaRedriveMember(poison.kafka)
        try await whileReading([member]) {
            let places = PlaceSet(try await member.store.poisoned().map(\.location))
            let record = try #require(try await member.store.add([job(places)], returning: [], by: "uid 7").first)
            var source = try await member.store.source(record)
            var delivered: Int64 = 0
            while case .deliver(let entry) = try await source.next() {
                delivered += 1
                let progress = try await member.store.conclude(
                    record.job, entry.step, .delivered, isThere: true, handling: [])
                #expect(progress.delivered == delivered && progress.state == .running)
                source.advance()
            }
            #expect(delivered == 40)
            #expect(try await member.store.finish(record.job).state == .done)
            // An end is read back before it is told.
            #expect(member.kept(record)?.progress.state == .done)
            #expect(try await member.store.poisoned().isEmpty)
        }
        await member.close()
    }

    @Test func aJobThatHasStoppedGoesOnWithWhatItsWorkerHadWritten() async throws {
        let poison = KafkaPoison(kafka: try KafkaForTests())
        try await poison.fill((0..<12).map { PoisonStub("no \($0)") })
        let member = try await KafkaRedriveMember(poison.kafka)
        try await whileReading([member]) {
            var wanted = job(PlaceSet(try await member.store.poisoned().map(\.location)))
            wanted.canaries = Array(wanted.order.prefix(1))
            let record = try #require(try await member.store.add([wanted], returning: [], by: "uid 7").first)
            _ = try await member.store.source(record)
            #expect(try await settle(0, of: record, by: member, .failed("no")).state == .stopped)
            let resumed = try #require(try await member.store.change(record.job.id, .resume, by: "uid 7"))
            #expect(resumed.progress.state == .running)
            let progress = try await settle(1, of: record, by: member)
            #expect(progress.state == .running && progress.failed == 1 && progress.delivered == 1)
            try await member.catchUp()
            #expect(try await member.store.records().first?.progress.state == .running)
        }
        await member.close()
    }

    @Test func whoGivesUpWaitingForTheTopicLeavesNothingBehind() async throws {
        let poison = KafkaPoison(kafka: try KafkaForTests())
        let (member, writer) = (try await KafkaRedriveMember(poison.kafka), try await KafkaRedriveMember(poison.kafka))
        try await writer.store.publish([.nothing])
        // It does not read.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 { group.addTask { try await member.catchUp() } }
            try await eventually("they wait") { member.waiting == 3 }
            group.cancelAll()
            while let end = await group.nextResult() {
                #expect(throws: (any Error).self) { try end.get() }
            }
        }
        #expect(member.waiting == 0)
        try await whileReading([member]) { try await member.catchUp() }
        await member.close()
        await writer.close()
    }

    @Test func aJobThatOneRecordCannotNameIsInSeveral() async throws {
        let poison = KafkaPoison(kafka: try KafkaForTests())
        let (member, other) = (
            try await KafkaRedriveMember(poison.kafka, mostBytes: 3_000),
            try await KafkaRedriveMember(poison.kafka, mostBytes: 3_000)
        )
        // Every other message of four partitions: each is a stretch of its own.
        let places = PlaceSet(
            (0..<4).flatMap { partition in
                (0..<400).map { RedrivePlace(partition: Int32(partition), offset: Int64($0 * 2)) }
            })
        var wanted = job(places)
        wanted.canaries = [RedrivePlace(partition: 3, offset: 798)]
        try await whileReading([member, other]) {
            let record = try #require(try await member.store.add([wanted], returning: [], by: "uid 7").first)
            #expect(record.job.parts > 4 && record.job.selected == places && record.job.total == 1_600)
            #expect(try await other.store.records() == [record])
            _ = try await other.store.source(record)
            #expect(try await settle(0, of: record, by: other).delivered == 1)
            // What others read says the same, and nothing is left of the parts but the job.
            for found in [member, other] {
                let known = try #require(try await found.store.records().first)
                #expect(known.job.order == wanted.order && known.progress.delivered == 1)
                #expect(found.store.isSettled(RedrivePlace(partition: 3, offset: 798)))
                #expect(!found.store.isSettled(RedrivePlace(partition: 0, offset: 0)))
            }
        }
        await member.close()
        await other.close()
    }

    /// A worker was killed between what it put back and its count. When the job is forgotten, that copy stays without meaning.
    @Test func whatAnInterruptedWorkerHasPutBackStaysOutWhenItsJobIsForgotten() async throws {
        let poison = KafkaPoison(kafka: try KafkaForTests(realGroups: true))
        let stub = PoisonStub("no")
        try await poison.fill([stub])
        let (killed, next) = (try await KafkaRedriveMember(poison.kafka), try await KafkaRedriveMember(poison.kafka))
        try await whileReading([killed, next]) {
            let places = PlaceSet(try await killed.store.poisoned().map(\.location))
            let record = try #require(try await killed.store.add([job(places)], returning: [], by: "uid 7").first)
            _ = try await killed.store.source(record)
            let kept = try #require(killed.kept(record))
            let step = KafkaRedriveStep(
                token: kept.token, job: record.job.id, index: 0, owner: try #require(kept.owner))
            try await killed.store.copy(stub.message, step)
            #expect(try await next.store.poisoned().count == 1)
            // The next one delivers it.
            _ = try await next.store.source(record)
            try await settle(0, of: record, by: next)
            _ = try await next.store.finish(record.job)
            #expect(try await next.store.poisoned().isEmpty)
            // So many have ended after it.
            try await next.store.publish(
                (2...Int64(RedriveLimits.endedJobs + 1)).flatMap { id -> [KafkaRedriveRecord] in
                    var later = job(PlaceSet())
                    (later.id, later.kind) = (id, .replay)
                    return [.job(later, token: "t\(id)"), .will(id, .cancel, by: "uid 7")]
                })
            try await next.catchUp()
            try await eventually("it is forgotten") {
                next.store.state.withLock { state in
                    state.isBehind = true
                    state.keptUp = MonotonicTime(nanoseconds: 0)
                }
                await next.store.keepUp()
                try await next.catchUp()
                return next.kept(record) == nil
            }
            for member in [killed, next] {
                try await member.catchUp()
                #expect(try await member.store.poisoned().isEmpty)
            }
        }
        await killed.close()
        await next.close()
    }
}
