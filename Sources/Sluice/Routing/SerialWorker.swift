/// One message at a time, strictly in order.
struct SerialWorker {
    let processor: DeliveryProcessor

    func run(_ subscription: Subscription) async throws {
        let keeping = DeliveryProcessor.Keeping(subscription.redelivery)
        while let batch = try await subscription.next() {
            processor.receive(batch)
            processor.setOut()
            var last: MonotonicTime?
            for delivery in batch {
                var parcel = processor.parcel(delivery, start: last)
                if processor.isDraining || Task.isCancelled {
                    processor.release(parcel)
                } else {
                    if case .again(let rest) = await processor.process(&parcel, keeping: keeping) {
                        await processAgain(&parcel, after: rest)
                    }
                    last = parcel.end
                }
            }
            processor.rest()
        }
    }

    /// One that was rejected holds up everything behind it.
    private func processAgain(_ parcel: inout DeliveryProcessor.Parcel, after rest: Rest) async {
        var rest = rest
        while true {
            guard await processor.wait(parcel, for: rest) else { return processor.release(parcel) }
            guard case .again(let next) = await processor.process(&parcel, keeping: .everything) else { return }
            rest = next
        }
    }
}
