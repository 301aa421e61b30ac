import Foundation
import Sluice
import Testing

@testable import SluiceSQLite

@Suite struct PoisonRetentionTests {
    let directory: TemporaryDirectory
    let dropped = Noted<Int64>(0)

    init() throws { directory = try TemporaryDirectory() }

    private func open(age: Duration? = .milliseconds(1), size: Int64) throws -> SQLiteLog {
        var configuration = directory.configuration()
        configuration.retention = .init(age: age)
        configuration.retention.topics = ["poison": .init(age: age, size: size, keepsUnread: true)]
        configuration.retention.observer.droppedUnread = { [dropped] topic, count in
            #expect(topic == "poison")
            dropped.change { $0 += count }
        }
        return try SQLiteLog.open(configuration)
    }

    private func publish(_ count: Int, bytes: Int = 1_000, to topic: Topic = "poison", of log: SQLiteLog) async throws {
        try await log.publisher().publish(
            (0..<count).map { _ in Message(payload: [UInt8](repeating: 1, count: bytes)) }, to: topic)
        let end = Timestamp.now().millisecondsSince1970 + 5
        try await eventually { Timestamp.now().millisecondsSince1970 > end }
    }

    private func remaining(_ log: SQLiteLog, _ topic: Topic = "poison") async throws -> Int {
        try await log.messages(in: topic).reduce(into: 0) { $0 += $1.count }
    }

    @Test func unreadPoisonIsNeverDeletedByAge() async throws {
        let log = try open(size: 1 << 30)
        try await publish(20, of: log)
        try await publish(20, to: "events", of: log)
        #expect(try await log.retain() == 20)
        #expect(try await remaining(log, "events") == 0)
        #expect(try await remaining(log) == 20)
        // What was read may go by age, as everything else.
        try await log.subscriber(group: "poison").subscribe(to: "poison").acknowledge(5)
        try await eventually { try await log.backlog(group: "poison", topic: "poison").messages == 15 }
        #expect(try await log.retain() == 5)
        // Also when the one who read has gone for good.
        await log.close()
        try shell("sqlite3 '\(directory.log)' 'UPDATE groups SET last_read = 5'")
        let next = try open(size: 1 << 30)
        #expect(try await next.retain() == 0)
        #expect(try await remaining(next) == 15)
        #expect(dropped.value == 0)
        await next.close()
    }

    @Test func beyondItsSizeTheOldestPoisonIsDroppedAndCounted() async throws {
        let log = try open(age: nil, size: 100_000)
        try await publish(300, of: log)
        try await publish(300, to: "events", of: log)
        let deleted = try await log.retain()
        // A message counts with its 48 bytes.
        #expect(try await remaining(log) == 95)
        #expect(deleted == 205)
        #expect(dropped.value == 205)
        #expect(try await remaining(log, "events") == 300)
        for try await batch in log.messages(in: "poison", batch: 1) {
            #expect(batch[0].offset == 206, "the oldest went")
            break
        }
        try await publish(10, of: log)
        #expect(try await log.retain() == 10)
        #expect(dropped.value == 215)
        await log.close()
        // The sum is made anew, in pieces.
        let next = try open(age: nil, size: 50_000)
        #expect(try await next.retain() == 48)
        #expect(try await remaining(next) == 47)
        await next.close()
    }

    @Test func readPoisonIsDroppedWithoutAlarm() async throws {
        let log = try open(age: nil, size: 50_000)
        try await publish(100, of: log)
        try await log.subscriber(group: "poison").subscribe(to: "poison").acknowledge(60)
        try await eventually { try await log.backlog(group: "poison", topic: "poison").messages == 40 }
        #expect(try await log.retain() == 53)
        #expect(dropped.value == 0)
        await log.close()
    }

    @Test func manySmallOnesAreSummedUpInPieces() async throws {
        let log = try open(age: nil, size: 300_000)
        try await publish(12_000, bytes: 2, of: log)
        try await log.retain()
        #expect(try await remaining(log) == 6_000)
        #expect(dropped.value == 6_000)
        await log.close()
    }

    @Test func anotherProcessThatDropsConfusesNoSum() async throws {
        let (first, second) = (try open(age: nil, size: 100_000), try open(age: nil, size: 60_000))
        try await publish(200, of: first)
        try await first.retain()
        try await second.retain()
        #expect(try await remaining(first) == 57)
        try await publish(30, of: second)
        try await first.retain()
        #expect(try await remaining(first) == 87)
        await first.close()
        await second.close()
    }

    @Test func theSizeHoldsWhileTheClockIsInDoubt() async throws {
        let clocks = TwoClocks()
        var configuration = directory.configuration()
        configuration.clock = clocks.clock
        configuration.retention.topics = ["poison": .init(age: .seconds(86_400), size: 20_000, keepsUnread: true)]
        let log = try SQLiteLog.open(configuration)
        try await publish(40, of: log)
        try await log.retain()
        #expect(try await remaining(log) == 19)
        clocks.set(by: 900 * 86_400_000)
        try await publish(1, of: log)
        #expect(try await log.retain() == 1)
        #expect(log.clockDoubt != nil)
        await log.close()
    }
}
