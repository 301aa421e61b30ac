import Logging
import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceKafka

/// Half of the records are of one key, which fails until it is told otherwise; the others are of fifty.
@Suite(.timeLimit(.minutes(10)))
struct HeldPartitionTests {
    /// What a route sees.
    private final class Desk: Sendable {
        private let handled = Mutex<[String: [Int]]>([:])
        private let tried = Mutex<Set<Int>>([])
        private let count = Atomic<Int>(0)
        private let failures = Atomic<Int>(0)
        let takesBad = Atomic<Bool>(false)

        func handle(_ message: Message, _ key: [UInt8]) throws {
            let key = String(decoding: key, as: UTF8.self)
            let number = Int(message.text) ?? -1
            if key == "bad", !takesBad.load(ordering: .acquiring) {
                tried.withLock { _ = $0.insert(number) }
                failures.wrappingAdd(1, ordering: .relaxed)
                throw KafkaError(.malformed, detail: "bad")
            }
            handled.withLock { $0[key, default: []].append(number) }
            count.wrappingAdd(1, ordering: .relaxed)
        }

        var handledCount: Int { count.load(ordering: .relaxed) }
        var failureCount: Int { failures.load(ordering: .relaxed) }
        var attempts: Set<Int> { tried.withLock(\.self) }
        func numbers(of key: String) -> [Int] { handled.withLock { $0[key] ?? [] } }
    }

    private static func key(of number: Int) -> String { number.isMultiple(of: 2) ? "bad" : "\(number / 2 % 50)" }

    private func produce(
        _ numbers: Range<Int>, to topic: Topic, of kafka: KafkaUnderTest,
        key: (Int) -> String = Self.key
    ) throws {
        let producer = try RawProducer(kafka.configuration)
        for number in numbers {
            let text = "\(number)"
            try producer.produce(Array(text.utf8), key: Array(key(number).utf8), partition: 0, to: topic)
        }
        try producer.flush()
    }

    private func running(
        _ subscriber: KafkaSubscriber, _ topic: Topic, _ desk: Desk, _ body: () async throws -> Void
    ) async throws {
        var configuration = Router.Configuration()
        // What is put aside, and how, is in question here: not how seldom a destination that fails is asked.
        configuration.destination.budget = nil
        configuration.redelivery = .exponential(from: .milliseconds(2), upTo: .milliseconds(50), jitter: false)
        let router = Router(configuration: configuration, logger: .silent)
        try router.add(
            Route("r", from: subscriber, topic, ordering: .perKey(lanes: 8)) { message, context in
                try desk.handle(message, context.origin.key ?? [])
            })
        let task = Task { try await router.run() }
        do {
            try await body()
        } catch {
            router.drain()
            _ = try? await task.value
            throw error
        }
        router.drain()
        try await task.value
    }

    private func expectOrder(_ desk: Desk, _ numbers: Range<Int>) {
        for key in Set(numbers.map(Self.key)) {
            #expect(desk.numbers(of: key) == numbers.filter { Self.key(of: $0) == key }, "key \(key)")
        }
    }

    @Test func theOthersGoOnUntilACommitHoldsNoMore() async throws {
        let kafka = try KafkaUnderTest(brokers: 1, realGroups: true)
        let (topic, group) = (try await kafka.topic(partitions: 1), kafka.uniqueGroup())
        let total = 20_000
        try produce(0..<total, to: topic, of: kafka)
        let subscriber = try kafka.subscriber(group)
        let desk = Desk()
        try await running(subscriber, topic, desk) {
            try await eventually("the pause") {
                subscriber.lag(of: topic)?.partitions[0]?.holder?.id != nil
            }
            let holder = try #require(subscriber.lag(of: topic)?.partitions[0]?.holder)
            #expect(holder.offset == 0 && holder.key == "bad")
            #expect(desk.attempts == [0])
            // Far more than fit into the lanes, and as many as a commit can tell of.
            #expect(desk.handledCount > 1_000)
            let failures = desk.failureCount
            try await eventually("more attempts") { desk.failureCount > failures + 20 }
            #expect(desk.handledCount < 2_500)
            #expect(try #require(subscriber.lag(of: topic)?.partitions[0]?.shelved) > 0)
            desk.takesBad.store(true, ordering: .releasing)
            try await eventually("all of them") { desk.handledCount == total }
            try await eventually("the end of the pause") {
                subscriber.lag(of: topic)?.partitions[0]?.holder == nil
            }
            try await eventually("nothing left") { subscriber.lag(of: topic)?.messages == 0 }
            #expect(subscriber.lag(of: topic)?.partitions[0]?.shelved == 0)
        }
        expectOrder(desk, 0..<total)
        await subscriber.close()
    }

