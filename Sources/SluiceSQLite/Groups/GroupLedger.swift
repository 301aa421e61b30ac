import Sluice

/// What a group that is led here has settled, has in flight, and must deliver again. A state machine without I/O.
struct GroupLedger {
    /// A message that was delivered and not settled.
    struct Outstanding: Equatable {
        var offset: Int64
        var feed: UInt32
        var attempt: UInt32
    }

    /// A message that waits to be delivered again, by its offset, and the attempt that comes next.
    typealias Waiting = RedeliveryQueue<UInt32>.Entry

    private(set) var settled: OffsetSet
    /// The last offset that was read from the log.
    private(set) var cursor: Int64
    /// Offsets up to this one may have been delivered before this process led the group.
    private(set) var deliveredBefore: Int64

    /// Ascending by offset.
    private(set) var inFlight: [Outstanding] = []
    private(set) var waiting = RedeliveryQueue<UInt32>()
    /// Those in flight that rest in a route without an order.
    private var resting: Set<Int64> = []
    /// Acknowledged and not yet worked into the rest: noting one is on the handlers' path, working in is done in
    /// batches by the log's threads.
    private var noted: [Int64] = []
    /// Whether something changed that the file does not know.
    private(set) var isDirty = false
    /// What was put aside behind its keys.
    var shelf: ShelfLedger
    /// How far those have come that wait for their next attempt.
    private(set) var progress: ProgressLedger

    init(
        settled: OffsetSet, deliveredBefore: Int64 = 0, shelf: ShelfLedger = ShelfLedger(),
        progress: ProgressLedger = ProgressLedger()
    ) {
        self.settled = settled
        self.shelf = shelf
        self.progress = progress
        self.deliveredBefore = deliveredBefore
        cursor = settled.through
    }

    /// The same with nothing in flight: what is not settled is read again.
    func restarted() -> GroupLedger {
        var ledger = self
        ledger.absorb()
        ledger.deliveredBefore = max(deliveredBefore, cursor)
        ledger.cursor = ledger.settled.through
        ledger.inFlight = []
        ledger.resting = []
        ledger.waiting = RedeliveryQueue()
        ledger.shelf.restart()
        return ledger
    }

    /// How many messages are delivered or wait for redelivery: at least the true number, and exactly that after
    /// ``absorb()``.
    var unsettled: Int { inFlight.count + waiting.count }

    /// How many may be settled soon.
    var underWay: Int { inFlight.count - min(resting.count, inFlight.count) }

    var notedCount: Int { noted.count }

    // MARK: Delivering

    /// Takes messages that are due, oldest first.
    mutating func takeDue(now: MonotonicTime, limit: Int) -> [Waiting] { waiting.takeDue(now: now, limit: limit) }

    /// When the next redelivery is due.
    var nextDue: MonotonicTime? { waiting.nextDue }

    /// Takes note of messages that are about to be handed over.
    mutating func deliver(_ messages: [Outstanding]) {
        for message in messages {
            if let last = inFlight.last, last.offset >= message.offset {
                inFlight.insert(message, at: inFlight.partitioningIndex { $0.offset >= message.offset })
            } else {
                inFlight.append(message)
            }
        }
    }

    /// Moves the cursor; offsets that were skipped because the log no longer holds them count as settled.
    mutating func read(through offset: Int64) {
        cursor = max(cursor, offset)
    }

    /// These offsets are no longer in the log (retention).
    mutating func vanish(_ range: ClosedRange<Int64>) {
        settled.insert(range)
        waiting.removeAll { range.contains($0.place) }
        if !progress.isEmpty { progress.forget(in: range) }
        if shelf.isOut { for offset in shelf.out(in: range) { shelf.finish(offset) } }
        isDirty = true
    }

    /// What was taken as due, or read, could not be delivered after all.
    mutating func putBack(_ messages: [Waiting]) {
        for message in messages where !settled.contains(message.place) || shelf.fed[message.place] != nil {
            waiting.insert(message)
        }
    }

    // MARK: The shelf

    /// Where what has not been read begins.
    var unread: Int64 { settled.gap(after: cursor).lowerBound }

    /// A delivered message is put aside, unhandled.
    mutating func shelve(_ offset: Int64, _ key: [UInt8], feed: UInt32) {
        let index = inFlight.partitioningIndex { $0.offset >= offset }
        guard index < inFlight.count, inFlight[index].offset == offset, inFlight[index].feed == feed else { return }
        inFlight.remove(at: index)
        shelve([ShelfLedger.Entry(offset: offset, key: key)])
    }

