import Sluice

/// What one partition has delivered, settled, and must deliver again, from its assignment to its revocation. A state
/// machine without I/O.
///
/// It counts in places: a record's place is its offset + 1, so that "everything through place n is settled" is what
/// Kafka calls the committed offset n.
struct PartitionLedger {
    /// A message that waits to be delivered again.
    struct Waiting {
        var message: Message
        /// With the attempt that comes next.
        var origin: Delivery.Origin
    }

    /// What to do with a record that was read.
    enum Admission: Equatable {
        case deliver(redelivered: Bool)
        /// It was settled before this process had the partition.
        case skip
    }

    /// What a settlement may change for the thread that feeds and commits.
    struct Change: OptionSet {
        let rawValue: UInt8
        /// There is something to commit, and was not before.
        static let commit = Change(rawValue: 1)
        /// No handler has anything of it any more.
        static let empty = Change(rawValue: 2)
        /// A message waits for redelivery.
        static let redeliver = Change(rawValue: 4)
    }

    /// Nil until it is known where reading begins.
    private(set) var settled: OffsetSet?
    /// The last place that was read.
    private(set) var cursor: Int64 = 0
    /// Places up to this one may have been delivered before this process had the partition.
    private let deliveredBefore: Int64
    /// How many deliveries are not settled, without those that rest.
    private(set) var inHand = 0
    /// Places of deliveries that rest in a route without an order, as they would wait here.
    private var resting: Set<Int64> = []
    /// How many messages are put aside behind others of their key.
    private(set) var shelved = 0
    private(set) var waiting = RedeliveryQueue<Waiting>()
    /// Whether something changed that was not committed.
    private(set) var isDirty = false
    /// One past the newest offset that the broker has, as far as the client knows.
    private(set) var high: Int64?
    /// Acknowledged and not yet worked into the rest: noting one is on the handlers' path, working in is done in
    /// batches.
    private var noted: [Int64] = []
    private var isAnnounced = false
    /// When records were made: one mark for each second of them. Ascending by place.
    private var marks: [(place: Int64, time: Timestamp)] = []
    private(set) var isAbandoned = false
    /// How many messages were acknowledged and are in no commit yet that succeeded.
    private(set) var uncommitted = 0
    private var inCommit = 0
    /// Messages that have failed and are tried again, as far as they can be named.
    private var kept: [Int64: (id: String, key: String?)] = [:]
    /// What keeps the partition from being read on; nil while it is read.
    private(set) var holder: KafkaLag.Holder?

    init(_ start: SettledOffsets?) {
        settled = start?.settled
        cursor = start?.settled.through ?? 0
        deliveredBefore = start?.deliveredThrough ?? 0
    }

    /// Messages that were delivered and are not settled, those that wait for redelivery included.
    var unsettled: Int { inHand + resting.count + waiting.count }

    // MARK: Resting

    /// A message in hand waits in its route for its next attempt, and nothing behind it.
    mutating func rest(_ place: Int64) {
        guard !isAbandoned, resting.insert(place).inserted else { return }
        inHand -= 1
    }

    /// It is in hand again.
    mutating func takeUp(_ place: Int64) {
        guard resting.remove(place) != nil else { return }
        inHand += 1
    }

    // MARK: The shelf

    /// A message in hand is put aside.
    /// - Returns: false where nothing counts any more.
    mutating func shelve() -> Bool {
        guard !isAbandoned else { return false }
        inHand -= 1
        shelved += 1
        return true
    }

    /// One is in hand again.
    /// - Returns: false where nothing counts any more.
    mutating func unshelve() -> Bool {
        guard !isAbandoned else { return false }
        inHand += 1
        shelved -= 1
        return true
    }

    // MARK: What holds it up

    mutating func noteKept(_ place: Int64, _ message: Message, _ origin: Delivery.Origin) {
        guard !isAbandoned, kept[place] == nil, kept.count < Self.keptLimit else { return }
        kept[place] = ("\(message.id)", origin.key.flatMap(Self.printable))
    }

    private static let keptLimit = 2_048

    /// At most so many characters that a terminal shows.
    private static func printable(_ key: [UInt8]) -> String? {
        guard let text = String(validating: key.prefix(100), as: UTF8.self), !text.isEmpty,
            text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
        else { return nil }
        return text
    }

    /// How many more records may be read. What is in hand should fit into a commit whichever of it is settled first, for a
    /// message may fail at any time: once it fills most of one, none are read until a part of it is settled, rather than a
    /// few at a time. Where messages fail, few more are read once a commit can tell of few more, and none once it
    /// can tell of hardly any, or, of a partition that has put something aside, while the shelf is full. Then the first message
    /// that is not settled holds the partition up, until a third of what a commit tells of is gone.
    /// - Parameter metadataRoom: the bytes of a commit's numbers; nil where nothing is committed.
    mutating func room(metadataRoom: Int?, isShelfFull: Bool) -> Int {
        let fails = !kept.isEmpty || shelved > 0 || holder != nil
        guard fails || metadataRoom != nil else { return .max }
        let bound = metadataRoom.map { $0 / 4 * 3 }
        // Working in is done in batches here too, as long as all goes well.
        if fails || noted.count > (bound ?? .max) / 4 {
            let announced = isAnnounced
            absorb()
            isAnnounced = announced
        }
        guard let settled else { return bound ?? .max }
        var room = Int.max
        var isHeld = isShelfFull && shelved > 0
        if let metadataRoom, let bound {
            let size = settled.encodedSize
            isHeld = fails && (isHeld || size >= (holder == nil ? bound : metadataRoom / 2))
            // Every second message may make a range of two numbers.
            room = bound - size - inHand - noted.count
        }
        guard isHeld else {
            holder = nil
            if !fails, let bound, inHand >= bound / 2, room < bound / 4 { return 0 }
            // What is in hand may all wait for the one that fails: it fills the lanes, and is put aside.
            return max(Self.leastRead, room)
        }
        let known = kept[settled.through + 1]
        holder = KafkaLag.Holder(offset: settled.through, id: known?.id, key: known?.key)
        return 0
    }

