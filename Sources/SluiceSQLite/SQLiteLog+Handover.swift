import GRDB
import GRDBSQLite
package import Sluice

/// What a topic's readers have left, to be read by one group that takes it elsewhere.
package struct SQLiteHandover: Sendable {
    /// What each of the readers has settled, by the name of its group.
    package var settled: [String: OffsetSet] = [:]
    /// How many messages the group has to take.
    package var messages: Int64 = 0
    /// Whether the group was not there before.
    package var isNew = false

    package init() {}
}

extension SQLiteLog {
    /// Gives `group` what is left of a topic, durably: everything but what each of its readers that count has settled,
    /// and what the group itself settled before. Without anything left it makes no group, and ends a handover that was
    /// begun before.
    /// - Parameters:
    ///   - readers: the names of the groups that read the topic. Those that do not exist are passed over.
    ///   - required: those of them that count however long ago they last read.
    ///   - idle: for how long after they last read the others count.
    ///   - makes: as of ``endHandover(of:readBy:makes:to:)``.
    /// - Throws: ``SQLiteLogError``.
    package func beginHandover(
        of topic: Topic, readBy readers: Set<String>, required: Set<String>, idle: Duration, makes: Bool = false,
        to group: String
    ) async throws -> SQLiteHandover {
        let limit = Int64(clamping: idle.wholeNanoseconds / 1_000_000)
        return try await writer.perform { loop in
            try loop.beginHandover(
                of: topic, readBy: readers, required: required, idle: limit, makes: makes, to: group)
        }
    }

    /// Once `group` has taken everything: its readers count as having settled it too, so that they neither wait nor keep
    /// anything.
    /// - Parameter makes: whether a reader that has no group yet gets one.
    /// - Returns: false while something is left, or another process reads for one of the readers.
    /// - Throws: ``SQLiteLogError``.
    package func endHandover(
        of topic: Topic, readBy readers: Set<String>, makes: Bool = false, to group: String
    ) async throws -> Bool {
        try await writer.perform { loop in
            try loop.endHandover(of: topic, readBy: readers, makes: makes, to: group)
        }
    }

    /// What the file remembers under this name; nil for nothing.
    /// - Throws: ``SQLiteLogError``.
    package func fact(_ name: String) async throws -> String? {
        try await reader.perform { loop in
            try String.fetchOne(loop.database, sql: "SELECT value FROM facts WHERE name = ?", arguments: [name])
        }
    }

    /// What the file remembers under names that begin so.
    /// - Throws: ``SQLiteLogError``.
    package func facts(prefix: String) async throws -> [String: String] {
        try await reader.perform { loop in
            var facts: [String: String] = [:]
            let rows = try Row.fetchAll(
                loop.database, sql: "SELECT name, value FROM facts WHERE name >= ?1 AND name < ?1 || char(1114111)",
                arguments: [prefix])
            for row in rows { facts[row[0]] = row[1] }
            return facts
        }
    }

    /// Remembers, or forgets.
    /// - Throws: ``SQLiteLogError``.
    package func setFact(_ name: String, _ value: String?) async throws {
        try await writer.perform { loop in
            if let value {
                try loop.database.execute(
                    sql: "INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", arguments: [name, value])
            } else {
                try loop.database.execute(sql: "DELETE FROM facts WHERE name = ?", arguments: [name])
            }
        }
    }
}

extension WriterLoop {
    private struct Row {
        let id: Int64
        let name: String
        let settled: OffsetSet
        let lastRead: Int64
    }

