public import Sluice
import Synchronization

/// Where a message of the log is for one of the groups that read it.
public struct SQLiteMessagePlace: Sendable, Equatable {
    /// What the group has made of it so far.
    public struct Kind: Sendable, Hashable {
        let word: String

        /// Handled, or passed over.
        public static let settled = Kind(word: "settled")
        /// Delivered, and not settled: a handler has it, or its route keeps it until its next attempt.
        public static let inFlight = Kind(word: "in flight")
        /// Rejected: it is delivered again when it is due.
        public static let waiting = Kind(word: "waiting")
        /// Put aside behind another message of its key that fails.
        public static let putAside = Kind(word: "put aside")
        /// The group has not come to it.
        public static let unread = Kind(word: "unread")
    }

    public var kind: Kind
    /// When its next attempt is due; nil where that is not known.
    public var due: Timestamp?
    /// How far it has come, where that is kept.
    public var progress: Delivery.Progress?
    /// How many messages before it the group has not settled.
    public var ahead: Int64 = 0
    /// Whether this process reads for the group. Otherwise it is what the file says: some milliseconds old, and a message that
    /// is in another process's hands counts as unread.
    public var isLedHere = false

    public init(_ kind: Kind, ahead: Int64 = 0, isLedHere: Bool = false) {
        self.kind = kind
        self.ahead = ahead
        self.isLedHere = isLedHere
    }
}

extension SQLiteLog {
    /// Where a message is for a group; nil where there is no such group.
    /// - Throws: ``SQLiteLogError``.
    public func place(of offset: Int64, group: String, topic: Topic) async throws -> SQLiteMessagePlace? {
        let registry = registry
        return try await reader.perform { loop in
            let prepare: GroupTable.Prepare = { sql throws(SQLiteLogError) in
                try SQLStatement(loop.database, path: loop.path, sql)
            }
            guard let file = try FilePlace(of: offset, group, topic, prepare) else { return nil }
            let now = (Timestamp.now(), MonotonicTime.now())
            let ledger = registry.find(group, of: topic)?.state.withLock { state in
                state.ledger.map { $0.place(of: offset, isOnShelf: file.isOnShelf, now: now) }
            }
            return ledger ?? file.place
        }
    }
}

extension SQLiteLogView {
    /// Where a message is for a group, as the file says; nil where there is no such group.
    /// - Throws: ``SQLiteLogError``.
    public func place(
        of offset: Int64, group: String, topic: Topic
    ) throws(SQLiteLogError) -> SQLiteMessagePlace? {
        try look { file throws(SQLiteLogError) in
            try FilePlace(of: offset, group, topic, file.statement)?.place
        }
    }

    /// The offsets at which a message was published, and when. Looks at each of the topic's messages of that time.
    /// - Parameters:
    ///   - id: the message's.
    ///   - topic: which topic.
    ///   - from: looks no further back; nil is the beginning.
    ///   - through: looks no further; nil is the end.
    ///   - limit: how many messages it looks at, at most: the last of them.
    /// - Throws: ``SQLiteLogError``.
    public func offsets(
        of id: MessageID, in topic: Topic, from: Timestamp? = nil, through: Timestamp? = nil, limit: Int64 = 1_000_000
    ) throws(SQLiteLogError) -> [(offset: Int64, time: Timestamp)] {
        try look { file throws(SQLiteLogError) in
            guard let cursor = try file.cursor(for: topic) else { return [] }
            var last = try cursor.lastOffset()
            if let through, let end = try cursor.offset(at: through) { last = min(last, end) }
            var first = max(1, last.subtractingSaturated(limit).addingSaturated(1))
            if let from {
                guard let start = try cursor.offset(at: from) else { return [] }
                first = max(first, start)
            }
            guard first <= last else { return [] }
            let find = try file.statement(
                "SELECT offset, time FROM \(Schema.table(ofTopic: cursor.id)) WHERE offset BETWEEN ? AND ? AND id = ?")
            find.bind(first, at: 1)
            find.bind(last, at: 2)
            if let (high, low) = id.bits {
                find.bind(withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0) }, at: 3)
            } else {
                find.bind(id.description, at: 3)
            }
            var found: [(offset: Int64, time: Timestamp)] = []
            while try find.step() {
                found.append((find.integer(0), Timestamp(millisecondsSince1970: find.integer(1))))
            }
            return found
        }
    }
}

/// What a log's file says of a message's place.
struct FilePlace {
    let isOnShelf: Bool
    let place: SQLiteMessagePlace

