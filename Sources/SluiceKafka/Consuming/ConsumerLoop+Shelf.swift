import Logging
import Sluice
import Synchronization

/// Partitions that a failing message holds up: what is put aside behind it, and when that is too much.
extension ConsumerLoop {
    /// Hands out what routes ask for of the shelf.
    /// - Returns: how many deliveries were handed over.
    func feedShelf(_ now: MonotonicTime, limit: Int) -> Int {
        guard !load.shelf.isIdle else { return 0 }
        var delivered = 0
        while let answer = load.shelf.takeAnswer(limit: limit - delivered, bytes: subscription.roomBytes) {
            let owned = answer.items.filter { $0.feed.unshelve() }
            guard !owned.isEmpty else {
                if answer.isLast {
                    subscription.shelf?.noteExhausted(answer.key)
                } else {
                    load.shelf.request(answer.key)
                }
                continue
            }
            subscription.offer(
                held: owned.indices.map { index in
                    let item = owned[index]
                    let mark: Shelf.Mark = index < owned.count - 1 ? .within : answer.isLast ? .last : .more
                    return Delivery(
                        item.message, origin: item.origin, settler: item.feed, tag: item.place, arrival: now, mark: mark
                    )
                })
            delivered += owned.count
        }
        return delivered
    }

    /// Hands over what was read, without what is of a key that has something on the shelf.
    func deliverAroundShelf(_ batch: RecordBatch, count: Int) {
        guard case .keyed(let key)? = subscription.shelf?.reading else {
            subscription.offer(batch, count: count)
            return
        }
        var deliveries: [Delivery] = []
        batch.make(0..<count, into: &deliveries)
        let (rest, aside) = load.shelf.putAside(deliveries, key)
        for (key, delivery) in aside { delivery.shelve(key) }
        if !aside.isEmpty { subscription.shelf?.noteShelved(aside.count) }
        subscription.offer(held: rest)
    }

    /// Whether new records may be read while something is on the shelf.
    var isShelfOpen: Bool {
        load.shelf.isIdle || subscription.shelf?.isOpen(keys: load.shelf.keyCount) ?? true
    }

    /// How many more records of the partition may be read. Says so when a message begins to hold it up, and when that ends.
    func roomBehindFailures(of reader: PartitionReader) -> Int {
        // Where brokers take next to nothing, what is settled behind a failing message is not remembered anyway.
        let metadataRoom = SettledOffsets.room(in: course.commit.metadataLimit)
        let limit = plan.group == nil || metadataRoom < 256 ? nil : metadataRoom
        let isFull = !load.shelf.isIdle && load.shelf.isFull
        let (room, change) = reader.feed.ledger.withLock { ledger -> (Int, KafkaLag.Holder??) in
            let was = ledger.holder
            let room = ledger.room(metadataRoom: limit, isShelfFull: isFull)
            let isSame = (was == nil) == (ledger.holder == nil)
            return (room, isSame ? nil : .some(ledger.holder))
        }
        switch change {
        case nil: break
        case .some(let holder?):
            logger.warning(
                "a partition is paused: a message in it fails, and no more can be remembered of what is behind it",
                metadata: [
                    "partition": "\(reader.feed.partition)", "offset": "\(holder.offset)", "key": "\(holder.key ?? "")",
                    "id": "\(holder.id ?? "")",
                ])
        case .some(nil):
            logger.notice(
                "a partition goes on that a message held up", metadata: ["partition": "\(reader.feed.partition)"])
        }
        return room
    }
}
