import DequeModule

/// The deliveries that a subscription holds, in batches: a consumer that takes a whole batch moves it out without
/// touching the reference count of a single delivery.
struct DeliveryBuffer {
    enum Batch {
        case made([Delivery])
        case lazy(any LazyDeliveries, Range<Int>)

        var count: Int {
            switch self {
            case .made(let deliveries): deliveries.count
            case .lazy(_, let places): places.count
            }
        }

        fileprivate func append(to deliveries: inout [Delivery]) {
            switch self {
            case .made(let own): deliveries.append(contentsOf: own)
            case .lazy(let source, let places): source.make(places, into: &deliveries)
            }
        }

        /// Moves the oldest out.
        fileprivate mutating func split(_ count: Int) -> Batch {
            switch self {
            case .made(var deliveries):
                let first = Array(deliveries.prefix(count))
                // So that the rest is moved up where it lies.
                self = .made([])
                deliveries.removeFirst(count)
                self = .made(deliveries)
                return .made(first)
            case .lazy(let source, let places):
                let middle = places.lowerBound + count
                self = .lazy(source, middle..<places.upperBound)
                return .lazy(source, places.lowerBound..<middle)
            }
        }
    }

    /// What was moved out, to be made where no lock is held.
    struct Taken {
        fileprivate var first: Batch?
        fileprivate var rest: [Batch] = []
        private(set) var count = 0

        fileprivate mutating func append(_ batch: Batch) {
            count += batch.count
            if first == nil { first = batch } else { rest.append(batch) }
        }

        consuming func deliveries() -> [Delivery] {
            var result: [Delivery] = []
            if case .made(let deliveries) = first {
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
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ delivery: Delivery) {
        last.append(delivery)
        count += 1
        if last.count >= Self.batchSize { closeBatch() }
    }

    mutating func append(_ deliveries: some RandomAccessCollection<Delivery>) {
        var rest = deliveries[...]
        while !rest.isEmpty {
            let part = rest.prefix(Self.batchSize - last.count)
            last.append(contentsOf: part)
            count += part.count
            rest = rest.dropFirst(part.count)
            if last.count >= Self.batchSize { closeBatch() }
        }
    }

    mutating func append(_ source: any LazyDeliveries, _ places: Range<Int>) {
        guard !places.isEmpty else { return }
        if !last.isEmpty { closeBatch() }
        batches.append(.lazy(source, places))
        count += places.count
    }

    /// The oldest deliveries: at most `limit`, and all that there are when these are fewer.
    mutating func removeFirst(_ limit: Int) -> Taken {
        var taken = Taken()
        while taken.count < limit, let batch = removeFirstOfOneBatch(limit - taken.count) { taken.append(batch) }
        count -= taken.count
        return taken
    }

    private mutating func removeFirstOfOneBatch(_ limit: Int) -> Batch? {
        guard var batch = batches.popFirst() ?? takeLast() else { return nil }
        guard batch.count > limit else { return batch }
        let first = batch.split(limit)
        if batches.isEmpty, last.isEmpty, case .made(let deliveries) = batch {
            last = deliveries
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
        return .made(deliveries)
    }

    private mutating func closeBatch() {
        batches.append(.made(last))
        last = []
        last.reserveCapacity(Self.batchSize)
    }
}