    /// Messages that were read, or are due, are put aside instead of being delivered.
    /// - Parameter entries: ascending by offset.
    mutating func shelve(_ entries: [ShelfLedger.Entry]) {
        var fresh: [Int64] = []
        for entry in entries where shelf.put(entry.offset, entry.key) { fresh.append(entry.offset) }
        settled.insert(ascending: fresh)
        isDirty = true
    }

    /// The shelf's messages could not be handed out.
    mutating func unshelve(_ offsets: ArraySlice<Int64>, finished: Bool = false) {
        for offset in offsets {
            guard let key = shelf.fed[offset] else { continue }
            if finished { shelf.finish(offset) } else { _ = shelf.put(offset, key) }
        }
        isDirty = isDirty || finished
    }

    /// The shelf's messages to hand out are of other keys.
    mutating func moveShelved(_ entries: [ShelfLedger.Entry]) {
        for entry in entries { shelf.move(entry.offset, to: entry.key) }
        isDirty = true
    }

    // MARK: Settling

    /// - Returns: whether it is the first since the last ``absorb()``.
    mutating func acknowledge(_ offset: Int64) -> Bool {
        noted.append(offset)
        return noted.count == 1
    }

    /// Lets a rejected message wait for its next attempt.
    /// - Returns: false when the feed does not hold it (any more).
    mutating func reject(_ offset: Int64, feed: UInt32, after delay: Duration?, now: MonotonicTime) -> Bool {
        let index = inFlight.partitioningIndex { $0.offset >= offset }
        guard index < inFlight.count, inFlight[index].offset == offset, inFlight[index].feed == feed else {
            return false
        }
        let message = inFlight.remove(at: index)
        resting.remove(offset)
        waiting.reject(message.attempt &+ 1, at: offset, attempt: Int(message.attempt), after: delay, now: now)
        return true
    }

    /// A message in flight waits without a worker, and nothing behind it, or no longer does.
    mutating func note(_ offset: Int64, isResting: Bool) {
        if isResting { resting.insert(offset) } else { resting.remove(offset) }
    }

    /// A message has come so far, and is not settled.
    mutating func note(_ offset: Int64, _ progress: Delivery.Progress) {
        // A late word of a delivery that was taken back: the message was handled meanwhile.
        guard !settled.contains(offset) || shelf.fed[offset] != nil else { return }
        self.progress.note(offset, progress)
        isDirty = true
    }

    /// What was written of that is committed.
    mutating func confirm(_ written: [ProgressLedger.Change]) {
        progress.confirm(written)
    }

    /// Everything that the feed holds is delivered again, at once.
    mutating func abandon(feed: UInt32) {
        absorb()
        let held = inFlight.filter { $0.feed == feed }
        guard !held.isEmpty else { return }
        inFlight.removeAll { $0.feed == feed }
        for message in held {
            resting.remove(message.offset)
            if let key = shelf.fed[message.offset] {
                _ = shelf.put(message.offset, key)
            } else {
                waiting.insert(Waiting(message.attempt &+ 1, at: message.offset))
            }
        }
    }

    /// Where there is something on the shelf, older messages must not come after it because they rest.
    mutating func hasten() {
        if !shelf.isEmpty { waiting.hasten() }
    }

    /// Works what was acknowledged into the rest. Late acknowledgements, of messages that wait for redelivery because
    /// their subscription was closed, count too: they were handled.
    mutating func absorb() {
        guard !noted.isEmpty else { return }
        if !zip(noted, noted.dropFirst()).allSatisfy({ $0 < $1 }) { noted.sort() }
        let matched = removeFromFlight()
        if matched < noted.count, !waiting.isEmpty {
            waiting.removeAll { entry in
                let index = noted.partitioningIndex { $0 >= entry.place }
                return index < noted.count && noted[index] == entry.place
            }
        }
        settled.insert(ascending: noted)
        if shelf.isOut { for offset in noted { shelf.finish(offset) } }
        if !progress.isEmpty { for offset in noted { progress.forget(offset) } }
        noted.removeAll(keepingCapacity: true)
        isDirty = true
    }

    /// The state is about to be written.
    mutating func clean() {
        isDirty = false
    }

    /// Writing it failed.
    mutating func markDirty() {
        isDirty = true
    }

    private mutating func removeFromFlight() -> Int {
        var matched = 0
        var kept = 0
        var next = 0
        for index in inFlight.indices {
            let offset = inFlight[index].offset
            while next < noted.count, noted[next] < offset { next += 1 }
            if next < noted.count, noted[next] == offset {
                matched += 1
            } else {
                if kept != index { inFlight[kept] = inFlight[index] }
                kept += 1
            }
        }
        inFlight.removeLast(inFlight.count - kept)
        return matched
    }
}
