package import Sluice

extension SQLiteLogView {
    /// What there is of a topic's messages that a group has not settled, oldest first, seen at one moment.
    /// - Parameter body: what is wanted of a message; nil leaves it out. May be called anew from the first message on, where the
    ///   file was written meanwhile.
    /// - Throws: ``SQLiteLogError``.
    package func unsettled<Value>(
        in topic: Topic, by group: String, _ body: (LoggedMessage) -> Value?
    ) throws(SQLiteLogError) -> [Value] {
        try look { file throws(SQLiteLogError) in
            var found: [Value] = []
            guard let cursor = try file.cursor(for: topic) else { return found }
            var settled = try file.settled(by: group, of: cursor)
            if try file.hasFacts() {
                settled.insert(ascending: try SingleSettlements(group, topic).read(file.statement))
            }
            let last = try cursor.lastOffset()
            var first = settled.gap(after: 0).lowerBound
            while first <= last {
                let gap = settled.gap(after: first - 1)
                guard gap.lowerBound <= last else { break }
                let end = min(gap.upperBound, last)
                let chunk = try cursor.read(gap.lowerBound...end, limit: 512, bytes: 4 << 20)
                for stored in chunk.messages {
                    let message = LoggedMessage(
                        message: stored.message, offset: stored.offset, timestamp: stored.time, key: stored.key)
                    if let value = body(message) { found.append(value) }
                }
                first = chunk.isComplete ? end + 1 : (chunk.messages.last?.offset ?? end) + 1
            }
            return found
        }
    }

    /// What the file remembers under names that begin so; none in a file that remembers nothing yet.
    /// - Throws: ``SQLiteLogError``.
    package func facts(prefix: String) throws(SQLiteLogError) -> [String: String] {
        try look { file throws(SQLiteLogError) in
            guard try file.hasFacts() else { return [:] }
            let find = try file.statement(
                "SELECT name, value FROM facts WHERE name >= ?1 AND name < ?1 || char(1114111)")
            find.bind(prefix, at: 1)
            var facts: [String: String] = [:]
            while try find.step() { facts[find.text(0)] = find.text(1) }
            return facts
        }
    }
}

extension ReadOnlyFile.Connection {
    /// Whether the file has the table that remembers facts: an older one has not.
    fileprivate func hasFacts() throws(SQLiteLogError) -> Bool {
        try statement("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'facts'").integer() ?? 0 > 0
    }

    fileprivate func settled(by group: String, of cursor: TopicCursor) throws(SQLiteLogError) -> OffsetSet {
        let find = try statement("SELECT settled_through, ahead FROM groups WHERE topic = ? AND name = ?")
        find.bind(cursor.id, at: 1)
        find.bind(group, at: 2)
        let deleted = try cursor.deletedThrough()
        guard try find.step() else { return OffsetSet(through: deleted) }
        var settled = find.withBytes(1) { OffsetSet(through: find.integer(0), ahead: $0) }
        find.reset()
        if deleted > settled.through { settled.insert(0...min(deleted, OffsetSet.limit - 1)) }
        return settled
    }
}
