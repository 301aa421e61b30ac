import DequeModule

/// The deliveries that a subscription holds, in batches: a consumer that takes a whole batch moves it out without
/// touching the reference count of a single delivery.
struct DeliveryBuffer {
    /// How many make a batch: what a route asks for at once.
    private static let batchSize = 256

    private var batches = Deque<[Delivery]>()
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

    /// The oldest deliveries: at most `limit`, and all that there are when these are fewer.
    mutating func removeFirst(_ limit: Int) -> [Delivery] {
        var result = removeFirstOfOneBatch(limit)
        while result.count < limit, !isEmpty {
            result.append(contentsOf: removeFirstOfOneBatch(limit - result.count))
        }
        return result
    }

    func forEach(_ body: (Delivery) -> Void) {
        for batch in batches { batch.forEach(body) }
        last.forEach(body)
    }

    private mutating func removeFirstOfOneBatch(_ limit: Int) -> [Delivery] {
        var batch: [Delivery] = []
        if batches.isEmpty { swap(&batch, &last) } else { batch = batches.removeFirst() }
        guard batch.count > limit else {
            count -= batch.count
            // A consumer that keeps up takes batches of about this size again.
            if last.isEmpty { last.reserveCapacity(batch.count) }
            return batch
        }
        let result = Array(batch.prefix(limit))
        batch.removeFirst(limit)
        count -= limit
        if batches.isEmpty, last.isEmpty { swap(&batch, &last) } else { batches.prepend(batch) }
        return result
    }

    private mutating func closeBatch() {
        batches.append(last)
        last = []
        last.reserveCapacity(Self.batchSize)
    }
}
