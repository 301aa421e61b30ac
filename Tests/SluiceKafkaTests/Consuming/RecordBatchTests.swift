import Logging
import Sluice
import Synchronization
import Testing

@testable import SluiceKafka

/// Records on their way from the consumer's thread to the route.
struct RecordBatchTests {
    private let large = [UInt8](repeating: 7, count: 5_000)

    private func table() -> RecordTable {
        var copier = RecordCopier()
        let time = Timestamp(millisecondsSince1970: 1_700_000_000_123)
        func append(_ offset: Int64, _ key: [UInt8]?, _ value: [UInt8]?, isRedelivered: Bool = false) {
            lend(key) { key in
                lend(value) { value in
                    copier.append(
                        offset: offset, timestamp: offset == 10 ? time : nil, isRedelivered: isRedelivered, key: key,
                        value: value)
                }
            }
        }
        func header(_ name: String, _ value: [UInt8]?) {
            lend(Array(name.utf8)) { name in
                lend(value) { copier.appendHeader(name ?? .init(start: nil, count: 0), $0) }
            }
        }
        // Nothing is left of a table that went before.
        header("before", nil)
        append(9, [UInt8](repeating: 1, count: 100_000), [])
        #expect(copier.table().count == 1 && copier.isEmpty)
        for (name, value) in [("a", [UInt8]("x".utf8)), ("none", nil), ("a", []), ("bytes", [0xFF, 0])] {
            header(name, value)
        }
        append(10, [1, 2], [3])
        append(11, nil, nil, isRedelivered: true)
        header("last", nil)
        append(12, [], large)
        append(13, nil, [])
        return copier.table()
    }

    private func lend(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) -> Void) {
        guard let bytes else { return body(nil) }
        bytes.withUnsafeBytes { body($0.baseAddress == nil ? UnsafeRawBufferPointer(start: nil, count: 0) : $0) }
    }

    @Test func aTableGivesBackWhatWasCopiedIntoIt() {
        let table = table()
        var record = table.record(of: 7)
        #expect(record.partition == 7)
        table.read(0, into: &record)
        #expect(record.offset == 10 && record.key == [1, 2] && record.value == [3])
        #expect(record.timestamp?.millisecondsSince1970 == 1_700_000_000_123)
        #expect(record.headers.map(\.name) == ["a", "none", "a", "bytes"])
        #expect(record.headers.map(\.value) == [[UInt8(ascii: "x")], nil, [], [0xFF, 0]])
        table.read(1, into: &record)
        #expect(record.offset == 11 && record.key == nil && record.value == nil && record.timestamp == nil)
        #expect(record.headers.isEmpty)
        table.read(2, into: &record)
        #expect(record.key == [] && record.value == large && record.headers.map(\.name) == ["last"])
        table.read(3, into: &record)
        #expect(record.key == nil && record.value == [] && record.headers.isEmpty)
        #expect((0..<4).map(table.isRedelivered) == [false, true, false, false])
    }

    @Test func headersThatShareMemoryAreEqualToOthersAndGrowByThemselves() {
        let table = table()
        var record = table.record(of: 0)
        table.read(2, into: &record)
        var own = KafkaHeaders()
        own.appendNull("last")
        #expect(record.headers == own && record.headers.hashValue == own.hashValue)
        record.headers.append("more", "text")
        #expect(record.headers.map(\.name) == ["last", "more"])
        #expect(record.headers["more"] == Array("text".utf8) && record.headers != own)
    }

    @Test func makesEachDeliveryWhenItIsTaken() throws {
        let feed = PartitionFeed(5, from: nil, load: ConsumerLoad())
        let subscription = try Subscription(capacity: 10)
        let batch = RecordBatch(table(), of: feed, reader, arrival: .now())
        #expect(subscription.offer(batch, count: 4) == 4)
        let first = try #require(try subscription.take(3))
        #expect(first.map(\.origin.offset) == [10, 11, 12] && first.map(\.origin.partition) == [5, 5, 5])
        #expect(first.map(\.origin.redelivered) == [false, true, false])
        #expect(first[0].message.metadata["a"] == "" && first[0].message.id.description == "t/5/10")
        #expect(first[2].message.payload == large)
        #expect(try subscription.take(3)?.map(\.origin.offset) == [13])
    }

    /// The partition delivers it again.
    @Test(arguments: [0, 1, 3]) func whatIsNotTakenIsRejectedWithItsContent(taken: Int) throws {
        let feed = PartitionFeed(0, from: nil, load: ConsumerLoad())
        feed.ledger.withLock { ledger in
            for place in Int64(11)...14 { _ = ledger.read(place, nil) }
        }
        do {
            let subscription = try Subscription(capacity: max(1, taken))
            if taken == 0 { subscription.cancel() }
            subscription.offer(RecordBatch(table(), of: feed, reader, arrival: .now()), count: 4)
            for delivery in try subscription.take(10) ?? [] { delivery.acknowledge() }
        }
        let waiting = feed.ledger.withLock { $0.takeDue(now: .now(), limit: 10) }
        #expect(waiting.map(\.place) == Array((Int64(11) + Int64(taken))...14))
        #expect(waiting.last?.item.message.payload == [] && waiting.first?.item.origin.attempt == 2)
        if taken < 3 { #expect(waiting.dropLast().last?.item.message.payload == large) }
    }

    private var reader: RecordReader { RecordReader(topic: "t", marshaler: .watermill, logger: .silent) }
}
