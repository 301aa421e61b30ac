public import Sluice

extension SQLiteLog {
    /// The offset up to which the group has settled every message; nil for a group that does not exist.
    /// - Throws: ``SQLiteLogError``.
    public func position(of group: String, topic: Topic) async throws -> Int64? {
        try await reader.perform { loop in try loop.position(of: group, topic: topic) }
    }
}

extension ReaderLoop {
    func position(of group: String, topic: Topic) throws(SQLiteLogError) -> Int64? {
        guard let cursor = try cursor(for: topic) else { return nil }
        findGroup.bind(cursor.id, at: 1)
        findGroup.bind(group, at: 2)
        defer { findGroup.reset() }
        guard try findGroup.step() else { return nil }
        return findGroup.isNull(4)
            ? findGroup.integer(1) : min(findGroup.integer(1), findGroup.integer(4).subtractingSaturated(1))
    }
}
