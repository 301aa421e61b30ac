import Foundation
import Sluice
import Testing

@testable import SluiceSQLite

/// Moving a group that this process leads.
@Suite struct MovingTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func open() throws -> SQLiteLog {
        var configuration = directory.configuration()
        configuration.leaseDuration = .milliseconds(600)
        return try SQLiteLog.open(configuration)
    }

    @Test func movesTheGroupWithoutGivingItAway() async throws {
        let (log, other) = (try open(), try open())
        try await log.publisher().publish((0..<10).map { message("\($0)") }, to: "t")
        let subscriber = log.subscriber(group: "g")
        let first = try await subscriber.subscribe(to: "t")
        try await first.acknowledge(2)
        let standby = other.subscriber(group: "g")
        let idle = try await standby.subscribe(to: "t")
        #expect(log.leads("g", of: "t") && !other.leads("g", of: "t"))
        #expect(try await other.groups().map(\.reader) == [.process(getpid())])
        #expect(try await log.groups().map(\.reader) == [.thisProcess])
        try await log.whileLeading("g", of: "t") {
            first.cancel()
            // As long as a lease lasts, and longer.
            try await Task.sleep(for: .milliseconds(1_500))
            #expect(log.leads("g", of: "t"))
            #expect(try await log.seek(group: "g", topic: "t", to: .offset(8)) == 7)
        }
        let second = try await subscriber.subscribe(to: "t")
        #expect(try await second.acknowledge(3).texts == ["7", "8", "9"])
        #expect(idle.count == 0 && standby.isStandingBy)
        try await eventually { try await log.backlog(group: "g", topic: "t").messages == 0 }
        await log.close()
        await other.close()
    }

    @Test func movesBackToo() async throws {
        let log = try open()
        try await log.publisher().publish((0..<10).map { message("\($0)") }, to: "t")
        let subscriber = log.subscriber(group: "g")
        let first = try await subscriber.subscribe(to: "t")
        let held = try await first.deliveries(10)
        for delivery in held.dropLast() { delivery.acknowledge() }
        try await log.whileLeading("g", of: "t") {
            first.cancel()
            // What was settled and not written yet is not written over the move.
            let settled = try await log.seek(group: "g", topic: "t", to: .beginning)
            #expect(settled == 0)
            // And what comes too late settles nothing.
            held.last?.acknowledge()
        }
        let second = try await subscriber.subscribe(to: "t")
        let again = try await second.deliveries(10)
        #expect(again.texts == (0..<10).map { "\($0)" })
        #expect(again.allSatisfy { $0.origin.redelivered })
        #expect(try await log.backlog(group: "g", topic: "t").messages == 10)
        for delivery in again { delivery.acknowledge() }
        try await eventually { try await log.backlog(group: "g", topic: "t").messages == 0 }
        await log.close()
        // The file says so too.
        #expect(try SQLiteLog.groups(inFile: directory.log).map(\.settledThrough) == [10])
    }

    @Test func refusesWhileItIsSubscribedToAndWhereAnotherLeads() async throws {
        let (log, other) = (try open(), try open())
        try await log.publisher().publish([message("a")], to: "t")
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        try await eventually { log.leads("g", of: "t") }
        _ = try await other.subscriber(group: "g").subscribe(to: "t")
        for log in [log, other] {
            let error = await #expect(throws: SQLiteLogError.self) {
                try await log.seek(group: "g", topic: "t", to: .end)
            }
            #expect(error?.code == .groupInUse)
        }
        let error = await #expect(throws: SQLiteLogError.self) {
            try await other.whileLeading("g", of: "t") { Issue.record("another process leads it") }
        }
        #expect(error?.code == .groupInUse)
        #expect(try await subscription.acknowledge(1).texts == ["a"])
        await log.close()
        await other.close()
    }

    @Test func givesTheGroupAwayOnceNothingHoldsIt() async throws {
        let (log, other) = (try open(), try open())
        try await log.publisher().publish([message("a")], to: "t")
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        try await eventually { log.leads("g", of: "t") }
        let next = try await other.subscriber(group: "g").subscribe(to: "t")
        try await log.whileLeading("g", of: "t") { subscription.cancel() }
        #expect(try await next.acknowledge(1).texts == ["a"])
        await log.close()
        await other.close()
    }

    @Test func remembersFactsByTheirBeginning() async throws {
        let log = try open()
        try await log.setFact("pause a", "1")
        try await log.setFact("pause b", "2")
        try await log.setFact("paused", "3")
        try await log.setFact("pause b", nil)
        #expect(try await log.facts(prefix: "pause ") == ["pause a": "1"])
        await log.close()
    }
}
