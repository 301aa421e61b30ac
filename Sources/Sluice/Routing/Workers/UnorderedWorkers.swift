/// As many messages at once as the limit says, in any order. A rejected one goes back to its source, which delivers it
/// again later. What waits by a policy rests here, without a worker. Nothing waits behind either.
struct UnorderedWorkers {
    let processor: DeliveryProcessor
    let count: Int

    func run(_ subscription: Subscription) async throws {
        let resting = RestingParcels(keeps: subscription.redelivery == .route)
        try await processor.onDrain {
            resting.close().forEach(processor.release)
        } during: {
            let crew = Crew(limit: count)
            try await withThrowingDiscardingTaskGroup { group in
                await crew.run(in: &group) { try await work(subscription, resting, crew) }
            }
        }
    }

    private func work(_ subscription: Subscription, _ resting: RestingParcels, _ crew: Crew) async throws {
        do {
            while let batch = try await subscription.next(64, sharers: count) {
                crew.noteBusy()
                processor.receive(batch)
                processor.setOut()
                if batch.isEmpty, let parcel = resting.takeDue() { await takeUp(parcel, resting, subscription) }
                var last: MonotonicTime?
                for delivery in batch {
                    if resting.hasDue, let parcel = resting.takeDue() {
                        await takeUp(parcel, resting, subscription)
                        last = nil
                    }
                    var parcel = processor.parcel(delivery, start: last)
                    if processor.isDraining || Task.isCancelled {
                        processor.release(parcel)
                    } else {
                        if case .again(let rest) = await processor.process(&parcel, keeping: resting.keeping) {
                            keep(parcel, for: rest, resting, subscription)
                        }
                        last = parcel.end
                    }
                }
                processor.rest()
                crew.noteIdle()
            }
        } catch {
            // The source is gone: it gets back at once what rests here.
            resting.close().forEach(processor.release)
            throw error
        }
        // The source has nothing more.
        while let parcel = await resting.next() {
            crew.noteBusy()
            processor.setOut()
            await takeUp(parcel, resting, subscription)
            processor.rest()
            crew.noteIdle()
        }
    }

    private func takeUp(
        _ taken: DeliveryProcessor.Parcel, _ resting: RestingParcels, _ subscription: Subscription
    ) async {
        var parcel = taken
        parcel.delivery.noteTakenUp()
        guard !processor.isDraining, !Task.isCancelled else { return processor.release(parcel) }
        processor.begin(&parcel)
        guard case .again(let rest) = await processor.process(&parcel, keeping: resting.keeping) else { return }
        keep(parcel, for: rest, resting, subscription)
    }

    private func keep(
        _ parcel: DeliveryProcessor.Parcel, for rest: Rest, _ resting: RestingParcels, _ subscription: Subscription
    ) {
        processor.noteResting(parcel)
        let (id, revoked) = resting.keep(parcel)
        revoked.forEach(processor.release)
        guard let id else { return processor.release(parcel) }
        processor.whenDue(parcel, after: rest) { [weak resting, weak subscription] in
            guard let resting, resting.noteDue(id) else { return false }
            subscription?.nudge()
            return true
        }
    }
}
