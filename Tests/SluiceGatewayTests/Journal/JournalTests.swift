import Foundation
import GRDB
import GatewayTestSupport
import Glibc
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

@Suite(.timeLimit(.minutes(5)))
struct JournalTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    // MARK: What it keeps

    @Test func whatIsNotedIsRead() async throws {
        let under = JournalUnderTest(in: directory.path)
        let (own, foreign) = (MessageID(), MessageID("sixteen-letters!"))
        try await under.whileWriting {
            under.attempt(own, 1, .throttled, reason: "http_429", retryAfter: .seconds(30), offset: 7)
            under.attempt(own, 2, nil)
            under.attempt(foreign)
            under.journal.ended(
                DeliveryEnd(route: under.route, message: own, outcome: .deduplicated, attempts: 2, time: .now()))
            // It says nothing that the attempt has not said.
            under.journal.ended(
                DeliveryEnd(route: under.route, message: foreign, outcome: .acked, attempts: 1, time: .now()))
        }
        let entries = try await under.reader.entries(of: [own, foreign])
        #expect(entries.map(\.code.word) == ["throttled", "interrupted", "success", "deduplicated"])
        #expect(entries.map(\.message) == [own, own, foreign, own])
        let first = try #require(entries.first)
        #expect(first.route == "log-to-slack" && first.destination == "slack" && first.offset == 7)
        #expect(first.reason == "http_429" && first.retryAfter == .seconds(30))
        #expect(first.arrival == 300_000 && first.duration == 20_000)
        #expect(first.waits == .init(throttle: 100_000, backoff: 150_000))
        #expect(abs(first.time.milliseconds(since: .now())) < 60_000)
        #expect(under.value("attempts_total") == 3 && under.value("dropped_total") == 0)
        #expect(try #require(under.value("bytes")) > 0)
        #expect(try #require(under.value("oldest_timestamp_seconds")) > 1_700_000_000)
    }

    @Test(arguments: [
        "commit", "prefix", "message", "correlation", "delivery", "longer",
    ]) func aMessageIsFoundByEachOfItsIDs(by kind: String) async throws {
        let under = JournalUnderTest(in: directory.path)
        let commit = StubCommit.randomHash()
        let push = CommitPushed(
            id: commit, message: "m", author: "a", occurredOn: .now(), repository: "acme/web")
        var message = Event.commitPushed(push).message()
        message.metadata["correlation_id"] = "0198c0de-0000-7000-8000-00000000abcd"
        let delivery = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
        let deployed = Event.commitDeployed(
            Deployment(id: String(commit.prefix(9)), env: "production", occurredOn: .now(), service: "web"))
        try await under.whileWriting {
            under.journal.note(JournalMessage(message, route: under.route, at: .now(), delivery: delivery))
            if kind == "longer" {
                under.journal.note(JournalMessage(deployed.message(), route: under.route, at: .now(), delivery: nil))
            }
        }
        let id =
            switch kind {
            case "prefix": String(commit.prefix(7)).uppercased()
            case "message": message.id.description
            case "correlation": "0198c0de-0000-7000-8000-00000000abcd"
            case "delivery": delivery
            default: commit
            }
        let notes = try await under.reader.notes(of: id, limit: 10)
        // A deploy tool may have shortened the commit.
        #expect(notes.count == (kind == "longer" ? 2 : 1))
        let note = try #require(notes.first)
        #expect(note.message == message.id && note.commit == commit && note.kind == "commitPushed")
        #expect(note.key == "acme/web" && note.delivery == delivery && note.route == "log-to-slack")
        #expect(try await under.reader.notes(of: String(commit.prefix(6)), limit: 10).isEmpty)
        #expect(try await under.reader.notes(of: "nothing", limit: 10).isEmpty)
    }

    @Test func theCommitOfAnEventThatAnotherProgramWroteIsFoundToo() {
        #expect(JournalMessage.commit(Array(#"{"id":"abc1234","message":""}"#.utf8)) == "abc1234")
        #expect(JournalMessage.commit(Array(#"{"id":"ABC1234"}"#.utf8)) == nil)
        #expect(JournalMessage.commit(Array(#"{"id":""#.utf8)) == nil)
        #expect(JournalMessage.commit([]) == nil)
        let foreign = Message(
            metadata: ["event_type": "commitPushed"],
            payload: Array(#"{"message":"m","id":"ABC1234","occurred_on":"2026-01-02T03:04:05Z"}"#.utf8))
        #expect(JournalMessage(foreign, route: 0, at: .now(), delivery: nil).commit == "abc1234")
    }

    @Test func failuresAreCountedByCause() async throws {
        let under = JournalUnderTest(in: directory.path)
        let start = Timestamp.now()
        try await under.whileWriting {
            for _ in 0..<5 { under.attempt(MessageID(), 1, .failure, reason: "http_503") }
            for _ in 0..<2 { under.attempt(MessageID(), 1, .throttled, reason: "http_429") }
            under.attempt()
            try await eventually("all are written") { under.value("attempts_total") == 8 }
            under.attempt(MessageID(), 1, .failure, reason: "http_503")
        }
        let failures = try await under.reader.failures(since: start.advanced(by: .seconds(-60)), limit: 10)
        #expect(failures.map(\.reason) == ["http_503", "http_429"] && failures.map(\.count) == [6, 2])
        #expect(failures.allSatisfy { $0.route == "log-to-slack" && $0.destination == "slack" })
        #expect(failures.allSatisfy { $0.first <= $0.last && $0.last >= start.advanced(by: .seconds(-60)) })
        let later = try await under.reader.failures(since: Timestamp.now().advanced(by: .seconds(3_600)), limit: 10)
        #expect(later.isEmpty)
        #expect(try await under.reader.failures(of: "log-to-slack", since: start, limit: 1).count <= 1)
        #expect(try await under.reader.failures(of: "another", since: start, limit: 10).isEmpty)
    }

    @Test func eventsAreReadNewestFirst() async throws {
        let under = JournalUnderTest(in: directory.path)
        let held = Timestamp(millisecondsSince1970: 1_800_000_000_000)
        try await under.whileWriting {
            under.journal.note(JournalEvent(.held, "slack", "archived", at: held))
            under.journal.note(JournalEvent(.shut, "grafana", "http_429", until: held, at: held))
            under.journal.note(JournalEvent(.opened, "grafana"))
        }
        let events = try await under.reader.lastEvents(limit: 3)
        try #require(events.map(\.kind) == [.opened, .shut, .held])
        #expect(events[1].until == held && events[2].detail == "archived")
        #expect(try await under.reader.lastEvents(limit: 100).last?.kind == .started)
    }

    // MARK: Processes

    @Test func aProcessThatEndedWithoutAWordIsToldOfAtTheNextStart() async throws {
        let first = JournalUnderTest(in: directory.path)
        try await first.whileWriting { first.attempt() }
        // The first is this process, which lives: one that was killed is made up.
        let database = try DatabaseQueue(path: first.journal.file.path)
        try await database.write {
            try $0.execute(
                sql: "INSERT INTO events (time, kind, subject) VALUES (1, 'started', '4194999/1/1')")
        }
        try database.close()
        for _ in 0..<2 {
            let second = JournalUnderTest(in: directory.path)
            try await second.whileWriting {}
        }
        let events = try await first.reader.lastEvents(limit: 100)
        let ends = events.filter { $0.kind == .endedUncleanly }
        #expect(ends.map(\.subject) == ["4194999/1/1"])
        #expect(try #require(ends.first?.detail).contains("its last sign was at 20"))
        #expect(events.filter { $0.kind == .started }.count == 4)
    }

    @Test func aProcessThatHasEndedAndThatItsParentHasNotAskedAboutIsNotAlive() async throws {
        var process: pid_t = 0
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("600"), nil]
        defer { for argument in arguments { free(argument) } }
        #expect(posix_spawnp(&process, "sleep", nil, nil, arguments, nil) == 0)
        let name = JournalProcess.of(process, 1).description
        #expect(JournalProcess.isAlive(name))
        #expect(!JournalProcess.isAlive("\(process)/1/1") && !JournalProcess.isAlive("nonsense"))
        kill(process, SIGKILL)
        try await eventually("it has ended") { !JournalProcess.isAlive(name) }
        #expect(waitpid(process, nil, 0) == process)
    }

    // MARK: Bounds

    @Test func itKeepsToItsBytesAndLetsTheOldestGo() async throws {
        let bytes: Int64 = 2_000_000
        let under = JournalUnderTest(in: directory.path, bytes: bytes)
        let (first, last) = (MessageID(), MessageID())
        var most: Int64 = 0
        try await under.whileWriting {
            under.attempt(first)
            for round in 1...60 {
                for _ in 0..<1_000 { under.attempt(MessageID(), 1, .failure, reason: "http_503") }
                try await eventually("they are written") {
                    most = max(most, under.journal.file.size)
                    return under.value("attempts_total") == Double(round * 1_000 + 1)
                }
            }
            under.attempt(last)
        }
        #expect(most > bytes / 2 && most <= bytes, "it has grown to \(most)")
        #expect(try await under.reader.entries(of: [first]).isEmpty)
        #expect(try await under.reader.entries(of: [last]).count == 1)
        #expect(try await under.count("entries") > 2_000)
        #expect(under.value("dropped_total") == 0)
    }

    @Test func aFileThatHasBecomeTooLargeShrinks() async throws {
        let large = JournalUnderTest(in: directory.path) { $0.capacity = 60_000 }
        try await large.whileWriting {
            for _ in 0..<50_000 { large.attempt() }
        }
        #expect(large.journal.file.size > 2_000_000)
        let small = JournalUnderTest(in: directory.path, bytes: 1_000_000)
        try await small.whileWriting {
            try await eventually("it shrinks") { small.journal.file.size <= 1_000_000 }
        }
        #expect(try await small.count("entries") > 1_000)
    }

    @Test func whatIsTooOldGoes() async throws {
        let under = JournalUnderTest(in: directory.path, retention: .seconds(60))
        let (old, recent) = (MessageID(), MessageID())
        try await under.whileWriting {
            for _ in 0..<5_000 { under.attempt(old, ago: .seconds(61)) }
            under.attempt(recent)
            try await eventually("they are written") { under.value("attempts_total") == 5_001 }
            try await eventually("the old go") { try await under.reader.entries(of: [old]).isEmpty }
        }
        #expect(try await under.reader.entries(of: [recent]).count == 1)
    }

    // MARK: Troubles

    @Test func whatFindsNoRoomIsDroppedAndCounted() async throws {
        let under = JournalUnderTest(in: directory.path) { $0.capacity = 100 }
        for _ in 0..<150 { under.attempt(MessageID(), 1, .failure, reason: "http_500") }
        try await under.whileWriting {
            try await eventually("the rest is written") { under.value("attempts_total") == 100 }
            under.attempt(MessageID(), 2)
        }
        #expect(under.value("attempts_total") == 101 && under.value("dropped_total") == 50)
        #expect(under.recorder.text.contains("records of the journal are lost; no message is"))
    }

    @Test(arguments: [LedgerDamage.garbage, .cut, .overwritten])
    func aDamagedFileIsMadeAgain(by damage: LedgerDamage) async throws {
        let before = JournalUnderTest(in: directory.path)
        try await before.whileWriting { for _ in 0..<2_000 { before.attempt() } }
        try damage.apply(to: before.journal.file.path)
        let after = JournalUnderTest(in: directory.path)
        let message = MessageID()
        try await after.whileWriting {
            after.attempt(message)
            try await eventually("it is written") { after.value("attempts_total") == 1 }
        }
        #expect(try await after.reader.entries(of: [message]).count == 1)
        #expect(try await after.reader.lastEvents(limit: 10).contains { $0.kind == .journalMadeAgain })
        #expect(after.notes.contains { $0.contains("it was made again at 20") })
    }

    @Test func aFileOfAnotherProgramIsLeftAlone() async throws {
        let path = directory.path + "/journal.sqlite"
        try await DatabaseQueue(path: path).write { try $0.execute(sql: "CREATE TABLE theirs (something TEXT)") }
        let under = JournalUnderTest(in: directory.path)
        try await under.whileWriting {
            under.attempt()
            try await eventually("it is dropped") { under.value("dropped_total") == 1 }
        }
        #expect(
            under.notes == [
                "journal: it cannot be written: it is a file of another program; 1 records are lost; no message is lost"
            ])
        let tables = try await DatabaseQueue(path: path).read {
            try String.fetchAll($0, sql: "SELECT name FROM sqlite_master")
        }
        #expect(tables == ["theirs"])
    }

    @Test func aFileThatIsDamagedWhileItIsWrittenIsMadeAgain() async throws {
        // Small, so that most of it has left the write-ahead log.
        let under = JournalUnderTest(in: directory.path, bytes: 1_000_000)
        let message = MessageID()
        try await under.whileWriting {
            for _ in 0..<5_000 { under.attempt() }
            try await eventually("they are written") { under.value("attempts_total") == 5_000 }
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: under.journal.file.path))
            try handle.write(contentsOf: Data(repeating: 0x5A, count: 200_000))
            try handle.close()
            try await eventually("it is made again") {
                under.attempt()
                let events = (try? await under.reader.lastEvents(limit: 10)) ?? []
                return events.contains { $0.kind == .journalMadeAgain }
            }
            under.attempt(message)
        }
        #expect(try await under.reader.entries(of: [message]).count == 1)
    }

    @Test func aFileThatIsDeletedWhileItIsWrittenIsMadeAgain() async throws {
        let under = JournalUnderTest(in: directory.path)
        let (before, after) = (MessageID(), MessageID())
        try await under.whileWriting {
            under.attempt(before)
            try await eventually("it is written") { under.value("attempts_total") == 1 }
            try FileManager.default.removeItem(atPath: under.journal.file.path)
            under.attempt(after)
            try await eventually("it is written") { under.value("attempts_total") == 2 }
        }
        #expect(try await under.reader.entries(of: [before, after]).map(\.message) == [after])
        #expect(under.notes.contains { $0.contains("it was deleted") })
        #expect(try await under.reader.lastEvents(limit: 10).contains { $0.kind == .started })
    }

    @Test func aDirectoryThatIsMissingStopsNothing() async throws {
        let under = JournalUnderTest(in: directory.path + "/missing")
        try await under.whileWriting {
            under.attempt()
            try await eventually("it is dropped") { under.value("dropped_total") == 1 }
            try FileManager.default.createDirectory(
                atPath: directory.path + "/missing", withIntermediateDirectories: false)
            under.attempt()
            try await eventually("it is written") { under.value("attempts_total") == 1 }
        }
        #expect(under.notes.isEmpty, "\(under.notes)")
        #expect(under.recorder.text.contains("the journal is written again"))
    }

    @Test func aFullDiskStopsNothing() async throws {
        let disk = try await SmallDisk()
        let under = JournalUnderTest(in: disk.directory.path)
        try await under.whileWriting {
            under.attempt()
            try await eventually("it is written") { under.value("attempts_total") == 1 }
            try await disk.fill()
            try await eventually("they are dropped") {
                for _ in 0..<1_000 { under.attempt() }
                return under.value("dropped_total") ?? 0 > 0
            }
            try await eventually("it says so") { under.notes.contains { $0.contains("it cannot be written") } }
            try disk.free()
            let written = under.value("attempts_total") ?? 0
            try await eventually("it is written again") {
                under.attempt()
                return under.value("attempts_total") ?? 0 > written
            }
        }
    }
}
