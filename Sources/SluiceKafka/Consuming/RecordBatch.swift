import Sluice
import Synchronization

/// Records of one partition on their way from the consumer's thread to the route, copied out of what librdkafka lent into
/// a few runs of memory. The route makes the messages.
///
/// To copy a record costs little; to make a message of it takes several allocations, which are cheap only where the same
/// thread frees them.
final class RecordBatch: LazyDeliveries {
    private let table: RecordTable
    private let feed: PartitionFeed
    private let settler: BatchSettler
    private let reader: RecordReader
    private let arrival: MonotonicTime
    /// How many have been made, from the first on.
    private let made = Atomic<Int>(0)

    init(_ table: RecordTable, of feed: PartitionFeed, _ reader: RecordReader, arrival: MonotonicTime) {
        self.table = table
        self.feed = feed
        self.reader = reader
        self.arrival = arrival
        settler = BatchSettler(feed)
    }

    deinit {
        let made = made.load(ordering: .acquiring)
        guard made < table.count else { return }
        var record = table.record(of: feed.partition)
        for place in made..<table.count {
            var failure: (any Error)?
            let message = read(place, &record, &failure)
            feed.settle(
                tag(place), .rejected(Rejection()), of: message, origin: origin(place, record, failure))
        }
    }

    func make(_ places: Range<Int>, into deliveries: inout [Delivery]) {
        _ = made.max(places.upperBound, ordering: .acquiringAndReleasing)
        var record = table.record(of: feed.partition)
        for place in places {
            var failure: (any Error)?
            let message = read(place, &record, &failure)
            deliveries.append(
                Delivery(
                    message, origin: origin(place, record, failure), settler: settler, tag: tag(place),
                    arrival: arrival))
        }
    }

    func size(of places: Range<Int>) -> Int { table.size(places) }

    private func read(_ place: Int, _ record: inout KafkaRecord, _ failure: inout (any Error)?) -> Message {
        table.read(place, into: &record)
        return reader.read(record, &failure)
    }

    @inline(__always)
    private func origin(_ place: Int, _ record: borrowing KafkaRecord, _ failure: (any Error)?) -> Delivery.Origin {
        Delivery.Origin(
            redelivered: table.isRedelivered(place), partition: record.partition, offset: record.offset,
            timestamp: record.timestamp, key: record.key, failure: failure)
    }

    private func tag(_ place: Int) -> UInt64 { UInt64(clamping: table.offset(place) + 1) }
}
