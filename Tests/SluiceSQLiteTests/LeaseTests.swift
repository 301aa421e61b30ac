import Sluice
import Testing

@testable import SluiceSQLite

@Suite struct LeaseTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// - Parameter lease: longer than any test waits, so that what comes did not wait for its end.
    private func open(lease: Duration = .seconds(3_600)) throws -> SQLiteLog {
        var configuration = directory.configuration()
        configuration.leaseDuration = lease
        return try SQLiteLog.open(configuration)
    }

    @Test func aSecondLogWaitsUntilTheFirstIsClosed() async throws {
        let (first, second) = (try open(), try open())
        try await first.publisher().publish((0..<4).map { message("\($0)") }, to: "t")
        let leader = first.subscriber(group: "g")
        let follower = second.subscriber(group: "g")
        let leading = try await leader.subscribe(to: "t")
        let held = try await leading.deliveries(4)
        held[1].acknowledge()
        #expect(!follower.isStandingBy, "it has not subscribed yet")
        let following = try await follower.subscribe(to: "t")
        #expect(leader.isLeading && !leader.isStandingBy)
        #expect(!follower.isLeading && follower.isStandingBy)
        #expect(following.count == 0)
        await first.close()
        #expect(try await following.acknowledge(3).texts == ["0", "2", "3"])
        #expect(follower.isLeading && !follower.isStandingBy)
        #expect(!held[0].acknowledge() || held[0].origin.offset == 1)
        await second.close()
    }

    @Test func theLeaseGoesOnAsSoonAsTheLastSubscriptionIsDone() async throws {
        let (first, second) = (try open(), try open())
        let leader = first.subscriber(group: "g")
        _ = try await leader.subscribe(to: "t")
        try await eventually { leader.isLeading }
        let follower = second.subscriber(group: "g")
        _ = try await follower.subscribe(to: "t")
        await leader.close()
        try await eventually { follower.isLeading }
        await first.close()
        await second.close()
    }

    /// As after `kill -9`: the row still names an owner, whose end was not seen.
    @Test func aDeadOwnersLeaseIsFreeAtOnce() async throws {
        var log = try open()
        try await log.publisher().publish([message("a")], to: "t")
        try await log.subscriber(group: "g").subscribe(to: "t").acknowledge(0)
        await log.close()
        try shell(
            "sqlite3 '\(directory.log)' \"UPDATE groups SET owner = randomblob(16), lease_end = 9999999999999\"")
        log = try open()
        // The lease itself would end in centuries.
        try await log.subscriber(group: "g").subscribe(to: "t").acknowledge(1)
        await log.close()
    }

    @Test func aLivingOwnersLeaseEndsWithItsTime() async throws {
        let log = try open(lease: .milliseconds(400))
        try await log.publisher().publish([message("a")], to: "t")
        try await log.subscriber(group: "g").subscribe(to: "t").acknowledge(0)
        await log.close()
        // Alive, as it holds its lock, but it does not renew.
        let owner = LeaseOwner(path: directory.log + "-owners")
        let id = owner.id.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let end = Timestamp.now().millisecondsSince1970 + 500
        try shell("sqlite3 '\(directory.log)' \"UPDATE groups SET owner = x'\(id)', lease_end = \(end)\"")
        let next = try open(lease: .milliseconds(400))
        try await next.subscriber(group: "g").subscribe(to: "t").acknowledge(1)
        #expect(Timestamp.now().millisecondsSince1970 >= end)
        withExtendedLifetime(owner) {}
        await next.close()
    }

    @Test func whoLostTheLeaseSettlesNothingMore() async throws {
        // Long enough that the thief, who does not renew, is not taken for dead before the end of the test.
        let log = try open(lease: .seconds(6))
        try await log.publisher().publish((0..<50).map { message("\($0)") }, to: "t")
        let subscriber = log.subscriber(group: "g")
        let subscription = try await subscriber.subscribe(to: "t")
        let held = try await subscription.deliveries(5)
        let thief = LeaseOwner(path: directory.log + "-owners")
        let id = thief.id.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        try shell(
            "sqlite3 '\(directory.log)' \".timeout 2000\" \"UPDATE groups SET owner = x'\(id)', lease_end = 9999999999999\""
        )
        try await eventually { !subscriber.isLeading }
        for delivery in held { delivery.acknowledge() }
        #expect(subscription.count == 0)
        try await log.publisher().publish([message("x")], to: "t")
        #expect(try await log.backlog(group: "g", topic: "t").messages == 51)
        #expect(try subscription.take(1) == nil)
        withExtendedLifetime(thief) {}
        await log.close()
        #expect(try shell("sqlite3 '\(directory.log)' 'SELECT settled_through FROM groups'") == "0")
    }

    @Test func seesAnotherLogsMessagesSoon() async throws {
        let (first, second) = (try open(), try open())
        let subscription = try await first.subscriber(group: "g").subscribe(to: "t")
        // The best of some: other processes may have the machine for a while. 100 ms by design.
        var best = Duration.seconds(3_600)
        for index in 0..<5 {
            try await second.publisher().publish([message("\(index)")], to: "t")
            let start = ContinuousClock.now
            #expect(try await subscription.acknowledge(1).texts == ["\(index)"])
            best = min(best, ContinuousClock.now - start)
        }
        #expect(best < .seconds(2))
        await first.close()
        await second.close()
    }

    @Test func writersOfTwoLogsShareTheOffsets() async throws {
        let logs = [try open(), try open()]
        try await withThrowingTaskGroup { group in
            for log in logs {
                let publisher = log.publisher()
                for writer in 0..<4 {
                    group.addTask {
                        for index in 0..<25 { try await publisher.publish([message("\(writer)/\(index)")], to: "t") }
                    }
                }
            }
            try await group.waitForAll()
        }
        let deliveries = try await logs[0].subscriber(group: "g").subscribe(to: "t").acknowledge(200)
        #expect(deliveries.map(\.origin.offset) == (1...200).map { Int64($0) })
        for log in logs { await log.close() }
    }

    @Test func understandsRowsOfAnotherProgram() async throws {
        let log = try open()
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        try shell(
            """
            sqlite3 '\(directory.log)' ".timeout 2000" "INSERT INTO messages_1 VALUES
                (1, 1700000000000, 'foreign', NULL, x'FF', 'text'), (3, 5, x'01', NULL, 'abc', ''),
                (9, 6, 12, 'key', NULL, x'00FF')"
            """)
        let deliveries = try await subscription.acknowledge(3)
        #expect(deliveries.texts.prefix(2) == ["text", ""])
        #expect(deliveries.map(\.origin.offset) == [1, 3, 9])
        #expect(deliveries.map(\.message.metadata.isEmpty) == [true, true, true])
        try await eventually { try await log.backlog(group: "g", topic: "t").messages == 0 }
        await log.close()
    }
}
