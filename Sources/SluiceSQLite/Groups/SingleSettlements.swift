package import Sluice

/// Offsets that a group has settled and that its row does not have yet: a fact each, so that settling one costs the same however
/// much the row holds. Whatever writes the row works them in.
struct SingleSettlements {
    /// What is behind all names that begin with `?1`.
    private static let range = "name >= ?1 AND name < ?1 || char(1114111)"

    private let prefix: String

    init(_ group: String, _ topic: Topic) {
        // With lengths, so that no name begins with another's.
        prefix = "settled \(topic.name.utf8.count) \(topic.name) \(group.utf8.count) \(group) "
    }

    func name(of offset: Int64) -> String { "\(prefix)\(offset)" }

    /// - Returns: ascending.
    func read(_ prepare: GroupTable.Prepare) throws(SQLiteLogError) -> [Int64] {
        let find = try prepare("SELECT name FROM facts WHERE \(Self.range)")
        find.bind(prefix, at: 1)
        var offsets: [Int64] = []
        while try find.step() {
            guard let offset = Int64(find.text(0).dropFirst(prefix.count)), offset > 0, offset < OffsetSet.limit else {
                continue
            }
            offsets.append(offset)
        }
        return offsets.sorted()
    }

    func exist(_ prepare: GroupTable.Prepare) throws(SQLiteLogError) -> Bool {
        let find = try prepare("SELECT EXISTS (SELECT 1 FROM facts WHERE \(Self.range))")
        find.bind(prefix, at: 1)
        return try find.integer() == 1
    }

    func forget(_ prepare: GroupTable.Prepare) throws(SQLiteLogError) {
        try forget(try read(prepare), prepare)
    }

    func forget(_ offsets: [Int64], _ prepare: GroupTable.Prepare) throws(SQLiteLogError) {
        guard !offsets.isEmpty else { return }
        let delete = try prepare("DELETE FROM facts WHERE name = ?")
        for offset in offsets {
            delete.bind(name(of: offset), at: 1)
            try delete.run()
        }
    }
}

extension SQLiteLog {
    /// Whether a group has settled something that its row does not have yet.
    /// - Throws: ``SQLiteLogError``.
    package func hasSettledSingly(by group: String, of topic: Topic) async throws -> Bool {
        try await reader.perform { loop in try SingleSettlements(group, topic).exist(loop.prepare) }
    }
}

extension SQLiteTransaction {
    /// Settles a message for a group that no process reads for, at a cost that does not grow with what the group has settled.
    /// Call ``gather(by:of:)`` now and then.
    /// - Throws: ``SQLiteLogError``: `groupInUse` while a process reads for it.
    package func settleSingly(_ offset: Int64, by group: String, of topic: Topic) throws {
        _ = try unreadRow(of: group, topic)
        try setFact(SingleSettlements(group, topic).name(of: offset), "")
    }

    /// Works what was settled singly into the group's row.
    /// - Throws: ``SQLiteLogError``: `groupInUse` while a process reads for it.
    package func gather(by group: String, of topic: Topic) throws {
        try write([], group, topic)
    }

    /// Settles messages for a group that no process reads for.
    /// - Parameter offsets: ascending.
    /// - Throws: ``SQLiteLogError``: `groupInUse` while a process reads for it.
    package func settle(_ offsets: [Int64], by group: String, of topic: Topic) throws {
        guard !offsets.isEmpty else { return }
        try write(offsets, group, topic)
    }

    private func write(_ offsets: [Int64], _ group: String, _ topic: Topic) throws {
        guard try !offsets.isEmpty || SingleSettlements(group, topic).exist(loop.prepare) else { return }
        try loop.settle(offsets, ofRow: try unreadRow(of: group, topic), group, topic)
    }

    /// What a group has settled, also out of order.
    package func settled(by group: String, of topic: Topic) throws -> OffsetSet {
        var settled = try loop.settled(ofRow: try loop.group(group, topic: topic, start: .beginning).row)
        settled.insert(ascending: try SingleSettlements(group, topic).read(loop.prepare))
        return settled
    }

    /// The group's row, where no process reads for it.
    private func unreadRow(of group: String, _ topic: Topic) throws -> Int64 {
        let row = try loop.group(group, topic: topic, start: .beginning).row
        guard loop.leases.isFree(row, .now()), !loop.registry.all.contains(where: { $0.row == row }) else {
            throw SQLiteLogError(.groupInUse, path: loop.path, detail: "\(group) on \(topic.name)")
        }
        return row
    }
}

extension WriterLoop {
    func prepare(_ sql: String) throws(SQLiteLogError) -> SQLStatement { try SQLStatement(database, path: path, sql) }

    /// Writes into a group's row what it has settled singly, and these. Call inside a transaction, where no process reads for it.
    /// - Parameter offsets: ascending.
    func settle(_ offsets: [Int64] = [], ofRow row: Int64, _ group: String, _ topic: Topic) throws(SQLiteLogError) {
        let single = SingleSettlements(group, topic)
        let singles = try single.read(prepare)
        guard !offsets.isEmpty || !singles.isEmpty else { return }
        var settled = try settled(ofRow: row)
        settled.insert(ascending: singles)
        settled.insert(ascending: offsets)
        let write = try prepare("UPDATE groups SET settled_through = ?, ahead = ?, ahead_count = ? WHERE id = ?")
        write.bind(settled.through, at: 1)
        if settled.ranges.isEmpty { write.bindNull(at: 2) } else { write.bind(settled.encodeAhead(), at: 2) }
        write.bind(settled.countAhead, at: 3)
        write.bind(row, at: 4)
        try write.run()
        try single.forget(singles, prepare)
    }

    fileprivate func settled(ofRow row: Int64) throws(SQLiteLogError) -> OffsetSet {
        let find = try prepare(
            """
            SELECT g.settled_through, g.ahead, t.deleted_through FROM groups g JOIN topics t ON t.id = g.topic
            WHERE g.id = ?
            """)
        find.bind(row, at: 1)
        guard try find.step() else { return OffsetSet() }
        var settled = find.withBytes(1) { OffsetSet(through: find.integer(0), ahead: $0) }
        settled.insert(0...max(0, min(find.integer(2), OffsetSet.limit - 1)))
        return settled
    }
}
