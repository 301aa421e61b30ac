import Synchronization

/// Messages of one key in order, keys in parallel. A rejected message holds up its own key, and no worker.
struct KeyedWorkers {
    let processor: DeliveryProcessor
    let count: Int
    /// What a message's key is; nil for the broker's own.
    let key: KeySelector?

    func run(_ subscription: Subscription) async throws {
        let shelf = subscription.shelf
        // What the source lets out is more than what fills the lanes: otherwise a key that holds all of it would leave
        // the lanes waiting for more.
        let bound = shelf.map { max(1, $0.maxInFlight - count) } ?? .max
        let lanes = Lanes(
            capacity: min(max(1_024, count * 16), bound), key: key, shelf: shelf,
            time: processor.time)
        shelf?.decide(
            .keyed { [key] message, origin in key.map { $0.select(message) } ?? origin.key },
            onExhausted: { [weak lanes] in lanes?.noteExhausted($0) },
            onRestart: { [weak lanes] in lanes?.noteRestart() })
        let processor = processor
        // Parked keys are in no worker's hands: at a drain they are given back at once.
        try await processor.onDrain {
            lanes.close().forEach(processor.release)
        } during: {
            let crew = Crew(limit: count)
            try await withThrowingDiscardingTaskGroup { group in
                let keeping = DeliveryProcessor.Keeping(subscription.redelivery)
                // Beside the workers, since the group's own task begins these.
                group.addTask { try await fill(lanes, from: subscription) }
                await crew.run(in: &group) { await work(lanes, crew, keeping: keeping) }
            }
        }
    }

    private func fill(_ lanes: Lanes, from subscription: Subscription) async throws {
        do {
            try await feed(lanes, from: subscription)
            lanes.finish()
        } catch {
            // The source is gone: it gets back at once what waits here, also what waits for a redelivery.
            lanes.close().forEach(processor.release)
            throw error
        }
    }

    private func feed(_ lanes: Lanes, from subscription: Subscription) async throws {
        while await makeRoom(lanes), let batch = try await subscription.next() {
            processor.receive(batch)
            let parcels = batch.map { processor.parcel($0, start: $0.arrival) }
            guard let shelved = lanes.add(parcels) else {
                parcels.forEach(processor.release)
                continue
            }
            shelve(shelved, of: lanes)
        }
    }

    /// Waits until there is room for another batch. Where what fails has filled the table, what waits behind it goes
    /// back to a source that can keep it.
    /// - Returns: false when there will be none.
    private func makeRoom(_ lanes: Lanes) async -> Bool {
        while let hasRoom = lanes.hasRoom {
            if hasRoom { return true }
            let overflow = lanes.takeOverflow()
            shelve(overflow, of: lanes)
            if overflow.isEmpty, await !lanes.waitForRoom() { return false }
        }
        return false
    }

    private func shelve(_ shelved: [Lanes.Shelved], of lanes: Lanes) {
        guard !shelved.isEmpty else { return }
        for (key, parcel) in shelved { processor.shelve(parcel, key: key) }
        lanes.noteKept(shelved.count)
    }

    private func work(_ lanes: Lanes, _ crew: Crew, keeping: DeliveryProcessor.Keeping) async {
        processor.setOut()
        defer { processor.rest() }
        var done: Lanes.Lane?
        var isBusy = false
        while let (lane, taken) = await take(lanes, after: done, crew, &isBusy) {
            var parcel = taken
            done = lane
            // One that fails while the route drains goes back, and those behind it must not come before it.
            if processor.isDraining || Task.isCancelled {
                processor.release(parcel)
                continue
            }
            processor.begin(&parcel)
            guard case .again(let rest) = await processor.process(&parcel, keeping: keeping) else { continue }
            done = nil
            park(parcel, lane, of: lanes, for: rest)
        }
    }

    @inline(__always)
    private func take(
        _ lanes: Lanes, after done: Lanes.Lane?, _ crew: Crew, _ isBusy: inout Bool
    ) async -> (Lanes.Lane, DeliveryProcessor.Parcel)? {
        var taken = lanes.takeNow(after: done)
        if taken == nil {
            if isBusy { crew.noteIdle() }
            isBusy = false
            processor.rest()
            taken = await lanes.take()
            processor.setOut()
        }
        if !isBusy { crew.noteBusy() }
        isBusy = true
        return taken
    }

    private func park(
        _ parcel: DeliveryProcessor.Parcel, _ lane: Lanes.Lane, of lanes: Lanes, for rest: Rest
    ) {
        guard lanes.park(lane, parcel) else { return processor.release(parcel) }
        processor.whenDue(parcel, after: rest) { [weak lanes] in lanes?.unpark(lane) ?? false }
    }
}
