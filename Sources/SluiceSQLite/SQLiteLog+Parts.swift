import GRDB
package import Sluice

/// What each of two groups had settled when they became one.
package struct SQLiteParts: Sendable, Equatable {
    /// Of the group that goes on.
    package var own: OffsetSet
    package var other: OffsetSet
}

extension SQLiteLog {
    /// Has a topic's messages read by two groups that one has read, durably: `other` begins where `group` stands, with what is
    /// settled out of order, what is put aside, and how far messages have come. Where it does so already nothing changes.
    ///
    /// Two groups that have become one (``unite(_:with:topic:)``) are told apart again as they were, and both have what the one
    /// has settled since.
    /// - Throws: ``SQLiteLogError``: `groupInUse` while a process reads for the group.
    package func divide(_ group: String, from other: String, topic: Topic) async throws {
        try await writer.perform { loop in try loop.divide(group, other, topic) }
    }

    /// Has a topic's messages read by one group that two have read, durably: `group` goes on with what both have settled, and
    /// `other` is gone. Where there is no such group nothing changes.
    /// - Returns: what each of the two had settled, as long as the group has not settled all of that; what is delivered of it
    ///   the reader must be able to tell apart.
    /// - Throws: ``SQLiteLogError``: `groupInUse` while a process reads for one of them.
    package func unite(_ group: String, with other: String, topic: Topic) async throws -> SQLiteParts? {
        try await writer.perform { loop in try loop.unite(group, other, topic) }
    }
}

extension WriterLoop {
    private struct PartRow {
        let settled: OffsetSet
        let delivered: Int64
    }

    fileprivate func divide(_ group: String, _ other: String, _ topic: Topic) throws {
        guard let row = try find(group, topic) else { return }
        let parts = try parts(of: group, topic)
        if try find(other, topic) != nil {
            guard try isDivided(group, topic) else {
                throw SQLiteLogError(
                    .groupInUse, path: path,
                    detail: "\(other) on \(topic.name) is another reader's; `sluice groups remove` forgets it")
            }
            return
        }
        let led = try bringToRest(group, topic, row)
        guard let own = try read(row) else { return }
        try database.execute(
            sql: """
                INSERT INTO groups (topic, name, settled_through, ahead, ahead_count, delivered_through, last_read, shelved)
                SELECT topic, ?, settled_through, ahead, ahead_count, delivered_through, last_read, shelved FROM groups
                WHERE id = ?
                """, arguments: [other, row])
        let added = database.lastInsertedRowID
        try database.execute(
            sql:
                "INSERT INTO shelved (consumer_group, key, offset) SELECT ?, key, offset FROM shelved WHERE consumer_group = ?",
            arguments: [added, row])
        try copyProgress(from: row, to: added)
        try database.execute(
            sql: "INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)",
            arguments: [Self.dividedName(group, topic), other])
        if let parts {
            try write(own.settled.union(parts.own), own.delivered, to: row)
            try write(own.settled.union(parts.other), own.delivered, to: added)
            try forgetParts(of: group, topic)
            led?.resign()
        }
    }

    fileprivate func unite(_ group: String, _ other: String, _ topic: Topic) throws -> SQLiteParts? {
        guard let row = try find(group, topic) else { return nil }
        // One that was not divided from this one is another reader's own.
        guard try isDivided(group, topic), let second = try find(other, topic) else {
            return try remainingParts(of: group, row, topic)
        }
        let led = [try bringToRest(group, topic, row), try bringToRest(other, topic, second)]
        guard let own = try read(row), let its = try read(second) else { return nil }
        let parts = SQLiteParts(own: own.settled, other: its.settled)
        let common = parts.own.intersection(parts.other)
        try write(common, max(own.delivered, its.delivered), to: row)
        try shelves.clear(row)
        try copyProgress(from: second, to: row)
        try database.execute(sql: "DELETE FROM groups WHERE id = ?", arguments: [second])
        try shelves.clear(second)
        try progress.clear(second)
        try database.execute(sql: "DELETE FROM facts WHERE name = ?", arguments: [Self.dividedName(group, topic)])
        for group in led { group?.resign() }
        guard common.union(parts.own).union(parts.other) != common else { return nil }
        try database.execute(
            sql: "INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)",
            arguments: [Self.partsName(group, topic), parts.text])
        return parts
    }

    /// The group was moved: what its parts had settled counts for nothing any more. Call inside a transaction.
    func forgetParts(of group: String, _ topic: Topic) throws(SQLiteLogError) {
        let forget = try SQLStatement(database, path: path, "DELETE FROM facts WHERE name = ?")
        forget.bind(Self.partsName(group, topic), at: 1)
        try forget.run()
    }

