import Sluice
import Testing

@testable import SluiceSQLite

@Suite struct RedeliveryTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func deliversARejectedMessageAgain() async throws {
        let log = try directory.open()
        try await log.publisher().publish([message("a")], to: "t")
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        for attempt in 1...3 {
            let delivery = try await subscription.deliveries(1)[0]
            #expect(delivery.origin.attempt == attempt)
            #expect(delivery.origin.redelivered == (attempt > 1))
            #expect(delivery.reject())
            #expect(!delivery.acknowledge())
        }
        try await subscription.acknowledge(1)
        try await eventually { try await log.backlog(group: "g", topic: "t").messages == 0 }
        await log.close()
    }

    @Test func waitsForTheDelayWhileOthersGoOn() async throws {
        let log = try directory.open()
        try await log.publisher().publish([message("a"), message("b"), message("c")], to: "t")
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        let first = try await subscription.deliveries(3)
        let start = ContinuousClock.now
        first[0].reject(after: .seconds(3_600))
        first[1].reject(after: .milliseconds(150))
        first[2].acknowledge()
        try await log.publisher().publish([message("d")], to: "t")
        // In whichever order: which of the two is sooner is the machine's to say.
        let next = try await subscription.acknowledge(2).texts
        #expect(next.sorted() == ["b", "d"])
        #expect(ContinuousClock.now - start >= .milliseconds(150))
        #expect(try await log.backlog(group: "g", topic: "t").messages >= 1)
        #expect(subscription.count == 0)
        await log.close()
    }

    @Test func withOneInFlightNothingComesBeforeSettlement() async throws {
        let log = try directory.open()
        try await log.publisher().publish((0..<20).map { message("\($0)") }, to: "t")
        let subscription = try await log.subscriber(group: "g", configuration: .init(maxInFlight: 1)).subscribe(to: "t")
        var texts: [String] = []
        for index in 0..<20 {
            let delivery = try await subscription.deliveries(1)[0]
            #expect(subscription.count == 0)
            texts.append(delivery.message.text)
            if index % 3 == 0 {
                delivery.reject(after: index % 2 == 0 ? .milliseconds(5) : nil)
                let again = try await subscription.deliveries(1)[0]
                #expect(again.message == delivery.message)
                #expect(again.origin.attempt == 2)
                again.acknowledge()
            } else {
                delivery.acknowledge()
            }
        }
        #expect(texts == (0..<20).map(String.init))
        await log.close()
    }

    @Test func aDeliveryThatIsNeverSettledComesAgain() async throws {
        let log = try directory.open()
        try await log.publisher().publish([message("a")], to: "t")
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        _ = try await subscription.deliveries(1)
        #expect(try await subscription.acknowledge(1)[0].origin.attempt == 2)
        await log.close()
    }

    @Test func whatACancelledSubscriptionHeldGoesToTheNext() async throws {
        let log = try directory.open()
        let texts = (0..<100).map(String.init)
        try await log.publisher().publish(texts.map { message($0) }, to: "t")
        let subscriber = log.subscriber(group: "g")
        let first = try await subscriber.subscribe(to: "t")
        let held = try await first.deliveries(10)
        for delivery in held.prefix(5) { delivery.acknowledge() }
        first.cancel()
        #expect(try await first.next() == nil)
        let second = try await subscriber.subscribe(to: "t")
        #expect(try await second.acknowledge(95).texts == Array(texts.dropFirst(5)))
        await log.close()
    }

    @Test func anAcknowledgementAfterCancellationStillCounts() async throws {
        var log = try directory.open()
        try await log.publisher().publish((0..<10).map { message("\($0)") }, to: "t")
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        let held = try await subscription.deliveries(10)
        subscription.cancel()
        for delivery in held { delivery.acknowledge() }
        try await eventually { try await log.backlog(group: "g", topic: "t").messages == 0 }
        await log.close()
        log = try directory.open()
        #expect(try await log.backlog(group: "g", topic: "t").messages == 0)
        await log.close()
    }

    @Test func subscriptionsOfOneGroupShareTheWork() async throws {
        let log = try directory.open()
        let subscriber = try log.subscriber(group: "g", configuration: .init(capacity: 8))
        let subscriptions = [try await subscriber.subscribe(to: "t"), try await subscriber.subscribe(to: "t")]
        try await log.publisher().publish((0..<2_000).map { message("\($0)") }, to: "t")
        let seen = try await within {
            try await withThrowingTaskGroup(of: [String].self) { group in
                for subscription in subscriptions {
                    group.addTask {
                        var texts: [String] = []
                        while let batch = try await subscription.next(4) {
                            for delivery in batch { delivery.acknowledge() }
                            texts += batch.texts
                        }
                        return texts
                    }
                }
                try await eventually { try await log.backlog(group: "g", topic: "t").messages == 0 }
                await subscriber.close()
                return try await group.reduce(into: [[String]]()) { $0.append($1) }
            }
        }
        #expect(seen.allSatisfy { !$0.isEmpty })
        #expect(seen.joined().count == 2_000)
        #expect(Set(seen.joined()).count == 2_000)
        await log.close()
    }

    @Test func holdsNoMoreThanItMayInFlight() async throws {
        let log = try directory.open()
        try await log.publisher().publish((0..<500).map { message("\($0)") }, to: "t")
        let subscription = try await log.subscriber(group: "g", configuration: .init(maxInFlight: 7)).subscribe(to: "t")
        var held = try await subscription.deliveries(7)
        // A rejected message that waits counts as well.
        held[0].reject(after: .seconds(60))
        try await log.publisher().publish([message("x")], to: "t")
        #expect(try subscription.take(1) == nil)
        for delivery in held.dropFirst() { delivery.acknowledge() }
        held = try await subscription.deliveries(6)
        #expect(held.texts == (7..<13).map(String.init))
        await log.close()
    }

    @Test func largeMessagesDoNotFillTheMemory() async throws {
        let log = try directory.open()
        let publisher = log.publisher()
        for _ in 0..<12 {
            try await publisher.publish(
                (0..<4).map { _ in Message(payload: [UInt8](repeating: 1, count: 2 << 20)) }, to: "t")
        }
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        for _ in 0..<48 {
            _ = try await subscription.acknowledge(1)
            #expect(subscription.count <= 20)
        }
        await log.close()
    }
}