    fileprivate func beginHandover(
        of topic: Topic, readBy readers: Set<String>, required: Set<String>, idle: Int64, makes: Bool, to group: String
    ) throws -> SQLiteHandover {
        guard let (topicID, deleted, last) = try find(topic) else { return SQLiteHandover() }
        let rows = try rows(of: topicID)
        // While the time is in doubt, every reader counts.
        let now = clock.trustedNow?.millisecondsSince1970
        var common: OffsetSet?
        var handover = SQLiteHandover()
        for row in rows where readers.contains(row.name) {
            handover.settled[row.name] = row.settled
            let isCurrent = now.map { row.lastRead.addingSaturated(idle) > $0 } ?? true
            guard required.contains(row.name) || isCurrent else { continue }
            common = common.map { $0.intersection(row.settled) } ?? row.settled
        }
        let known = rows.first { $0.name == group }
        if let known, !isUnread(known.id) {
            // It goes on, here or in another process.
            handover.messages = Self.pending(known.settled, deleted, last)
            return handover
        }
        var settled = (common ?? OffsetSet()).union(OffsetSet(through: deleted))
        if let known { settled = settled.union(known.settled) }
        handover.messages = Self.pending(settled, deleted, last)
        handover.isNew = known == nil
        if handover.messages == 0, known == nil { return handover }
        let row = try known?.id ?? self.group(group, topic: topic, start: .beginning).row
        try write(settled, to: row)
        // The process that moved the last of it may have been killed before it could end the handover.
        if handover.messages == 0, try endHandover(of: topic, readBy: readers, makes: makes, to: group) {
            try database.execute(sql: "DELETE FROM groups WHERE id = ?", arguments: [row])
        }
        return handover
    }

    fileprivate func endHandover(
        of topic: Topic, readBy readers: Set<String>, makes: Bool, to group: String
    ) throws -> Bool {
        guard let (topicID, deleted, last) = try find(topic) else { return true }
        if makes { for reader in readers { _ = try self.group(reader, topic: topic, start: .beginning) } }
        let rows = try rows(of: topicID)
        guard let taken = rows.first(where: { $0.name == group })?.settled, Self.pending(taken, deleted, last) == 0
        else { return false }
        let read = rows.filter { readers.contains($0.name) }
        guard read.allSatisfy({ isUnread($0.id) }) else { return false }
        for row in read { try write(OffsetSet(through: last), to: row.id) }
        return true
    }

    private func isUnread(_ row: Int64) -> Bool {
        leases.isFree(row, .now()) && !registry.all.contains { $0.row == row }
    }

    private static func pending(_ settled: OffsetSet, _ deleted: Int64, _ last: Int64) -> Int64 {
        let settled = settled.union(OffsetSet(through: deleted))
        return max(0, last.subtractingSaturated(settled.through).subtractingSaturated(settled.countAhead))
    }

    private func find(_ topic: Topic) throws -> (id: Int64, deleted: Int64, last: Int64)? {
        guard
            let id = try Int64.fetchOne(
                database, sql: "SELECT id FROM topics WHERE name = ?", arguments: [topic.name])
        else { return nil }
        let cursor = try TopicCursor(id: id, database: database, path: path)
        return (id, try cursor.deletedThrough(), try cursor.lastOffset())
    }

    private func rows(of topic: Int64) throws -> [Row] {
        let groups = try SQLStatement(
            database, path: path, "SELECT id, name, settled_through, ahead, last_read FROM groups WHERE topic = ?")
        groups.bind(topic, at: 1)
        defer { groups.reset() }
        var rows: [Row] = []
        while try groups.step() {
            let settled = groups.withBytes(3) { OffsetSet(through: groups.integer(2), ahead: $0) }
            rows.append(
                Row(
                    id: groups.integer(0), name: groups.text(1),
                    // What a group has put aside it has yet to deliver.
                    settled: settled.subtracting(ascending: try shelves.offsets(of: groups.integer(0))),
                    lastRead: groups.integer(4)))
        }
        return rows
    }

    private func write(_ settled: OffsetSet, to row: Int64) throws {
        let move = try SQLStatement(
            database, path: path,
            "UPDATE groups SET settled_through = ?, ahead = ?, ahead_count = ?, shelved = 0 WHERE id = ?")
        move.bind(settled.through, at: 1)
        if settled.ranges.isEmpty { move.bindNull(at: 2) } else { move.bind(settled.encodeAhead(), at: 2) }
        move.bind(settled.countAhead, at: 3)
        move.bind(row, at: 4)
        try move.run()
        try shelves.clear(row)
    }
}