    private static func partsName(_ group: String, _ topic: Topic) -> String { "parts of \(group) on \(topic.name)" }

    /// Says that there is a group that was divided from this one.
    private static func dividedName(_ group: String, _ topic: Topic) -> String {
        "\(group) on \(topic.name) is divided"
    }

    private func isDivided(_ group: String, _ topic: Topic) throws -> Bool {
        try Bool.fetchOne(
            database, sql: "SELECT EXISTS (SELECT 1 FROM facts WHERE name = ?)",
            arguments: [Self.dividedName(group, topic)]) ?? false
    }

    private func parts(of group: String, _ topic: Topic) throws -> SQLiteParts? {
        try String.fetchOne(
            database, sql: "SELECT value FROM facts WHERE name = ?", arguments: [Self.partsName(group, topic)]
        ).flatMap(SQLiteParts.init(text:))
    }

    /// - Returns: nil once the group has settled all that its parts had.
    private func remainingParts(of group: String, _ row: Int64, _ topic: Topic) throws -> SQLiteParts? {
        guard let parts = try parts(of: group, topic), let own = try read(row) else { return nil }
        guard own.settled.union(parts.own).union(parts.other) == own.settled else { return parts }
        try forgetParts(of: group, topic)
        return nil
    }

    private func find(_ group: String, _ topic: Topic) throws -> Int64? {
        try Int64.fetchOne(
            database, sql: "SELECT g.id FROM groups g JOIN topics t ON t.id = g.topic WHERE t.name = ? AND g.name = ?",
            arguments: [topic.name, group])
    }

    /// Writes what this process has settled of a group that nothing reads.
    /// - Returns: the group, where it is led here.
    private func bringToRest(_ group: String, _ topic: Topic, _ row: Int64) throws -> ConsumerGroup? {
        let led = registry.find(group, of: topic)
        guard leases.isFree(row, .now()), led?.isSubscribed != true else {
            throw SQLiteLogError(.groupInUse, path: path, detail: "\(group) on \(topic.name)")
        }
        if let led { try settleFinally(led) }
        return led
    }

    /// What is put aside is not settled.
    private func read(_ row: Int64) throws -> PartRow? {
        let groups = try SQLStatement(
            database, path: path, "SELECT settled_through, ahead, delivered_through FROM groups WHERE id = ?")
        groups.bind(row, at: 1)
        defer { groups.reset() }
        guard try groups.step() else { return nil }
        let settled = groups.withBytes(1) { OffsetSet(through: groups.integer(0), ahead: $0) }
        return PartRow(
            settled: settled.subtracting(ascending: try shelves.offsets(of: row)),
            delivered: groups.integer(2))
    }

    private func write(_ settled: OffsetSet, _ delivered: Int64, to row: Int64) throws {
        let move = try SQLStatement(
            database, path: path,
            """
            UPDATE groups SET settled_through = ?, ahead = ?, ahead_count = ?, delivered_through = ?, shelved = 0,
                owner = NULL, lease_end = 0 WHERE id = ?
            """)
        move.bind(settled.through, at: 1)
        if settled.ranges.isEmpty { move.bindNull(at: 2) } else { move.bind(settled.encodeAhead(), at: 2) }
        move.bind(settled.countAhead, at: 3)
        move.bind(delivered, at: 4)
        move.bind(row, at: 5)
        try move.run()
        try shelves.clear(row)
    }

    private func copyProgress(from row: Int64, to other: Int64) throws {
        try database.execute(
            sql: """
                INSERT OR IGNORE INTO progress
                    (consumer_group, offset, attempts, failed, throttled, first_failure, due, wait)
                SELECT ?, offset, attempts, failed, throttled, first_failure, due, wait FROM progress
                WHERE consumer_group = ?
                """, arguments: [other, row])
    }
}

extension SQLiteParts {
    /// `12:0a0b 30:`, as a fact has it.
    fileprivate var text: String { "\(Self.text(own)) \(Self.text(other))" }

    fileprivate init?(text: String) {
        let sets = text.split(separator: " ").compactMap { Self.read($0) }
        guard sets.count == 2 else { return nil }
        self.init(own: sets[0], other: sets[1])
    }

    private static func text(_ set: OffsetSet) -> String {
        "\(set.through):" + set.encodeAhead().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func read(_ text: Substring) -> OffsetSet? {
        let fields = text.split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count == 2, let through = Int64(fields[0]) else { return nil }
        var bytes: [UInt8] = []
        var digits = fields[1][...]
        while digits.count >= 2 {
            guard let byte = UInt8(digits.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            digits = digits.dropFirst(2)
        }
        return bytes.withUnsafeBytes { OffsetSet(through: through, ahead: $0) }
    }
}