    private static let leastRead = 16

    /// Of so many messages that are settled a partition is read on that is not read for what is in hand.
    static func part(ofMetadataRoom room: Int) -> Int { room / 4 * 3 / 4 }

    // MARK: Reading

    /// Whether this record may come next; otherwise the partition was cut back or recreated, and a new ledger is due.
    func continues(with place: Int64) -> Bool { settled == nil || place > cursor }

    /// Takes note of the next record. What lies between it and the one before is no longer in the log, or was never a
    /// message.
    mutating func read(_ place: Int64, _ time: Timestamp?) -> Admission {
        advance(to: place - 1)
        cursor = place
        guard settled?.contains(place) == false else { return .skip }
        if let time { mark(place, time) }
        inHand += 1
        return .deliver(redelivered: place <= deliveredBefore)
    }

    /// The partition has no more records before this place.
    mutating func reachedEnd(at place: Int64) {
        advance(to: place)
    }

    private mutating func advance(to place: Int64) {
        guard let known = settled else {
            settled = OffsetSet(through: place)
            cursor = place
            isDirty = true
            return
        }
        guard place > cursor else { return }
        if known.gap(after: cursor).lowerBound <= place {
            settled?.insert((cursor + 1)...place)
            isDirty = true
        }
        cursor = place
    }

    private mutating func mark(_ place: Int64, _ time: Timestamp) {
        if let last = marks.last, time.milliseconds(since: last.time) < 1_000 { return }
        marks.append((place, time))
    }

    mutating func note(high: Int64) {
        self.high = high
    }

    // MARK: Redelivering

    /// Takes messages that are due, oldest first: they are in hand again.
    mutating func takeDue(now: MonotonicTime, limit: Int) -> [RedeliveryQueue<Waiting>.Entry] {
        let due = waiting.takeDue(now: now, limit: limit)
        inHand += due.count
        return due
    }

    /// When the next redelivery is due.
    var nextDue: MonotonicTime? { waiting.nextDue }

    // MARK: Settling

    mutating func acknowledge(_ place: Int64) -> Change {
        guard !isAbandoned else { return [] }
        inHand -= 1
        uncommitted += 1
        noted.append(place)
        var change: Change = inHand == 0 ? .empty : []
        if !isAnnounced {
            isAnnounced = true
            change.insert(.commit)
        }
        return change
    }

    mutating func reject(
        _ place: Int64, _ message: Message, _ origin: Delivery.Origin, after delay: Duration?, now: MonotonicTime
    ) -> Change {
        guard !isAbandoned else { return [] }
        if resting.remove(place) == nil { inHand -= 1 }
        let attempt = origin.attempt
        var origin = origin
        origin.attempt += 1
        origin.redelivered = true
        waiting.reject(
            Waiting(message: message, origin: origin), at: place, attempt: attempt, after: delay, now: now)
        return inHand == 0 ? [.empty, .redeliver] : .redeliver
    }

    /// Another member reads the partition from now on: nothing counts any more, and nothing is kept.
    /// - Returns: how many messages were unsettled.
    mutating func abandon() -> Int {
        guard !isAbandoned else { return 0 }
        defer {
            isAbandoned = true
            inHand = 0
            resting = []
            waiting = RedeliveryQueue()
            noted = []
            isDirty = false
            (uncommitted, inCommit) = (0, 0)
            shelved = 0
            kept = [:]
            holder = nil
        }
        return unsettled
    }

    // MARK: Committing

    /// Works what was acknowledged into the rest.
    private mutating func absorb() {
        isAnnounced = false
        guard !noted.isEmpty, settled != nil else { return }
        if !zip(noted, noted.dropFirst()).allSatisfy({ $0 < $1 }) { noted.sort() }
        settled?.insert(ascending: noted)
        if !kept.isEmpty { for place in noted { kept[place] = nil } }
        noted.removeAll(keepingCapacity: true)
        isDirty = true
        let next = (settled?.through ?? 0) + 1
        let passed = marks.partitioningIndex { $0.place > next }
        if passed > 1 { marks.removeFirst(passed - 1) }
    }

    /// Whether there may be something to commit.
    var hasNews: Bool { isDirty || isAnnounced }

    /// What to commit now; nil when the broker knows it already.
    mutating func takeCommit() -> SettledOffsets? {
        absorb()
        guard isDirty, !isAbandoned, let settled else { return nil }
        isDirty = false
        inCommit = uncommitted
        return SettledOffsets(settled: settled, deliveredThrough: max(cursor, deliveredBefore, settled.through))
    }

    /// What was taken is committed.
    mutating func committed() {
        uncommitted -= inCommit
        inCommit = 0
    }

    /// Committing failed.
    mutating func markDirty() {
        guard !isAbandoned else { return }
        isDirty = true
        inCommit = 0
    }

    // MARK: Lag

    /// How many messages are not settled, and when the oldest of these was made; nil when the broker's end is not known.
    mutating func lag() -> (messages: Int64, oldest: Timestamp?)? {
        guard let high, !isAbandoned else { return nil }
        let announced = isAnnounced
        absorb()
        isAnnounced = announced
        guard let settled else { return nil }
        let messages = max(0, high.subtractingSaturated(settled.through).subtractingSaturated(settled.countAhead))
        return (messages, unsettled + shelved > 0 && messages > 0 ? marks.first?.time : nil)
    }
}
