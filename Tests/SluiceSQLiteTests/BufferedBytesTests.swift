import Sluice
import Testing

@testable import SluiceSQLite

/// What waits in a subscription is bounded in bytes, whatever the sizes of messages.
@Suite(.timeLimit(.minutes(10)))
struct BufferedBytesTests {
    private let directory: TemporaryDirectory
    private static let count = 60

    init() throws { directory = try TemporaryDirectory() }

    private func publish(to log: SQLiteLog) async throws {
        let payload = [UInt8](repeating: 0x78, count: 1 << 20)
        // After small ones, which say nothing of the size of those that follow.
        try await log.publisher().publish((0..<100).map { Message(payload: [$0]) }, to: "t")
        for _ in 0..<Self.count { try await log.publisher().publish([Message(payload: payload)], to: "t") }
    }

    @Test func aBacklogOfLargeMessagesIsReadAsThereIsRoom() async throws {
        let log = try directory.open()
        try await publish(to: log)
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        try await eventually { subscription.room == 0 }
        #expect(subscription.count <= 100 + 17)
        var deliveries: [Delivery] = []
        var largest = 0
        while deliveries.count < 100 + Self.count {
            deliveries += try #require(try await subscription.next(2))
            largest = max(largest, subscription.count)
        }
        #expect(largest <= 100 + 17)
        #expect(deliveries.map(\.origin.offset) == (1...160).map(Int64.init))
        // What there was no room for was not delivered before.
        #expect(deliveries.allSatisfy { $0.origin.attempt == 1 && !$0.origin.redelivered })
        // Given back all at once, they come again as there is room.
        for delivery in deliveries { delivery.reject(after: .zero) }
        deliveries = []
        try await eventually { subscription.room == 0 }
        #expect(subscription.count <= 100 + 17)
        while deliveries.count < 100 + Self.count {
            deliveries += try #require(try await subscription.next(2))
            largest = max(largest, subscription.count)
        }
        #expect(largest <= 100 + 17)
        #expect(Set(deliveries.compactMap(\.origin.offset)).count == 160)
        #expect(deliveries.allSatisfy { $0.origin.attempt == 2 })
        for delivery in deliveries { delivery.acknowledge() }
        await log.close()
    }

    @Test func membersOfAGroupShareLargeMessagesWithinTheirRoom() async throws {
        let log = try directory.open()
        let subscriber = log.subscriber(group: "g")
        let subscriptions = [try await subscriber.subscribe(to: "t"), try await subscriber.subscribe(to: "t")]
        try await publish(to: log)
        try await eventually { subscriptions.allSatisfy { $0.room == 0 } }
        var received: [Int64] = []
        try await eventually {
            for subscription in subscriptions {
                #expect(subscription.count <= 100 + 17)
                for delivery in try subscription.take(2) ?? [] {
                    #expect(delivery.origin.attempt == 1)
                    received.append(delivery.origin.offset ?? 0)
                    delivery.acknowledge()
                }
            }
            return received.count >= 160
        }
        #expect(received.sorted() == (1...160).map(Int64.init))
        await log.close()
    }
}
