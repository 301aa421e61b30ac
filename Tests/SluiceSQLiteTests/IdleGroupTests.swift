import Foundation
import Sluice
import Testing

@testable import SluiceSQLite

@Suite struct IdleGroupTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func open(idle: Duration? = .seconds(30 * 86_400)) throws -> SQLiteLog {
        var configuration = directory.configuration()
        configuration.retention = .init(age: .milliseconds(1))
        configuration.retention.idleGroup = idle
        return try SQLiteLog.open(configuration)
    }

    private func publish(_ count: Int, to log: SQLiteLog) async throws {
        try await log.publisher().publish((0..<count).map { message("\($0)") }, to: "t")
        // They have to be older than a millisecond.
        let end = Timestamp.now().millisecondsSince1970 + 5
        try await eventually { Timestamp.now().millisecondsSince1970 > end }
    }

    /// A group that has read nothing, and went so many days ago.
    private func leave(_ group: String, daysAgo: Int64, in log: SQLiteLog) async throws {
        let subscriber = log.subscriber(group: group)
        _ = try await subscriber.subscribe(to: "t")
        await subscriber.close()
        try await eventually { try await log.groups().first { $0.name == group }?.reader == nil }
        let time = Timestamp.now().millisecondsSince1970 - daysAgo * 86_400_000
        try shell(
            """
            sqlite3 '\(directory.log)' ".timeout 5000" \
            "UPDATE groups SET last_read = \(time), lease_end = 0, owner = NULL WHERE name = '\(group)'"
            """)
    }

    private func remaining(_ log: SQLiteLog) async throws -> Int {
        try await log.messages(in: "t").reduce(into: 0) { $0 += $1.count }
    }

    @Test func aGroupThatIsGoneKeepsNothingAfterItsTime() async throws {
        let log = try open()
        try await publish(10, to: log)
        let subscription = try await log.subscriber(group: "reads").subscribe(to: "t")
        try await subscription.acknowledge(6)
        try await eventually { try await log.backlog(group: "reads", topic: "t").messages == 4 }
        try await leave("gone", daysAgo: 29, in: log)
        #expect(try await log.retain() == 0)
        try await leave("gone", daysAgo: 31, in: log)
        #expect(try await log.retain() == 6, "what the other group needs is kept")
        #expect(try await log.backlog(group: "gone", topic: "t").messages == 4, "and the group goes on with that")
        await log.close()
    }

    @Test func aTopicWhoseGroupsAreAllGoneIsFree() async throws {
        let log = try open()
        try await publish(10, to: log)
        for name in ["a", "b"] { try await leave(name, daysAgo: 40, in: log) }
        #expect(try await log.retain() == 10)
        await log.close()
    }

    @Test func aGroupMayKeepItForEver() async throws {
        let log = try open(idle: nil)
        try await publish(10, to: log)
        try await leave("gone", daysAgo: 4_000, in: log)
        #expect(try await log.retain() == 0)
        await log.close()
    }

    @Test func aReaderKeepsItHoweverWrongTheRow() async throws {
        let log = try open()
        try await publish(10, to: log)
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        try await subscription.acknowledge(2)
        try await eventually { try await log.backlog(group: "g", topic: "t").messages == 8 }
        try shell("sqlite3 '\(directory.log)' '.timeout 5000' 'UPDATE groups SET last_read = 5, lease_end = 5'")
        #expect(try await log.retain() == 2)
        await log.close()
    }

    @Test func whatAProgramOfSchema1LeavesCountsAsReadNow() async throws {
        let log = try open()
        try await publish(10, to: log)
        try shell(
            """
            sqlite3 '\(directory.log)' ".timeout 5000" "INSERT INTO groups
                (topic, name, settled_through, delivered_through) VALUES (1, 'old', 0, 0)"
            """)
        #expect(try await log.retain() == 0)
        #expect(try await log.groups().map(\.lastRead).contains(nil) == false)
        await log.close()
    }

    @Test func tellsWhoReads() async throws {
        let log = try open()
        try await publish(3, to: log)
        let before = Timestamp.now()
        _ = try await log.subscriber(group: "here").subscribe(to: "t")
        let other = try SQLiteLog.open(directory.configuration())
        let elsewhere = other.subscriber(group: "there")
        let subscription = try await elsewhere.subscribe(to: "t")
        try await subscription.acknowledge(1)
        try await leave("gone", daysAgo: 3, in: log)
        try await eventually { try await log.groups().first { $0.name == "there" }?.backlog.messages == 2 }
        let groups = try await log.groups()
        #expect(groups.map(\.name) == ["gone", "here", "there"])
        #expect(groups.map(\.reader) == [nil, .thisProcess, .process(ProcessInfo.processInfo.processIdentifier)])
        #expect(groups.map(\.backlog.messages) == [3, 3, 2])
        #expect(groups.map(\.settledThrough) == [0, 0, 1])
        #expect(try #require(groups[1].lastRead) >= before)
        let file = directory.log
        try await eventually { try SQLiteLog.groups(inFile: file).last?.backlog.messages == 2 }
        let seen = try SQLiteLog.groups(inFile: directory.log)
        let me = SQLiteGroup.Reader.process(ProcessInfo.processInfo.processIdentifier)
        #expect(seen.map(\.name) == ["gone", "here", "there"])
        #expect(seen.map(\.reader) == [nil, me, me])
        #expect(seen.map(\.backlog) == groups.map(\.backlog))
        await other.close()
        await log.close()
    }

    @Test func lookingAtTheGroupsMakesNothing() async throws {
        #expect(throws: SQLiteLogError.self) { _ = try SQLiteLog.groups(inFile: directory.log) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
        let log = try open()
        try await publish(4, to: log)
        try await log.subscriber(group: "g").subscribe(to: "t").acknowledge(3)
        await log.close()
        let files = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
        let groups = try SQLiteLog.groups(inFile: directory.log)
        #expect(groups.map(\.name) == ["g"])
        #expect(groups.map(\.backlog.messages) == [1])
        #expect(groups.map(\.reader) == [nil])
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() == files)
    }

    /// Leases of a process that was killed hold nothing.
    @Test func aKilledProcessReadsNoLonger() async throws {
        let log = try open()
        try await publish(4, to: log)
        try await leave("g", daysAgo: 0, in: log)
        try shell(
            """
            sqlite3 '\(directory.log)' ".timeout 5000" \
            "UPDATE groups SET owner = x'00112233445566770011223344556677', lease_end = 9999999999999"
            """)
        #expect(try SQLiteLog.groups(inFile: directory.log).map(\.reader) == [nil])
        #expect(try await log.groups().map(\.reader) == [nil])
        #expect(try await log.seek(group: "g", topic: "t", to: .end) == 4)
        await log.close()
    }

    @Test func movesAGroupWithoutAReader() async throws {
        let log = try open()
        try await publish(10, to: log)
        try await leave("g", daysAgo: 0, in: log)
        func seek(_ position: SQLiteGroupPosition) async throws -> Int64 {
            try await log.seek(group: "g", topic: "t", to: position)
        }
        #expect(try await seek(.end) == 10)
        #expect(try await seek(.beginning) == 0)
        #expect(try await seek(.offset(4)) == 3)
        #expect(try await seek(.offset(99)) == 10)
        #expect(try await seek(.offset(.min)) == 0)
        #expect(try await seek(.at(Timestamp(millisecondsSince1970: 0))) == 0)
        #expect(try await seek(.at(Timestamp(millisecondsSince1970: .max / 2))) == 10)
        #expect(try await seek(.offset(9)) == 8)
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        #expect(try await subscription.acknowledge(2).texts == ["8", "9"])
        await log.close()
    }

    @Test func neverMovesOrRemovesAGroupThatIsRead() async throws {
        let (log, other) = (try open(), try open())
        try await publish(3, to: log)
        _ = try await log.subscriber(group: "g").subscribe(to: "t")
        try await eventually { try await other.groups()[0].reader != nil }
        for log in [log, other] {
            let refusals = await [
                code { try await log.seek(group: "g", topic: "t", to: .end) },
                code { try await log.remove(group: "g", topic: "t") },
                code { try await log.remove(group: "other", topic: "t") },
                code { try await log.remove(group: "g", topic: "other") },
            ]
            #expect(refusals == [.groupInUse, .groupInUse, .unknownGroup, .unknownGroup])
        }
        #expect(try await log.backlog(group: "g", topic: "t").messages == 3)
        await log.close()
        try await other.remove(group: "g", topic: "t")
        #expect(try await other.groups().isEmpty)
        await other.close()
    }

    private func code(_ body: () async throws -> Void) async -> SQLiteLogError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? SQLiteLogError)?.code
        }
    }
}
