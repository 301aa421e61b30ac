/// One message at a time, strictly in order.
struct SerialWorker {
    let processor: DeliveryProcessor

    func run(_ subscription: Subscription) async throws {
        let keeping = subscription.redelivery == .route
        while let batch = try await subscription.next() {
            processor.receive(batch)
            var last: MonotonicTime?
            for delivery in batch {
                var parcel = processor.parcel(delivery, start: last)
                if processor.isDraining || Task.isCancelled {
                    processor.release(parcel)
                } else {
                    await process(&parcel, keeping: keeping)
                    last = parcel.end
                }
            }
        }
    }

    private func process(_ parcel: inout DeliveryProcessor.Parcel, keeping: Bool) async {
        while case .again(let delay) = await processor.process(&parcel, keeping: keeping) {
            guard await processor.wait(parcel, for: delay) else { return processor.release(parcel) }
        }
    }
}
