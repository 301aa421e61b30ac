import Sluice
import SluiceTesting
import Testing

/// What the in-memory Pub/Sub does beyond the promises of every Pub/Sub.
struct MemoryBrokerTests {
    private func messages(_ count: Int) -> [Message] {
        (0..<count).map { Message(payload: [UInt8(truncatingIfNeeded: $0)]) }
    }

    @Test func waitsForTheAcknowledgementOfEveryGroup() async throws {
        let broker = try MemoryBroker(.init(waitsForAcknowledgement: true))
        let first = try await broker.subscriber(group: "first").subscribe(to: "t")
        let second = try await broker.subscriber(group: "second").subscribe(to: "t")
        let publisher = broker.publisher()
        let done = Counter()
        let publishing = Task {
            try await publisher.publish(messages(2), to: "t")
            done.add()
        }
        for subscription in [first, second] {
            for _ in 0..<2 {
                #expect(done.value == 0)
                // Rejected once: only the acknowledgement counts.
                try #require(try await subscription.next(1))[0].reject()
                try #require(try await subscription.next(1))[0].acknowledge()
            }
        }
        try await publishing.value
        #expect(done.value == 1)
    }

    @Test func returnsAtOnceWhenNothingCanAcknowledge() async throws {
        let broker = try MemoryBroker(.init(waitsForAcknowledgement: true))
        try await broker.publisher().publish(messages(3), to: "t")
        let leaving = broker.subscriber()
        let subscription = try await leaving.subscribe(to: "t")
        let publishing = Task { try await broker.publisher().publish(messages(1), to: "t") }
        try await eventually { subscription.count == 1 }
        // Without a name the group goes with its subscription.
        await leaving.close()
        try await publishing.value
    }

    @Test func throwsWhenItIsCancelledBeforeTheAcknowledgement() async throws {
        let broker = try MemoryBroker(.init(waitsForAcknowledgement: true))
        let subscription = try await broker.subscriber(group: "a").subscribe(to: "t")
        let publishing = Task { try await broker.publisher().publish(messages(1), to: "t") }
        try await eventually { subscription.count == 1 }
        publishing.cancel()
        await #expect(throws: CancellationError.self) { try await publishing.value }
        try #require(try await subscription.next())[0].acknowledge()
    }

    @Test func namesWhatWasNotAcceptedOfABatch() async throws {
        let broker = try MemoryBroker(.init(capacity: 3))
        let subscription = try await broker.subscriber(group: "a").subscribe(to: "t")
        let publisher = broker.publisher()
        let batch = messages(5)
        let publishing = Task { try await publisher.publish(batch, to: "t") }
        try await eventually { subscription.count == 3 }
        await publisher.close()
        let error = await #expect(throws: PublishError.self) { try await publishing.value }
        #expect(error?.notAccepted == batch.suffix(2).map(\.id))
        #expect(error?.underlying is ClosedError)
        #expect(try subscription.take(10)?.map { $0.message } == Array(batch.prefix(3)))
    }

    @Test func keepsABoundedBacklogForAGroupThatIsAway() async throws {
        let broker = try MemoryBroker(.init(capacity: 4))
        let first = broker.subscriber(group: "a")
        _ = try await first.subscribe(to: "t")
        await first.close()
        let publisher = broker.publisher()
        try await publisher.publish(messages(4), to: "t")
        #expect(broker.backlog(of: "t", group: "a") == 4)
        let waiting = Task { try await publisher.publish(messages(1), to: "t") }
        let second = try await broker.subscriber(group: "a").subscribe(to: "t")
        var count = 0
        while count < 5 {
            let batch = try #require(try await second.next())
            for delivery in batch { delivery.acknowledge() }
            count += batch.count
        }
        try await waiting.value
        #expect(broker.backlog(of: "t", group: "a") == 0)
        #expect(broker.backlog(of: "unknown", group: "a") == 0)
    }

    @Test func forgetsWhatHasNoSubscriber() async throws {
        let broker = try MemoryBroker(.init(capacity: 2))
        try await broker.publisher().publish(messages(100), to: "t")
        let subscription = try await broker.subscriber(group: "a").subscribe(to: "t")
        #expect(subscription.count == 0)
    }