    @Test func whatWasSettledBehindItIsNotHandledAgain() async throws {
        let kafka = try KafkaUnderTest(brokers: 1, realGroups: true)
        let (topic, group) = (try await kafka.topic(partitions: 1), kafka.uniqueGroup())
        let total = 6_000
        try produce(0..<total, to: topic, of: kafka)
        let first = try kafka.subscriber(group)
        let desk = Desk()
        try await running(first, topic, desk) {
            try await eventually("the pause") {
                first.lag(of: topic)?.partitions[0]?.holder != nil
            }
        }
        await first.close()
        let committed = desk.handledCount
        #expect(committed > 1_000)
        let second = try kafka.subscriber(group)
        let next = Desk()
        next.takesBad.store(true, ordering: .releasing)
        try await running(second, topic, next) {
            try await eventually("the rest") { next.handledCount >= total - committed }
            try await eventually("nothing left") { second.lag(of: topic)?.messages == 0 }
        }
        // Few more are read than a commit tells of, lest nothing fills the lanes: two numbers each, behind one of at most
        // ten bytes. What is beyond that alone comes again.
        let told = (SettledOffsets.room(in: SettledOffsets.metadataLimit) - 10) / 2
        #expect(next.handledCount <= total - committed + max(0, committed - told))
        for key in Set((0..<total).map(Self.key)) {
            let (before, after) = (desk.numbers(of: key), next.numbers(of: key))
            #expect(before == before.sorted() && after == after.sorted(), "key \(key)")
            #expect(Set(before + after) == Set((0..<total).filter { Self.key(of: $0) == key }), "key \(key)")
        }
        await second.close()
    }

    /// Records of one key in a row leave no gaps: there the memory is the bound.
    @Test func whatIsPutAsideHasABoundInMemory() throws {
        let load = ConsumerLoad()
        let feed = PartitionFeed(0, from: SettledOffsets(offset: 0, metadata: ""), load: load)
        var shelf = KafkaShelf(bounds: .init(count: 3, bytes: 1 << 20))
        func item(_ place: UInt64, bytes: Int = 1) -> KafkaShelf.Item {
            .init(
                place: place, feed: feed, message: Message(payload: Array(repeating: 0, count: bytes)),
                origin: Delivery.Origin(key: [1]))
        }
        for place in Int64(1)...4 { _ = feed.ledger.withLock { $0.read(place, nil) } }
        feed.noteKept(1, Message(id: "x", payload: []), origin: Delivery.Origin(key: Array("bad".utf8)))
        for place in UInt64(2)...3 { shelf.put(item(place), [1]) }
        #expect(!shelf.isFull)
        let before = feed.ledger.withLock { $0.room(metadataRoom: 3_000, isShelfFull: shelf.isFull) }
        #expect(before > 0)
        shelf.put(item(4), [1])
        #expect(shelf.isFull)
        let room = feed.ledger.withLock { $0.room(metadataRoom: 3_000, isShelfFull: shelf.isFull) }
        #expect(room == 0)
        #expect(feed.ledger.withLock(\.holder) == KafkaLag.Holder(offset: 0, id: "x", key: "bad"))
        // It goes on when something was handed out.
        shelf.request([1])
        #expect(shelf.takeAnswer(limit: 1, bytes: 1_000)?.items.map(\.place) == [2])
        #expect(feed.unshelve())
        let after = feed.ledger.withLock { $0.room(metadataRoom: 3_000, isShelfFull: shelf.isFull) }
        #expect(after > 0 && feed.ledger.withLock(\.holder) == nil)
        // Bytes count too.
        shelf = KafkaShelf(bounds: .init(count: 100, bytes: 1_000))
        shelf.put(item(2, bytes: 2_000), [1])
        #expect(shelf.isFull)
        feed.abandon()
    }

    @Test func aKeyThatCannotBePrintedIsNotNamed() {
        var ledger = PartitionLedger(SettledOffsets(offset: 0, metadata: ""))
        for place in Int64(1)...3 { _ = ledger.read(place, nil) }
        ledger.noteKept(1, Message(id: "x", payload: []), Delivery.Origin(key: [0x1B, 0xFF]))
        _ = ledger.shelve()
        _ = ledger.room(metadataRoom: nil, isShelfFull: true)
        #expect(ledger.holder == KafkaLag.Holder(offset: 0, id: "x", key: nil))
    }
}
