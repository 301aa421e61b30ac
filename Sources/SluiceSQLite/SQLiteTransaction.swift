import GRDB
package import Sluice

extension SQLiteLog {
    /// Changes several things of the log in one commit: all of it is done, durably, or nothing.
    /// - Parameter body: runs on the writer's thread; it must be short. What it throws undoes what it did.
    /// - Throws: what `body` throws, and ``SQLiteLogError``.
    package func transact<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteTransaction) throws -> Value
    ) async throws -> Value {
        try await writer.perform { loop in try body(SQLiteTransaction(loop: loop)) }
    }

    /// What a group has settled of a topic, also out of order; nil where there is no such group.
    /// - Throws: ``SQLiteLogError``.
    package func settled(by group: String, of topic: Topic) async throws -> OffsetSet? {
        try await reader.perform { loop in
            guard let cursor = try loop.cursor(for: topic) else { return nil }
            let find = loop.findGroup
            find.bind(cursor.id, at: 1)
            find.bind(group, at: 2)
            defer { find.reset() }
            guard try find.step() else { return nil }
            var settled = find.withBytes(2) { OffsetSet(through: find.integer(1), ahead: $0) }
            settled.insert(0...max(0, min(find.integer(0), OffsetSet.limit - 1)))
            settled.insert(ascending: try SingleSettlements(group, topic).read(loop.prepare))
            return settled
        }
    }

    /// What tells whether a group's row has changed: how far it has settled, and how many offsets beyond. What is settled singly
    /// shows here once it is worked in.
    package struct SettledMark: Sendable, Equatable {
        package var through: Int64
        package var countAhead: Int64
    }

    /// - Returns: nil where there is no such group.
    /// - Throws: ``SQLiteLogError``.
    package func settledMark(of group: String, of topic: Topic) async throws -> SettledMark? {
        try await reader.perform { loop in
            let find = loop.findSettledMark
            find.bind(topic.name, at: 1)
            find.bind(group, at: 2)
            defer { find.reset() }
            guard try find.step() else { return nil }
            return SettledMark(through: find.integer(0), countAhead: find.integer(1))
        }
    }

    /// Which of these keys were handled in a scope.
    /// - Throws: ``SQLiteLogError``.
    package func handled(among keys: [[UInt8]], scope: String) async throws -> [Bool] {
        try await reader.perform { loop in
            try keys.map { try loop.findKey.isHandled(KeyBook.Key(scope: scope, bytes: $0), loop.clock) }
        }
    }

    /// One message; nil where it is gone.
    /// - Throws: ``SQLiteLogError``.
    package func message(at offset: Int64, of topic: Topic) async throws -> LoggedMessage? {
        guard offset > 0 else { return nil }
        return try await reader.perform { loop in
            try loop.read(topic, offset...offset, limit: 1).first
        }
    }

    /// The topic's messages from one offset through another: at most `limit`, fewer when they hold more than 4 MiB together.
    /// - Throws: ``SQLiteLogError``.
    package func messages(
        in topic: Topic, _ offsets: ClosedRange<Int64>, limit: Int
    ) async throws -> [LoggedMessage] {
        try await reader.perform { loop in try loop.read(topic, offsets, limit: max(1, limit)) }
    }

    /// The first offset of a topic whose message is not older than a time; one beyond the last where all are.
    /// - Throws: ``SQLiteLogError``.
    package func offset(at time: Timestamp, of topic: Topic) async throws -> Int64 {
        try await reader.perform { loop in
            guard let cursor = try loop.cursor(for: topic) else { return 1 }
            return try cursor.offset(at: time) ?? cursor.lastOffset().addingSaturated(1)
        }
    }
}

/// What can be read and changed in one commit (``SQLiteLog/transact(_:)``). It must not leave the closure that it is given to.
package struct SQLiteTransaction {
    let loop: WriterLoop

    /// What the file remembers under this name.
    package func fact(_ name: String) throws -> String? {
        try String.fetchOne(loop.database, sql: "SELECT value FROM facts WHERE name = ?", arguments: [name])
    }

    /// Remembers, or forgets.
    package func setFact(_ name: String, _ value: String?) throws {
        if let value {
            try loop.database.execute(
                sql: "INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", arguments: [name, value])
        } else {
            try loop.database.execute(sql: "DELETE FROM facts WHERE name = ?", arguments: [name])
        }
    }

    /// Appends a message to a topic.
    /// - Returns: its offset.
    @discardableResult
    package func append(_ message: Message, to topic: Topic, key: [UInt8]? = nil) throws -> Int64 {
        if let excess = MetadataLimits.excess(of: message.metadata) {
            throw SQLiteLogError(.tooLarge, path: loop.path, detail: "\(excess)")
        }
        loop.provesHealth = true
        let table = try loop.table(for: topic)
        let envelope = Envelope(key: key, metadata: MetadataCoding.encode(message.metadata))
        try table.append(message, envelope, transaction: loop.transaction, now: .now())
        return try lastOffset(of: topic)
    }

    /// The offset of the topic's last message, 0 when it has had none.
    package func lastOffset(of topic: Topic) throws -> Int64 {
        let id = try loop.table(for: topic).id
        return try SQLStatement(loop.database, path: loop.path, TopicTable.lastOffset(topic: id)).integer() ?? 0
    }

    /// A message of a topic; nil where it is gone.
    package func message(at offset: Int64, of topic: Topic) throws -> Message? {
        let id = try loop.table(for: topic).id
        let cursor = try TopicCursor(id: id, database: loop.database, path: loop.path)
        return try cursor.read(offset...max(offset, 1), limit: 1, bytes: 1).messages.first?.message
    }

    /// Keeps a key as handled.
    package func remember(_ key: [UInt8], scope: String, for window: Duration) throws {
        let milliseconds = max(1, Int64(clamping: window.wholeNanoseconds / 1_000_000))
        try loop.remember(key, scope: scope, for: milliseconds)
    }

    /// Goes on only where this process leads the group: what another has taken over is the other's to change.
    /// - Throws: ``SQLiteLogError``, `groupInUse`.
    package func requireLead(of group: String, _ topic: Topic) throws {
        let find = try SQLStatement(
            loop.database, path: loop.path,
            "SELECT g.owner FROM groups g JOIN topics t ON t.id = g.topic WHERE t.name = ? AND g.name = ?")
        find.bind(topic.name, at: 1)
        find.bind(group, at: 2)
        defer { find.reset() }
        guard try find.step(), !find.isNull(0), find.bytes(0) == loop.owner.id else {
            throw SQLiteLogError(
                .groupInUse, path: loop.path, detail: "\(group) on \(topic.name) is not led by this process")
        }
    }
}