    @Test func releasesWhatEveryGroupWasGiven() async throws {
        let broker = try MemoryBroker(.init(capacity: 8))
        let fast = try await broker.subscriber(group: "fast").subscribe(to: "t")
        let slow = try await broker.subscriber(group: "slow").subscribe(to: "t")
        try await broker.publisher().publish(messages(8), to: "t")
        for subscription in [fast, slow] {
            for delivery in try #require(try subscription.take(100)) { delivery.acknowledge() }
        }
        #expect(broker.backlog(of: "t", group: "fast") == 0)
        #expect(broker.backlog(of: "t", group: "slow") == 0)
    }

    @Test func restoresTheOrderOfWhatComesBack() async throws {
        let broker = MemoryBroker()
        let subscriber = try broker.subscriber(group: "a", configuration: .init(capacity: 100))
        let first = try await subscriber.subscribe(to: "t")
        let sent = messages(40)
        try await broker.publisher().publish(sent, to: "t")
        let held = try #require(try first.take(10))
        first.cancel()
        // Back to front: the group puts each in its place.
        for delivery in held.reversed() { delivery.reject() }
        let second = try await subscriber.subscribe(to: "t")
        let again = try #require(try second.take(100))
        #expect(again.map(\.message) == sent)
        #expect(again.allSatisfy { $0.origin.attempt == 2 && $0.origin.redelivered })
        for delivery in again { delivery.acknowledge() }
    }

    @Test func spacesRedeliveriesMoreAndMoreUpToALimit() async throws {
        try await VirtualTime.run { time in
            var configuration = MemoryBroker.Configuration()
            configuration.redeliveryDelay = .milliseconds(4)
            configuration.maxRedeliveryDelay = .milliseconds(8)
            let subscription = try await MemoryBroker(configuration, time: time).withMessage(messages(1))
            var gaps: [Duration] = []
            for _ in 0..<6 {
                let delivery = try #require(try await subscription.value.next(1))[0]
                let start = time.now
                delivery.reject()
                try await time.eventually { subscription.value.count == 1 }
                gaps.append(start.duration(to: time.now))
            }
            #expect(gaps == [0, 4, 8, 8, 8, 8].map { .milliseconds($0) })
        }
    }

    @Test func endsItsSubscriptionsWhenNothingCanBePublishedAnyMore() async throws {
        var broker: MemoryBroker? = MemoryBroker()
        let subscription = try #require(try await broker?.subscriber(group: "a").subscribe(to: "t"))
        try await broker?.publisher().publish(messages(1), to: "t")
        broker = nil
        try #require(try await subscription.next())[0].reject()
        #expect(try await subscription.next() == nil)
    }

    @Test func sharesEvenlyBetweenTheMembersOfAGroup() async throws {
        let broker = MemoryBroker()
        let subscriber = broker.subscriber(group: "a")
        var members: [Subscription] = []
        for _ in 0..<4 { members.append(try await subscriber.subscribe(to: "t")) }
        let publisher = broker.publisher()
        for message in messages(40) { try await publisher.publish([message], to: "t") }
        try await publisher.publish(messages(40), to: "t")
        #expect(members.map(\.count) == [20, 20, 20, 20])
    }

    @Test func sendsASlowMembersShareToTheOthers() async throws {
        let broker = try MemoryBroker(.init(capacity: 4))
        let subscriber = broker.subscriber(group: "a")
        let (stuck, busy) = (try await subscriber.subscribe(to: "t"), try await subscriber.subscribe(to: "t"))
        let publishing = Task { try await broker.publisher().publish(messages(50), to: "t") }
        var count = 0
        while count < 46 {
            let batch = try #require(try await busy.next())
            for delivery in batch { delivery.acknowledge() }
            count += batch.count
        }
        try await publishing.value
        #expect(stuck.count == 4)
    }
}

/// A subscription, and the broker that it would end without.
private struct Kept: Sendable {
    let value: Subscription
    let broker: MemoryBroker
}

extension MemoryBroker {
    fileprivate func withMessage(_ messages: [Message]) async throws -> Kept {
        let subscription = try await subscriber(group: "a").subscribe(to: "t")
        try await publisher().publish(messages, to: "t")
        return Kept(value: subscription, broker: self)
    }
}
