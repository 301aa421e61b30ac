import Sluice
import SluiceTesting
import Synchronization
import Testing

/// A subscription is bounded in bytes as well as in deliveries.
struct SubscriptionBytesTests {
    private let settler = RecordingSettler()
    private static let overhead = Message.overhead

    private func deliveries(_ count: Int, of bytes: Int) -> [Delivery] {
        (0..<count).map { number in
            Delivery(
                Message(payload: [UInt8](repeating: 0, count: bytes - Self.overhead)), settler: settler,
                tag: UInt64(number))
        }
    }

    private func drain(_ subscription: Subscription, _ limit: Int) throws -> Int {
        let taken = try subscription.take(limit) ?? []
        for delivery in taken { delivery.acknowledge() }
        return taken.count
    }

    @Test func takesDeliveriesUntilTheBytesAreUsedUp() throws {
        let subscription = try Subscription(capacity: 1_024, capacityBytes: 10_000)
        #expect(subscription.roomBytes == 10_000)
        // The last one is taken whole.
        #expect(subscription.offer(deliveries(20, of: 3_000)) == 4)
        #expect(subscription.room == 0 && subscription.roomBytes == 0)
        #expect(!subscription.offer(deliveries(1, of: 300)[0]))
        #expect(try drain(subscription, 1) == 1)
        #expect(subscription.room == Subscription().capacity - 3 && subscription.roomBytes == 1_000)
        #expect(subscription.offer(deliveries(2, of: 3_000)) == 1)
    }

    @Test func takesOneThatIsLargerThanAllOfItsRoom() throws {
        let subscription = try Subscription(capacity: 1_024, capacityBytes: 1_000)
        #expect(subscription.offer(deliveries(3, of: 50_000)) == 1)
        #expect(try drain(subscription, 256) == 1)
        #expect(subscription.roomBytes == 1_000)
    }

    @Test func countsMetadataAndKeys() throws {
        let subscription = try Subscription(capacity: 1_024, capacityBytes: 100_000)
        let message = Message(
            metadata: ["name": String(repeating: "v", count: 30_000)], payload: [])
        let key = [UInt8](repeating: 0, count: 40_000)
        subscription.offer(Delivery(message, origin: .init(key: key), settler: settler, tag: 0))
        #expect(subscription.roomBytes < 30_000)
        #expect(try drain(subscription, 1) == 1)
        #expect(subscription.roomBytes == 100_000)
    }

    @Test func asksForMoreWhenHalfOfTheBytesAreDrained() throws {
        let demands = Atomic(0)
        let subscription = try Subscription(
            capacity: 1_024, capacityBytes: 10_000, onDemand: { demands.add(1, ordering: .relaxed) })
        #expect(subscription.offer(deliveries(11, of: 1_000)) == 10)
        #expect(try drain(subscription, 4) == 4)
        #expect(demands.load(ordering: .relaxed) == 0)
        #expect(try drain(subscription, 1) == 1)
        #expect(demands.load(ordering: .relaxed) == 1)
    }

    /// Whatever is cut in whatever way: what is gone is not counted.
    @Test(arguments: [1, 7, 255, 256, 300])
    func everyByteIsGivenBackHoweverItIsCutUp(limit: Int) throws {
        let subscription = try Subscription(capacity: 2_000, capacityBytes: 100_000_000)
        for bytes in [300, 1_000, 5_000] {
            subscription.offer(deliveries(200, of: bytes))
            subscription.offer(Lazy(count: 150, bytes: bytes, settler), count: 150)
            subscription.offer(deliveries(1, of: bytes)[0])
            subscription.offer(held: deliveries(3, of: bytes))
            #expect(subscription.roomBytes == 100_000_000 - 354 * bytes)
            var taken = 0
            while taken < 200 { taken += try drain(subscription, limit) }
            #expect(subscription.roomBytes == 100_000_000 - (354 - taken) * bytes)
            while taken < 354 { taken += try drain(subscription, limit) }
            #expect(subscription.roomBytes == 100_000_000)
        }
    }

    /// Their bytes are in memory already: to refuse some of them would free nothing.
    @Test func lazyDeliveriesAreTakenTogetherAndThenNothingMore() throws {
        let subscription = try Subscription(capacity: 1_024, capacityBytes: 10_000)
        #expect(subscription.offer(Lazy(count: 20, bytes: 1_000, settler), count: 20) == 20)
        #expect(subscription.room == 0)
        #expect(subscription.offer(deliveries(1, of: 300)) == 0)
        #expect(subscription.offer(held: deliveries(2, of: 300)) == 2)
        #expect(try drain(subscription, 256) == 22)
        #expect(subscription.roomBytes == 10_000)
    }

    @Test func aTopicInMemoryMakesItsPublishersWaitForBytes() async throws {
        for members in [1, 2] {
            let broker = MemoryBroker()
            var subscriptions: [Subscription] = []
            for _ in 0..<members { subscriptions.append(try await broker.subscriber(group: "g").subscribe(to: "t")) }
            let payload = [UInt8](repeating: 0, count: 1 << 20)
            let published = Counter()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for _ in 0..<25 {
                        try await broker.publisher().publish(
                            Array(repeating: Message(payload: payload), count: 4), to: "t")
                        for _ in 0..<4 { published.add() }
                    }
                }
                try await eventually { subscriptions.allSatisfy { $0.room == 0 } }
                #expect(subscriptions.allSatisfy { $0.count == 16 })
                #expect(published.value <= members * 16 + 4)
                var received = 0
                while received < 100 {
                    for subscription in subscriptions { received += try drain(subscription, 3) }
                    await Task.yield()
                }
                try await group.waitForAll()
            }
        }
    }

    /// The group has no reader now: what is published for it is bounded all the same.
    @Test func aGroupInMemoryWithoutASubscriptionIsBoundedInBytes() async throws {
        let broker = MemoryBroker()
        let subscriber = broker.subscriber(group: "g")
        try await subscriber.subscribe(to: "t").cancel()
        let publisher = broker.publisher()
        let publishing = Task {
            for _ in 0..<40 {
                try await publisher.publish([Message(payload: [UInt8](repeating: 0, count: 1 << 20))], to: "t")
            }
        }
        try await eventually { broker.backlog(of: "t", group: "g") == 16 }
        let subscription = try await broker.subscriber(group: "g").subscribe(to: "t")
        var received = 0
        while received < 40 {
            received += try drain(subscription, 3)
            await Task.yield()
        }
        try await publishing.value
    }

    private final class Lazy: LazyDeliveries {
        private let all: [Delivery]

        init(count: Int, bytes: Int, _ settler: RecordingSettler) {
            all = (0..<count).map { number in
                Delivery(
                    Message(payload: [UInt8](repeating: 0, count: bytes - Message.overhead)), settler: settler,
                    tag: UInt64(number))
            }
        }

        func make(_ places: Range<Int>, into deliveries: inout [Delivery]) { deliveries += all[places] }

        func size(of places: Range<Int>) -> Int { all[places].reduce(0) { $0 + $1.size } }
    }
}
