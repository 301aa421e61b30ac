/// As many messages at once as the limit says, in any order. A rejected one goes back to its source, which delivers it
/// again later: nothing waits behind it.
struct UnorderedWorkers {
    let processor: DeliveryProcessor
    let count: Int

    func run(_ subscription: Subscription) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<count {
                group.addTask { try await work(subscription) }
            }
        }
    }

    private func work(_ subscription: Subscription) async throws {
        while let batch = try await subscription.next(64, sharers: count) {
            processor.receive(batch)
            processor.setOut()
            var last: MonotonicTime?
            for delivery in batch {
                var parcel = processor.parcel(delivery, start: last)
                if processor.isDraining || Task.isCancelled {
                    processor.release(parcel)
                } else {
                    _ = await processor.process(&parcel, keeping: false)
                    last = parcel.end
                }
            }
            processor.rest()
        }
    }
}
