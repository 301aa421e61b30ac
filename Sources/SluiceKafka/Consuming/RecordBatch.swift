internal import Sluice
import Synchronization

/// Records of one partition on their way from the session's thread to the route, copied out of what librdkafka lent into
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
        for place in made.load(ordering: .acquiring)..<table.count {
            var record = KafkaRecord()
            let (message, origin) = read(place, &record)
            feed.settle(tag(place), .rejected(Rejection()), of: message, origin: origin)
        }
    }

    func make(_ places: Range<Int>, into deliveries: inout [Delivery]) {
        _ = made.max(places.upperBound, ordering: .acquiringAndReleasing)
        var record = KafkaRecord()
        for place in places {
            let (message, origin) = read(place, &record)
            deliveries.append(
                Delivery(message, origin: origin, settler: settler, tag: tag(place), arrival: arrival))
        }
    }

    private func read(_ place: Int, _ record: inout KafkaRecord) -> (Message, Delivery.Origin) {
        table.read(place, into: &record)
        record.partition = feed.partition
        var (message, origin) = reader.read(record)
        origin.redelivered = table.isRedelivered(place)
        return (message, origin)
    }

    private func tag(_ place: Int) -> UInt64 { UInt64(clamping: table.offset(place) + 1) }
}
