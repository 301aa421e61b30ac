import Sluice
import SluiceTesting
import Testing

/// A publisher in memory chooses keys as those of the embedded log and of Kafka do, and the broker keeps them.
@Suite(.timeLimit(.minutes(1)))
struct MemoryKeyTests {
    private func messages(_ keys: [String]) -> [Message] {
        keys.enumerated().map { Message(metadata: ["key": $1], payload: Array("\($0)".utf8)) }
    }

    private func keys(_ subscription: Subscription, _ count: Int) async throws -> [[UInt8]?] {
        var keys: [[UInt8]?] = []
        while keys.count < count, let deliveries = try await subscription.next() {
            for delivery in deliveries {
                keys.append(delivery.origin.key)
                delivery.acknowledge()
            }
        }
        return keys
    }

    @Test(arguments: [MemoryBroker.Configuration(), .init(persistent: true), .init(maxInFlight: 1), .init(capacity: 2)])
    func aMessageKeepsTheKeyThatItsPublisherChose(_ configuration: MemoryBroker.Configuration) async throws {
        let broker = try MemoryBroker(configuration)
        let (first, second) = (broker.subscriber(group: "a"), broker.subscriber(group: "b"))
        let subscriptions = [try await first.subscribe(to: "t"), try await second.subscribe(to: "t")]
        async let published: Void = {
            try await broker.publisher(key: .metadata("key")).publish(messages(["x", "y", "x"]), to: "t")
            try await broker.publisher().publish(messages(["z"]), to: "t")
        }()
        async let one = keys(subscriptions[0], 4)
        async let two = keys(subscriptions[1], 4)
        let expected: [[UInt8]?] = [Array("x".utf8), Array("y".utf8), Array("x".utf8), nil]
        #expect(try await [one, two] == [expected, expected])
        try await published
    }

    @Test func aRedeliveredMessageKeepsItsKey() async throws {
        let broker = MemoryBroker()
        let subscription = try await broker.subscriber(group: "g").subscribe(to: "t")
        try await broker.publisher(key: .metadata("key")).publish(messages(["x"]), to: "t")
        let first = try #require(try await subscription.next())[0]
        first.reject()
        let second = try #require(try await subscription.next())[0]
        second.acknowledge()
        let seen = [first.origin.key, second.origin.key]
        #expect(seen == [Array("x".utf8), Array("x".utf8)])
    }

    /// What fails of one key holds up that key alone, by the broker's own keys.
    @Test func aRouteReadsByTheKeysOfTheBroker() async throws {
        try await VirtualTime.run { time in
            let broker = MemoryBroker(time: time)
            let router = Router(logger: .silent, time: time)
            let handled = RecordingPublisher()
            try router.add(
                Route(
                    "r", from: broker.subscriber(group: "g"), "t", to: handled, "done", ordering: .perKey(lanes: 4)
                ) { message, _ in
                    if message.metadata["key"] == "bad", handled.records.count < 2 {
                        throw HandlerError("no", reason: "no", disposition: .retry())
                    }
                    return [message]
                })
            let running = time.task { try await router.run() }
            try await time.eventually { router.status.allSatisfy(\.isRunning) }
            try await broker.publisher(key: .metadata("key")).publish(
                messages(["bad", "bad", "good", "good"]), to: "t")
            try await time.eventually { handled.messages(to: "done").count == 4 }
            #expect(handled.messages(to: "done").compactMap(\.text) == ["2", "3", "0", "1"])
            router.drain()
            try await running.value
        }
    }
}
