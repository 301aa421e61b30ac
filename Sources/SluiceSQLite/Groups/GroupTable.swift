import Sluice

/// Reads what the file says of all groups, also one of schema 1.
struct GroupTable {
    typealias Prepare = (String) throws(SQLiteLogError) -> SQLStatement

    private let prepare: Prepare
    private let groups: SQLStatement
    /// Whether the file remembers facts.
    private let hasFacts: Bool

    init(_ prepare: @escaping Prepare) throws(SQLiteLogError) {
        self.prepare = prepare
        let columns = try prepare("SELECT count(*) FROM pragma_table_info('groups') WHERE name = 'last_read'")
        let lastRead = try columns.integer() == 1 ? "g.last_read" : "0"
        let shelves = try prepare("SELECT count(*) FROM pragma_table_info('groups') WHERE name = 'shelved'")
        let (shelved, first) =
            try shelves.integer() == 1
            ? ("g.shelved", "CASE WHEN g.shelved > 0 THEN \(ShelfTable.first) END") : ("0", "NULL")
        let facts = try prepare("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'facts'")
        hasFacts = try facts.integer() ?? 0 > 0
        groups = try prepare(
            """
            SELECT g.id, g.topic, t.name, g.name, g.settled_through, g.ahead, t.deleted_through, \(lastRead), g.owner,
                g.lease_end, \(shelved), \(first)
            FROM groups g JOIN topics t ON t.id = g.topic ORDER BY t.name, g.name
            """)
    }

    /// - Parameters:
    ///   - isGone: whether the owner of a lease is known to have ended.
    ///   - ours: the rows that this process reads for, or would if no other did.
    ///   - owner: who this process is as the owner of leases.
    func read(
        present: Timestamp, isGone: ([UInt8]) -> Bool, ours: Set<Int64> = [], owner: [UInt8] = []
    ) throws(SQLiteLogError) -> [SQLiteGroup] {
        var result: [SQLiteGroup] = []
        defer { groups.reset() }
        while try groups.step() {
            var settled = groups.withBytes(5) { OffsetSet(through: groups.integer(4), ahead: $0) }
            let deleted = groups.integer(6)
            if deleted > settled.through { settled.insert(0...min(deleted, OffsetSet.limit - 1)) }
            if hasFacts {
                let single = SingleSettlements(groups.text(3), Topic(groups.text(2)))
                settled.insert(ascending: try single.read(prepare))
            }
            let lastRead = groups.integer(7)
            let first = groups.isNull(11) ? OffsetSet.limit : groups.integer(11)
            var reader: SQLiteGroup.Reader?
            if ours.contains(groups.integer(0)) { reader = .thisProcess }
            if !groups.isNull(8) {
                let holder = groups.bytes(8)
                let isHeld = groups.integer(9) > present.millisecondsSince1970 && !isGone(holder)
                if isHeld, holder != owner { reader = .process(LeaseOwner.process(of: holder)) }
            }
            result.append(
                SQLiteGroup(
                    topic: Topic(groups.text(2)), name: groups.text(3),
                    settledThrough: min(settled.through, first.subtractingSaturated(1)),
                    backlog: try backlog(of: groups.integer(1), settled, shelved: groups.integer(10), first: first),
                    lastRead: lastRead > 0 ? Timestamp(millisecondsSince1970: lastRead) : nil, reader: reader))
        }
        return result
    }

    private func backlog(
        of topic: Int64, _ settled: OffsetSet, shelved: Int64, first: Int64
    ) throws(SQLiteLogError) -> SQLiteBacklog {
        let last = try prepare(TopicTable.lastOffset(topic: topic)).integer() ?? 0
        let pending =
            max(0, last.subtractingSaturated(settled.through).subtractingSaturated(settled.countAhead))
            .addingSaturated(max(0, shelved))
        guard pending > 0 else { return SQLiteBacklog(messages: 0) }
        let oldest = try prepare(
            "SELECT time FROM \(Schema.table(ofTopic: topic)) WHERE offset > ? ORDER BY offset LIMIT 1")
        oldest.bind(min(settled.through, first.subtractingSaturated(1)), at: 1)
        return SQLiteBacklog(
            messages: pending, shelved: max(0, shelved),
            oldestPending: try oldest.integer().map(Timestamp.init(millisecondsSince1970:)))
    }
}
