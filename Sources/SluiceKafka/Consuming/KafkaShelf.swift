import Sluice
import Synchronization

/// What a consumer has put aside behind keys that fail, in memory: the records are Kafka's to keep.
final class KafkaShelf: Sendable {
    struct Item: KeyShelfItem {
        let place: UInt64
        let feed: PartitionFeed
        let message: Message
        let origin: Delivery.Origin

        var size: Int { Message.overhead + message.payload.count + message.metadata.size + (origin.key?.count ?? 0) }
    }

    /// How much of it there may be; the last messages may exceed that.
    struct Bounds {
        var count = 65_536
        var bytes = 32 << 20
    }

    private struct State {
        var shelf = KeyShelf<Item>()
    }

    private let bounds: Bounds
    private let state = Mutex(State())
    /// Whether there is anything to hand out or to answer: read for each turn of the consumer's thread.
    private let isInUse = Atomic<Bool>(false)

    init(bounds: Bounds = Bounds()) {
        self.bounds = bounds
    }

    var isIdle: Bool { !isInUse.load(ordering: .acquiring) }

    /// Whether no more should be put aside.
    var isFull: Bool { state.withLock { $0.shelf.count >= bounds.count || $0.shelf.size >= bounds.bytes } }

    var keyCount: Int { state.withLock { $0.shelf.keyCount } }

    /// A route has given a delivery back.
    func put(_ item: Item, _ key: [UInt8]) {
        update { shelf in
            // Under this lock: a partition that is given up takes what it has here with it.
            if item.feed.shelve(item.place) { shelf.put(item, key) }
        }
    }

    func request(_ key: [UInt8]) { update { $0.request(key, for: nil) } }

    /// Takes the next answer that there is room for.
    func takeAnswer(limit: Int, bytes: Int) -> (key: [UInt8], items: [Item], isLast: Bool)? {
        update { shelf in
            guard limit > 0, bytes > 0, let request = shelf.nextRequest({ _ in true }) else { return nil }
            let (items, isLast) = shelf.take(
                request.key, limit: min(limit, KeyShelf<Item>.portion), bytes: bytes)
            return (request.key, items, isLast)
        }
    }

    /// Splits off the deliveries that are of a key which has something here.
    /// - Returns: the others, in order.
    func putAside(
        _ deliveries: [Delivery], _ key: (Message, Delivery.Origin) -> [UInt8]?
    ) -> (rest: [Delivery], aside: [(key: [UInt8], delivery: Delivery)]) {
        let keys = deliveries.map { key($0.message, $0.origin) }
        return update { shelf in
            var rest: [Delivery] = []
            var aside: [(key: [UInt8], delivery: Delivery)] = []
            for (delivery, key) in zip(deliveries, keys) {
                if let key, shelf.holds(key) { aside.append((key, delivery)) } else { rest.append(delivery) }
            }
            return (rest, aside)
        }
    }

    /// The feed's partition belongs to another member of the group.
    func forget(_ feed: PartitionFeed) { update { $0.removeAll { $0.feed === feed } } }

    private func update<Result>(_ change: (inout KeyShelf<Item>) -> sending Result) -> sending Result {
        state.withLock { state in
            defer { isInUse.store(!state.shelf.isIdle, ordering: .releasing) }
            return change(&state.shelf)
        }
    }
}
