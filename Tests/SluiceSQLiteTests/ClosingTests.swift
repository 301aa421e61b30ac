import Foundation
import Sluice
import Testing

@testable import SluiceSQLite

@Suite struct ClosingTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func refusesEverythingAfterClosing() async throws {
        let log = try directory.open()
        let (publisher, subscriber) = (log.publisher(), log.subscriber(group: "g"))
        try await publisher.publish([message("a")], to: "t")
        await publisher.close()
        await publisher.close()
        await #expect(throws: ClosedError.self) { try await publisher.publish([message("b")], to: "t") }
        _ = try await subscriber.subscribe(to: "t")
        await subscriber.close()
        await subscriber.close()
        await #expect(throws: ClosedError.self) { try await subscriber.subscribe(to: "t") }
        #expect(!subscriber.isLeading)
        let rest = (log.publisher(), log.subscriber(group: "h"))
        await log.close()
        await log.close()
        await #expect(throws: SQLiteLogError.self) { try await rest.0.publish([message("b")], to: "t") }
        await #expect(throws: SQLiteLogError.self) { try await rest.1.subscribe(to: "t") }
        await #expect(throws: SQLiteLogError.self) { try await log.backlog(group: "g", topic: "t") }
        await rest.0.close()
        await rest.1.close()
    }

    @Test func closingEndsAWaitingSubscription() async throws {
        let log = try directory.open()
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        async let end = subscription.next()
        await log.close()
        #expect(try await end == nil)
    }

    @Test func closingWritesWhatIsInTheQueue() async throws {
        let log = try directory.open()
        let publisher = log.publisher()
        let isFlowing = Flag()
        let published = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    var count = 0
                    while (try? await publisher.publish([message("a")], to: "t")) != nil {
                        count += 1
                        if count == 5 { isFlowing.raise() }
                    }
                    return count
                }
            }
            while !isFlowing.isRaised { await Task.yield() }
            await log.close()
            return await group.reduce(0, +)
        }
        let reopened = try directory.open()
        #expect(try await reopened.backlog(group: "g", topic: "t").messages == Int64(published))
        await reopened.close()
    }

    @Test func aWaitingPublishCanBeCancelled() async throws {
        let log = try directory.open()
        let publisher = log.publisher()
        try await publisher.publish([message("a")], to: "t")
        let (isHeld, mayGo) = (Flag(), Flag())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await log.writer.perform { _ in
                    isHeld.raise()
                    while !mayGo.isRaised { usleep(1_000) }
                }
            }
            try await eventually { isHeld.isRaised }
            let waiting = Task { try await publisher.publish([message("b")], to: "t") }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            mayGo.raise()
            try await group.waitForAll()
        }
        try await publisher.publish([message("c")], to: "t")
        #expect(try await log.subscriber(group: "g").subscribe(to: "t").acknowledge(2).texts == ["a", "c"])
        await log.close()
    }

    @Test func aLogWithoutAHolderClosesItself() async throws {
        do {
            let log = try directory.open()
            try await log.publisher().publish([message("a")], to: "t")
        }
        // SQLite removes the write-ahead log with the last connection.
        try await eventually { !FileManager.default.fileExists(atPath: directory.log + "-wal") }
    }

    /// However far the close has come when a subscription is asked for: it is refused, or its subscription ends.
    @Test func whatIsSubscribedWhileItClosesEndsToo() async throws {
        for round in 0..<40 {
            let log = try directory.open()
            let subscribers = (0..<4).map { number in
                Task {
                    var last: Subscription?
                    while let subscription = try? await log.subscriber(group: "g\(number)").subscribe(to: "t") {
                        last = subscription
                        while !subscription.isEnded, !log.writer.isClosing { await Task.yield() }
                    }
                    return last
                }
            }
            try await Task.sleep(for: .microseconds(round * 20))
            await log.close()
            for subscriber in subscribers {
                if let last = await subscriber.value { #expect(last.isEnded) }
            }
        }
    }

    @Test func opensQuicklyHoweverMuchItHolds() async throws {
        var log = try directory.open()
        for _ in 0..<20 {
            try await log.publisher().publish(
                (0..<5_000).map { _ in Message(payload: [UInt8](repeating: 1, count: 200)) }, to: "t")
        }
        await log.close()
        // The best of some: other processes may have the machine for a while.
        var best = Duration.seconds(3_600)
        for round in 0..<10 where best >= .seconds(1) {
            let start = ContinuousClock.now
            log = try directory.open()
            let subscription = try await log.subscriber(group: "g\(round)").subscribe(to: "t")
            try await subscription.acknowledge(1)
            best = min(best, ContinuousClock.now - start)
            await log.close()
        }
        #expect(best < .seconds(1))
    }
}
