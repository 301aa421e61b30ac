/// One message at a time, strictly in order; or several that follow each other as one, where the route joins them.
struct SerialWorker {
    let processor: DeliveryProcessor

    func run(_ subscription: Subscription) async throws {
        let keeping = DeliveryProcessor.Keeping(subscription.redelivery)
        while let batch = try await subscription.next() {
            processor.receive(batch)
            processor.setOut()
            var last: MonotonicTime?
            for delivery in processor.joined(batch) {
                var parcel = processor.parcel(delivery, start: last)
                if processor.isDraining || Task.isCancelled {
                    processor.release(parcel)
                } else {
                    switch await processor.process(&parcel, keeping: keeping) {
                    case .settled: break
                    case .again(let rest): await processAgain(&parcel, after: rest)
                    case .split(let deliveries): await processAlone(deliveries, keeping)
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
            switch await processor.process(&parcel, keeping: .everything) {
            case .settled: return
            case .again(let next): rest = next
            case .split(let deliveries): return await processAlone(deliveries, .everything)
            }
        }
    }

    /// Those that cannot be handled as one. They were received with it.
    private func processAlone(_ deliveries: [Delivery], _ keeping: DeliveryProcessor.Keeping) async {
        for delivery in deliveries {
            var parcel = DeliveryProcessor.Parcel(delivery: delivery, start: processor.time.now)
            parcel.isRestored = true
            if processor.isDraining || Task.isCancelled {
                processor.release(parcel)
            } else if case .again(let rest) = await processor.process(&parcel, keeping: keeping) {
                await processAgain(&parcel, after: rest)
            }
        }
    }
}
