import Sluice
import Synchronization

extension WriterLoop {
    /// Call inside a transaction. A group that is led here is brought to rest; once the transaction is committed it has to
    /// be told where it is (``ConsumerGroup/move(to:)``).
    func seek(_ group: String, _ topic: Topic, to position: SQLiteGroupPosition) throws(SQLiteLogError) -> Int64 {
        let (row, topicID) = try unread(group, topic)
        if let led = registry.find(group, of: topic) {
            // Now: what it has settled must not be written over its new place.
            try settleFinally(led)
            led.state.withLock { led.forgetDelivered(&$0) }
        }
        let cursor = try TopicCursor(id: topicID, database: database, path: path)
        let (first, last) = (try cursor.deletedThrough(), try cursor.lastOffset())
        let settled: Int64 =
            switch position.kind {
            case .beginning: first
            case .end: last
            case .offset(let offset): min(max(first, offset.addingSaturated(-1)), last)
            case .time(let time): try cursor.offset(at: time).map { max(first, $0.subtractingSaturated(1)) } ?? last
            }
        let move = try SQLStatement(
            database, path: path,
            "UPDATE groups SET settled_through = ?, ahead = NULL, ahead_count = 0, shelved = 0 WHERE id = ?")
        move.bind(settled, at: 1)
        move.bind(row, at: 2)
        try move.run()
        try shelves.clear(row)
        try progress.clear(row)
        try SingleSettlements(group, topic).forget(prepare)
        try forgetParts(of: group, topic)
        return settled
    }

    /// Call inside a transaction.
    func remove(_ group: String, _ topic: Topic) throws(SQLiteLogError) {
        let (row, _) = try unread(group, topic)
        guard registry.find(group, of: topic) == nil else { throw inUse(group, topic) }
        let delete = try SQLStatement(database, path: path, "DELETE FROM groups WHERE id = ?")
        delete.bind(row, at: 1)
        try delete.run()
        // Should it come again it is new.
        let forget = try SQLStatement(database, path: path, "DELETE FROM readers WHERE name = ?")
        forget.bind(group, at: 1)
        try forget.run()
        try forgetParts(of: group, topic)
        try shelves.clear(row)
        try progress.clear(row)
        try SingleSettlements(group, topic).forget(prepare)
    }

    /// The rows of a group and its topic.
    /// - Throws: when there is no such group, or a process reads for it.
    private func unread(_ group: String, _ topic: Topic) throws(SQLiteLogError) -> (row: Int64, topic: Int64) {
        let find = try SQLStatement(
            database, path: path,
            "SELECT g.id, t.id FROM groups g JOIN topics t ON t.id = g.topic WHERE t.name = ? AND g.name = ?")
        find.bind(topic.name, at: 1)
        find.bind(group, at: 2)
        defer { find.reset() }
        guard try find.step() else {
            throw SQLiteLogError(.unknownGroup, path: path, detail: "\(group) on \(topic.name)")
        }
        let row = find.integer(0)
        let isRead = registry.find(group, of: topic)?.isSubscribed ?? false
        guard leases.isFree(row, .now()), !isRead else { throw inUse(group, topic) }
        return (row, find.integer(1))
    }

    private func inUse(_ group: String, _ topic: Topic) -> SQLiteLogError {
        SQLiteLogError(.groupInUse, path: path, detail: "\(group) on \(topic.name)")
    }
}

extension ConsumerGroup {
    /// Its row in the file, once it has one.
    var row: Int64? { state.withLock(\.row) }

    /// Whether anything here reads it; the reader may still hold on to subscriptions that have ended.
    var isSubscribed: Bool {
        state.withLock { state in state.feeds.contains { !$0.subscription.isEnded } }
    }
}
