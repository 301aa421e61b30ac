import Logging
import Sluice
import SluiceTestBrokers
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceKafka

/// After a partition is given up nothing more of it is attempted.
@Suite(.timeLimit(.minutes(10)))
struct RevocationTests {
    /// A serial route with everything in its hands, and handlers that take longer than the group waits for them: what is
    /// handled twice is what was being handled.
    @Test func aRebalanceDoublesNothingButTheMessageInHand() async throws {
        let kafka = try KafkaUnderTest(brokers: 1)
        let (topic, group) = (try await kafka.topic(partitions: 4), kafka.uniqueGroup())
        let producer = try RawProducer(kafka.configuration)
        try producer.produce(texts: ["first"], partition: 0, to: topic)
        var options = KafkaUnderTest.quick
        options.sessionTimeout = .seconds(6)
        options.drainTimeout = .seconds(1)
        let log = LogRecorder()
        let stage = Stage()
        let members = try (0..<2).map { _ in Watched(try kafka.subscriber(group, options, logger: log.logger)) }
        let routers = try members.map { member in
            let router = Router(logger: .silent)
            try router.add(
                Route("r", from: member, topic, ordering: .serial) { message, _ in
                    if message.text == "first" { return try await stage.gate.wait() }
                    // Afterwards nothing more is to be seen by waiting.
                    if !stage.isShared.load(ordering: .acquiring) { try await Task.sleep(for: .seconds(1)) }
                    member.handled.withLock { $0.append(message.text) }
                })
            return router
        }
        let first = Task { try await routers[0].run() }
        try await eventually("the first message") { stage.gate.waiting == 1 }
        for partition in Int32(0)..<4 {
            try producer.produce(texts: (0..<25).map { "\(partition)/\($0)" }, partition: partition, to: topic)
        }
        try await eventually("the others") { members[0].waiting == 100 }
        stage.gate.open()
        try await eventually("a message that takes a second") { members[0].count > 0 }
        #expect(members[0].waiting == 0)
        for milliseconds in [0, 1_000, 1_000] as [Int32] {
            try kafka.mock?.delay(.joinGroup, milliseconds: milliseconds, broker: 1)
        }
        let second = Task { try await routers[1].run() }
        try await eventually("messages of the second member") { members[1].count >= 3 }
        stage.isShared.store(true, ordering: .releasing)
        func all() -> [String] { members.flatMap { $0.handled.withLock(\.self) } }
        try await eventually("all messages") { Set(all()).count == 100 }
        for router in routers { router.drain() }
        try await first.value
        try await second.value
        for member in members { await member.close() }
        // A mock group turns away a member that comes late on a busy machine, which then loses what is in hand once more.
        let lost = log.entries.count { $0.message.contains("partitions were lost") }
        let again = Dictionary(grouping: all()) { $0 }.filter { $0.value.count > 1 }
        #expect(again.count <= 1 + lost, "\(again.keys.sorted()) were handled twice")
        #expect(again.values.allSatisfy { $0.count == 2 })
    }

    /// A subscriber whose buffer can be looked at, and what was handled of it.
    private final class Watched: Subscriber {
        let name = "watched"
        let defaultOrdering = Ordering.serial
        let handled = Mutex<[String]>([])
        private let subscriber: KafkaSubscriber
        private let subscription = Mutex<Subscription?>(nil)

        init(_ subscriber: KafkaSubscriber) {
            self.subscriber = subscriber
        }

        var count: Int { handled.withLock(\.count) }
        var waiting: Int { subscription.withLock { $0?.count ?? 0 } }

        func subscribe(to topic: Topic) async throws -> Subscription {
            let made = try await subscriber.subscribe(to: topic)
            subscription.withLock { $0 = made }
            return made
        }

        func close() async { await subscriber.close() }
    }

    private final class Stage: Sendable {
        let isShared = Atomic<Bool>(false)
        let gate = Gate()
    }

    /// The thread of a paused process, its client and its handlers wake up together.
    @Test func aPauseLongerThanTheGroupWaitsEndsTheRight() {
        let load = ConsumerLoad(patience: .milliseconds(20))
        let feed = PartitionFeed(0, from: nil, load: load)
        load.noteTurn(MonotonicTime.now().advanced(by: .seconds(100)))
        #expect(feed.owns(1))
        load.noteTurn(MonotonicTime(nanoseconds: MonotonicTime.now().nanoseconds - 30_000_000))
        #expect(!feed.owns(1))
        let groupless = PartitionFeed(0, from: nil, load: ConsumerLoad())
        #expect(groupless.owns(1))
        groupless.revoke()
        #expect(!groupless.owns(1))
    }

    /// Offsets that went back are those of another log: what was read of the old one is nowhere else.
    @Test func whatWasReadBeforeOffsetsWentBackStaysOurs() throws {
        let feed = PartitionFeed(0, from: nil, load: ConsumerLoad())
        feed.abandon()
        #expect(feed.owns(1))
    }
}
