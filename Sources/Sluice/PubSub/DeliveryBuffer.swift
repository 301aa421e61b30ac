import DequeModule

/// The deliveries that a subscription holds, in batches: a consumer that takes a whole batch moves it out without
/// touching the reference count of a single delivery.
struct DeliveryBuffer {
    struct Batch {
        fileprivate enum Content {
            case made([Delivery])
            case lazy(any LazyDeliveries, Range<Int>)
        }

        fileprivate var content: Content
        /// The bytes of all deliveries in it.
        fileprivate var size: Int

        fileprivate var count: Int {
            switch content {
            case .made(let deliveries): deliveries.count
            case .lazy(_, let places): places.count
            }
        }

        fileprivate func append(to deliveries: inout [Delivery]) {
            switch content {
            case .made(let own): deliveries.append(contentsOf: own)
            case .lazy(let source, let places): source.make(places, into: &deliveries)
            }
        }

        /// Moves the oldest out.
        fileprivate mutating func split(_ count: Int) -> Batch {
            var first: Batch
            switch content {
            case .made(var deliveries):
                first = Batch(content: .made(Array(deliveries.prefix(count))), size: 0)
                for delivery in deliveries.prefix(count) { first.size += delivery.size }
                // So that the rest is moved up where it lies.
                content = .made([])
                deliveries.removeFirst(count)
                content = .made(deliveries)
            case .lazy(let source, let places):
                let middle = places.lowerBound + count
                content = .lazy(source, middle..<places.upperBound)
                let taken = places.lowerBound..<middle
                first = Batch(content: .lazy(source, taken), size: source.size(of: taken))
            }
            size -= first.size
            return first
        }
    }

    /// What was moved out, to be made where no lock is held.
    struct Taken {
        fileprivate var first: Batch?
        fileprivate var rest: [Batch] = []
        private(set) var count = 0
        fileprivate var size = 0

        fileprivate mutating func append(_ batch: Batch) {
            count += batch.count
            size += batch.size
            if first == nil { first = batch } else { rest.append(batch) }
        }

        consuming func deliveries() -> [Delivery] {
            var result: [Delivery] = []
            if case .made(let deliveries) = first?.content {
                result = deliveries
            } else {
                result.reserveCapacity(count)
                first?.append(to: &result)
            }
            // So that what was moved is not shared.
            first = nil
            for batch in rest { batch.append(to: &result) }
            return result
        }
    }

    /// How many make a batch: what a route asks for at once.
    private static let batchSize = 256

    private var batches = Deque<Batch>()
    private var last: [Delivery] = []
    private var lastSize = 0
    private(set) var count = 0
    /// The bytes of all deliveries.
    private(set) var size = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ delivery: Delivery) {
        last.append(delivery)
        count += 1
        let bytes = delivery.size
        lastSize += bytes
        size += bytes
        if last.count >= Self.batchSize { closeBatch() }
    }

    mutating func append(_ source: any LazyDeliveries, _ places: Range<Int>) {
        guard !places.isEmpty else { return }
        if !last.isEmpty { closeBatch() }
        let bytes = source.size(of: places)
        batches.append(Batch(content: .lazy(source, places), size: bytes))
        count += places.count
        size += bytes
    }

    /// The oldest deliveries: at most `limit`, and all that there are when these are fewer.
    mutating func removeFirst(_ limit: Int) -> Taken {
        var taken = Taken()
        while taken.count < limit, let batch = removeFirstOfOneBatch(limit - taken.count) { taken.append(batch) }
        count -= taken.count
        size -= taken.size
        return taken
    }

    private mutating func removeFirstOfOneBatch(_ limit: Int) -> Batch? {
        guard var batch = batches.popFirst() ?? takeLast() else { return nil }
        guard batch.count > limit else { return batch }
        let first = batch.split(limit)
        if batches.isEmpty, last.isEmpty, case .made(let deliveries) = batch.content {
            last = deliveries
            lastSize = batch.size
        } else {
            batches.prepend(batch)
        }
        return first
    }

    private mutating func takeLast() -> Batch? {
        guard !last.isEmpty else { return nil }
        var deliveries: [Delivery] = []
        swap(&deliveries, &last)
        // A consumer that keeps up takes batches of about this size again.
        last.reserveCapacity(deliveries.count)
        defer { lastSize = 0 }
        return Batch(content: .made(deliveries), size: lastSize)
    }

    private mutating func closeBatch() {
        batches.append(Batch(content: .made(last), size: lastSize))
        last = []
        lastSize = 0
        last.reserveCapacity(Self.batchSize)
    }
}
