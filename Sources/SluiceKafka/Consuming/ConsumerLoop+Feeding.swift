import CRDKafka
import Logging
import Sluice
import Synchronization

extension ConsumerLoop {
    /// Hands the subscription what it has room for: first what is due again, then what is new.
    /// - Returns: whether there may be more to do at once.
    func feed(_ now: MonotonicTime) -> Bool {
        guard !readers.isEmpty else { return false }
        var room = subscription.room
        guard room > 0 else { return false }
        var isBusy = false
        for reader in readers where room > 0 { room -= redeliver(reader, now, limit: room) }
        if room > 0 { room -= feedShelf(now, limit: min(room, max(0, options.maxInFlight - load.count))) }
        guard isShelfOpen else {
            hasRoom = room > 0
            return room <= 0 && subscription.room > 0
        }
        turn = (turn + 1) % readers.count
        for index in readers.indices where room > 0 {
            let reader = readers[(turn + index) % readers.count]
            guard reader.feed.hasRecords.load(ordering: .acquiring), !course.going.contains(reader.feed.partition)
            else {
                continue
            }
            let behind = roomBehindFailures(of: reader)
            guard behind > 0 else {
                // Woken when a part is settled, and not for every message.
                let part = PartitionLedger.part(ofMetadataRoom: SettledOffsets.room(in: course.commit.metadataLimit))
                if load.wake(at: max(0, load.count - part)) { isBusy = true }
                continue
            }
            let allowed = options.maxInFlight - load.count
            guard allowed > 0 else {
                // Half of it has to be settled first, so that the thread is not woken for every message.
                if load.wake(at: options.maxInFlight / 2) { isBusy = true }
                break
            }
            let affordable = subscription.roomBytes / typicalSize
            let count = read(reader, now, limit: min(room, allowed, behind, max(1, affordable)))
            // What came may have used up the bytes.
            room = min(room - count, subscription.room)
            if count < behind, reader.feed.hasRecords.load(ordering: .acquiring) { isBusy = isBusy || room > 0 }
        }
        // Asking once more tells the subscription to call when there is room.
        if room <= 0 { isBusy = subscription.room > 0 }
        hasRoom = room > 0
        return isBusy
    }

    private func redeliver(_ reader: PartitionReader, _ now: MonotonicTime, limit: Int) -> Int {
        guard !course.going.contains(reader.feed.partition) else { return 0 }
        let due = reader.feed.ledger.withLock { $0.takeDue(now: now, limit: limit) }
        guard !due.isEmpty else { return 0 }
        subscription.offer(
            held: due.map { waiting in
                Delivery(
                    waiting.item.message, origin: waiting.item.origin, settler: reader.feed,
                    tag: UInt64(waiting.place), arrival: now)
            })
        return due.count
    }

    /// - Returns: how many deliveries were handed over.
    private func read(_ reader: PartitionReader, _ now: MonotonicTime, limit: Int) -> Int {
        let count = reader.take(into: UnsafeMutableBufferPointer(rebasing: buffer[..<min(limit, buffer.count)]))
        guard count > 0 else { return 0 }
        noteSuccess()
        defer { for index in 0..<count { rd_kafka_message_destroy(buffer[index]) } }
        var delivered = 0
        var index = 0
        while index < count {
            let end = admit(reader, index..<count)
            delivered += deliver(reader, index..<end, now)
            guard end < count else { break }
            // Offsets go back: the topic was recreated, or cut back by an unclean election.
            logger.warning(
                "a partition's offsets went back; it is read anew from there",
                metadata: ["partition": "\(reader.feed.partition)", "offset": "\(buffer[end]?.pointee.offset ?? -1)"])
            reader.start(over: PartitionFeed(reader.feed.partition, from: nil, load: load))
            publishFeeds()
            index = end
        }
        return delivered
    }

    /// Enters the records into the partition's ledger, under one lock.
    /// - Returns: the index of the first that does not continue the partition.
    private func admit(_ reader: PartitionReader, _ range: Range<Int>) -> Int {
        // Ours for as long as this takes, so that nothing is checked at every record.
        var admissions: [PartitionLedger.Admission] = []
        swap(&admissions, &self.admissions)
        defer { swap(&admissions, &self.admissions) }
        admissions.removeAll(keepingCapacity: true)
        var unsettled = 0
        let end = reader.feed.ledger.withLock { ledger -> Int in
            for index in range {
                guard let native = buffer[index] else { return index }
                let offset = native.pointee.offset
                var admission = PartitionLedger.Admission.skip
                if native.pointee.err == RD_KAFKA_RESP_ERR__PARTITION_EOF {
                    if offset >= 0, offset <= SettledOffsets.largestOffset { ledger.reachedEnd(at: offset) }
                } else if native.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR, offset >= 0,
                    offset < SettledOffsets.largestOffset
                {
                    guard ledger.continues(with: offset + 1) else { return index }
                    admission = ledger.read(offset + 1, RecordCopier.timestamp(of: native))
                    if admission != .skip { unsettled += 1 }
                }
                admissions.append(admission)
            }
            return range.upperBound
        }
        load.deliver(unsettled)
        return end
    }

    private func deliver(_ reader: PartitionReader, _ range: Range<Int>, _ now: MonotonicTime) -> Int {
        if copier.append(buffer[range], admissions) < range.count {
            for index in range { if let native = buffer[index] { note(problem: native) } }
        }
        guard !copier.isEmpty else { return 0 }
        let table = copier.table()
        typicalSize = max(table.size(0..<table.count) / table.count, typicalSize * 3 / 4, 256)
        // What an ended subscription does not take rejects itself.
        let batch = RecordBatch(table, of: reader.feed, records, arrival: now)
        if load.shelf.isIdle {
            subscription.offer(batch, count: table.count)
        } else {
            deliverAroundShelf(batch, count: table.count)
        }
        return table.count
    }

    private func note(problem native: UnsafePointer<rd_kafka_message_t>) {
        let code = native.pointee.err
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR, code != RD_KAFKA_RESP_ERR__PARTITION_EOF else { return }
        monitor.report(code, rd_kafka_message_errstr(native), of: client?.handle)
    }

    /// Takes back what waits in the subscription and belongs to these partitions: their next owner delivers
    /// it.
    func withdraw(_ partitions: [Int32]) {
        let buffered = subscription.takeBack()
        guard !buffered.isEmpty else { return }
        // The others go back in their order; dropping the last reference rejects the rest.
        subscription.offer(held: buffered.filter { $0.origin.partition.map(partitions.contains) != true })
        subscription.shelf?.noteRestart()
    }
}
