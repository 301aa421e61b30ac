import Foundation
import Sluice
import Testing

@testable import SluiceSQLite

@Suite struct RetentionAndTimeTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func open(_ retention: SQLiteLog.Configuration.Retention = .init()) throws -> SQLiteLog {
        var configuration = directory.configuration()
        configuration.retention = retention
        return try SQLiteLog.open(configuration)
    }

    /// Appends one message a commit, each at its own time in milliseconds.
    private func append(_ times: [Int64], to topic: Topic, of log: SQLiteLog) async throws {
        for time in times {
            try await log.writer.perform { session in
                try session.table(for: topic).append(
                    message("\(time)"), nil, transaction: session.transaction &+ UInt64.random(in: 1 << 40...1 << 41),
                    now: Timestamp(millisecondsSince1970: time))
            }
        }
    }

    private func texts(_ messages: SQLiteMessages) async throws -> [String] {
        try await messages.reduce(into: []) { $0 += $1.map(\.message.text) }
    }

    @Test func readsFromAPointInTime() async throws {
        let log = try open()
        let times: [Int64] = [1_000, 1_500, 1_500, 2_000, 7_250, 7_300, 90_000]
        try await append(times, to: "t", of: log)
        for time in [0, 999, 1_000, 1_001, 1_500, 1_999, 2_000, 2_001, 7_250, 7_299, 7_301, 90_000, 90_001] as [Int64] {
            let expected = times.filter { $0 >= time }.map(String.init)
            let from = Timestamp(millisecondsSince1970: time)
            #expect(try await texts(log.messages(in: "t", from: from, batch: 2)) == expected)
        }
        #expect(try await texts(log.messages(in: "t")) == times.map(String.init))
        #expect(try await texts(log.messages(in: "unknown", from: Timestamp(millisecondsSince1970: 0))).isEmpty)
        await log.close()
    }

    @Test func findsTheFirstOfATimeAlsoWhenClocksJump() async throws {
        let log = try open()
        let times: [Int64] = [5_000, 3_000, 8_000, 2_000, 8_500, 6_000, 9_000]
        try await append(times, to: "t", of: log)
        for time in stride(from: Int64(1_000), through: 10_000, by: 250) {
            let first = times.firstIndex { $0 >= time }
            let expected = first.map { times[$0...].map(String.init) } ?? []
            #expect(try await texts(log.messages(in: "t", from: Timestamp(millisecondsSince1970: time))) == expected)
        }
        await log.close()
    }

    @Test func aNewGroupStartsWhereItIsTold() async throws {
        let log = try open()
        try await append([1_000, 2_000, 3_000], to: "t", of: log)
        let late = try log.subscriber(
            group: "late", configuration: .init(start: .time(Timestamp(millisecondsSince1970: 2_000))))
        #expect(try await late.subscribe(to: "t").acknowledge(2).texts == ["2000", "3000"])
        let end = try await log.subscriber(group: "end", configuration: .init(start: .end)).subscribe(to: "t")
        try await log.publisher().publish([message("new")], to: "t")
        #expect(try await end.acknowledge(1).texts == ["new"])
        await log.close()
    }

    @Test func tellsTheBacklogAndItsAge() async throws {
        let log = try open()
        try await append([1_000, 2_000, 3_000, 4_000], to: "t", of: log)
        #expect(
            try await log.backlog(group: "g", topic: "t")
                == SQLiteBacklog(messages: 4, oldestPending: Timestamp(millisecondsSince1970: 1_000)))
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        let deliveries = try await subscription.deliveries(4)
        for index in [0, 3] { deliveries[index].acknowledge() }
        try await eventually {
            try await log.backlog(group: "g", topic: "t")
                == SQLiteBacklog(messages: 2, oldestPending: Timestamp(millisecondsSince1970: 2_000))
        }
        #expect(try await log.backlog(group: "g", topic: "none") == SQLiteBacklog(messages: 0))
        await log.close()
    }

    @Test func deletesOldMessagesThatEveryGroupHasSettled() async throws {
        let log = try open(.init(age: .seconds(3_600)))
        let now = Timestamp.now().millisecondsSince1970
        let times = [now - 9_000_000, now - 8_000_000, now - 7_000_000, now - 1_000, now]
        try await append(times, to: "t", of: log)
        let slow = try await log.subscriber(group: "slow").subscribe(to: "t")
        _ = try await log.subscriber(group: "fast").subscribe(to: "t").acknowledge(5)
        try await slow.acknowledge(2)
        try await eventually { try await log.backlog(group: "slow", topic: "t").messages == 3 }
        try await eventually { try await log.backlog(group: "fast", topic: "t").messages == 0 }
        #expect(try await log.retain() == 2)
        #expect(try await texts(log.messages(in: "t")) == times.dropFirst(2).map(String.init))
        #expect(try await slow.acknowledge(3).count == 3)
        #expect(try await texts(log.messages(in: "t", from: Timestamp(millisecondsSince1970: now - 1_000))).count == 2)
        await log.close()
    }

    @Test func offsetsAreNotUsedAgain() async throws {
        var log = try open(.init(age: .milliseconds(1)))
        try await append([1_000, 2_000], to: "t", of: log)
        #expect(try await log.retain() == 2)
        await log.close()
        log = try open()
        try await log.publisher().publish([message("new")], to: "t")
        let delivery = try await log.subscriber(group: "g").subscribe(to: "t").acknowledge(1)[0]
        #expect(delivery.origin.offset == 3)
        await log.close()
    }

    @Test func dropsWhatIsNotSettledOnlyWhenTold() async throws {
        let log = try open(.init(age: .seconds(60), dropUnsettled: true))
        let subscription = try await log.subscriber(group: "g", configuration: .init(capacity: 2)).subscribe(to: "t")
        try await append([1_000, 2_000, 3_000, 4_000, 5_000], to: "t", of: log)
        let held = try await subscription.deliveries(1)
        #expect(try await log.retain() == 5)
        #expect(try await log.backlog(group: "g", topic: "t") == SQLiteBacklog(messages: 0))
        held[0].reject()
        try await log.publisher().publish([message("new")], to: "t")
        // What was buffered before is still delivered; what is gone is not.
        var texts: [String] = []
        while texts.last != "new" { texts += try await subscription.acknowledge(1).texts }
        #expect(texts.count <= 4)
        try await eventually { try await log.backlog(group: "g", topic: "t").messages == 0 }
        await log.close()
        #expect(try shell("sqlite3 '\(directory.log)' 'SELECT settled_through, ahead_count FROM groups'") == "6|0")
    }

    @Test func keepsTheLogBelowItsSizeByItself() async throws {
        var configuration = directory.configuration()
        configuration.retention = .init(size: 2 << 20)
        configuration.retention.interval = .milliseconds(20)
        let log = try SQLiteLog.open(configuration)
        let publisher = log.publisher()
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        for _ in 0..<40 {
            try await publisher.publish(
                (0..<100).map { _ in Message(payload: [UInt8](repeating: 1, count: 2_000)) }, to: "t")
            try await subscription.acknowledge(100)
        }
        try await eventually {
            var offset: Int64?
            for try await batch in log.messages(in: "t", batch: 1) {
                offset = batch[0].offset
                break
            }
            return (offset ?? 0) > 2_500
        }
        await log.close()
        let size = try FileManager.default.attributesOfItem(atPath: directory.log)[.size] as? Int ?? 0
        #expect(size < 9 << 20)
        #expect(try shell("sqlite3 '\(directory.log)' 'PRAGMA integrity_check'") == "ok")
    }

    @Test func theWriteAheadLogStaysShortUnderReaders() async throws {
        let log = try open()
        let publisher = log.publisher()
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        let path = directory.log + "-wal"
        var largest = 0
        for _ in 0..<120 {
            try await publisher.publish(
                (0..<1_000).map { _ in Message(payload: [UInt8](repeating: 1, count: 900)) }, to: "t")
            try await subscription.acknowledge(1_000)
            largest = max(largest, try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0)
        }
        #expect(largest > 1 << 20)
        #expect(largest < 80 << 20)
        await log.close()
    }
}