    /// - Returns: nil where there is no such group.
    init?(
        of offset: Int64, _ group: String, _ topic: Topic, _ prepare: GroupTable.Prepare
    ) throws(SQLiteLogError) {
        let find = try prepare(
            """
            SELECT g.id, g.settled_through, g.ahead, t.deleted_through FROM groups g JOIN topics t ON t.id = g.topic
            WHERE t.name = ? AND g.name = ?
            """)
        find.bind(topic.name, at: 1)
        find.bind(group, at: 2)
        guard try find.step() else { return nil }
        let row = find.integer(0)
        var settled = find.withBytes(2) { OffsetSet(through: find.integer(1), ahead: $0) }
        let deleted = find.integer(3)
        find.reset()
        if deleted > settled.through { settled.insert(0...min(deleted, OffsetSet.limit - 1)) }
        func has(_ table: String) throws(SQLiteLogError) -> Bool {
            let look = try prepare("SELECT count(*) FROM pragma_table_info('\(table)')")
            return try look.integer() ?? 0 > 0
        }
        var isOnShelf = false
        if try has("shelved") {
            let shelved = try prepare("SELECT count(*) FROM shelved WHERE consumer_group = ? AND offset = ?")
            shelved.bind(row, at: 1)
            shelved.bind(offset, at: 2)
            isOnShelf = try shelved.integer() ?? 0 > 0
        }
        var place = SQLiteMessagePlace(isOnShelf ? .putAside : settled.contains(offset) ? .settled : .unread)
        if place.kind != .settled {
            place.ahead = settled.missing(before: offset)
            if try has("progress") {
                let progress = try prepare(
                    """
                    SELECT attempts, failed, throttled, first_failure, due, wait FROM progress
                    WHERE consumer_group = ? AND offset = ?
                    """)
                progress.bind(row, at: 1)
                progress.bind(offset, at: 2)
                if try progress.step() {
                    let due = Timestamp(millisecondsSince1970: progress.integer(4))
                    place.progress = Delivery.Progress(
                        attempts: Int(clamping: progress.integer(0)),
                        failedAttempts: Int(clamping: progress.integer(1)),
                        throttledAnswers: Int(clamping: progress.integer(2)),
                        firstFailure: Timestamp(millisecondsSince1970: progress.integer(3)), due: due,
                        wait: .milliseconds(max(0, progress.integer(5))))
                    place.due = due
                    if !isOnShelf { place.kind = .waiting }
                }
                progress.reset()
            }
        }
        self.isOnShelf = isOnShelf
        self.place = place
    }
}

extension GroupLedger {
    /// Where a message is.
    /// - Parameters:
    ///   - isOnShelf: whether the file has it as put aside.
    ///   - now: by both clocks.
    func place(
        of offset: Int64, isOnShelf: Bool, now: (wall: Timestamp, clock: MonotonicTime)
    ) -> SQLiteMessagePlace {
        // With what was acknowledged and is not worked in yet.
        var ledger = self
        ledger.absorb()
        var place = SQLiteMessagePlace(.settled, isLedHere: true)
        place.progress = ledger.progress.entries[offset]
        place.due = place.progress?.due
        place.ahead = ledger.settled.missing(before: offset)
        if let entry = ledger.waiting.entries.first(where: { $0.place == offset }) {
            place.kind = .waiting
            place.due = now.wall.advanced(by: now.clock.duration(to: max(entry.due, now.clock)))
        } else if ledger.inFlight.contains(where: { $0.offset == offset }) || ledger.shelf.fed[offset] != nil {
            place.kind = .inFlight
        } else if ledger.shelf.isPutAside(offset, inFile: isOnShelf) {
            place.kind = .putAside
        } else if ledger.settled.contains(offset) {
            (place.progress, place.due, place.ahead) = (nil, nil, 0)
        } else {
            place.kind = offset > ledger.cursor ? .unread : .inFlight
        }
        return place
    }
}

extension ShelfLedger {
    /// - Parameter inFile: whether the file has a row of it.
    fileprivate func isPutAside(_ offset: Int64, inFile: Bool) -> Bool {
        if finished.contains(where: { $0.offset == offset }) { return false }
        return inFile || unwritten.contains { $0.offset == offset }
    }
}

extension OffsetSet {
    /// How many offsets before this one are not in the set.
    fileprivate func missing(before offset: Int64) -> Int64 {
        guard offset > through else { return 0 }
        let known = ranges.reduce(Int64(0)) { sum, range in
            range.lowerBound >= offset ? sum : sum + min(range.upperBound, offset - 1) - range.lowerBound + 1
        }
        return max(0, offset - 1 - through - known)
    }
}
