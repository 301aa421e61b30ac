import GRDB
import Sluice

/// Up to where the groups of each topic have settled it, and which of them still count. Belongs to the writer's thread.
final class GroupBounds {
    struct Bound {
        /// Up to where every group that counts has settled; nil without such a group.
        var settled: Int64?
        /// Up to where any group has.
        var read: Int64 = 0
    }

    private let registry: GroupRegistry
    private let idle: Int64?
    private let groups: SQLStatement
    private let mend: SQLStatement

    init(
        _ database: Database, configuration: SQLiteLog.Configuration, registry: GroupRegistry
    ) throws(SQLiteLogError) {
        self.registry = registry
        idle = configuration.retention.idleGroup.map { Int64(clamping: $0.wholeNanoseconds / 1_000_000) }
        let path = configuration.path
        groups = try SQLStatement(
            database, path: path,
            """
            SELECT g.id, g.topic, g.settled_through, g.last_read, g.lease_end,
                CASE WHEN g.shelved > 0 THEN \(ShelfTable.first) END
            FROM groups g
            """)
        // 0 is what a program of schema 1 writes; times in the future come from a clock that was wrong.
        mend = try SQLStatement(
            database, path: path, "UPDATE groups SET last_read = ?1 WHERE last_read <= 0 OR last_read > ?2")
    }

    /// Call inside a transaction.
    /// - Parameter now: nil while the time is in doubt; then every group counts.
    func read(_ now: Timestamp?) throws(SQLiteLogError) -> [Int64: Bound] {
        let ours = Set(registry.all.compactMap(\.row))
        if let now {
            mend.bind(now.millisecondsSince1970, at: 1)
            mend.bind(now.millisecondsSince1970.addingSaturated(86_400_000), at: 2)
            try mend.run()
        }
        var bounds: [Int64: Bound] = [:]
        defer { groups.reset() }
        while try groups.step() {
            var bound = bounds[groups.integer(1)] ?? Bound()
            bound.read = max(bound.read, groups.integer(2))
            // What is put aside is not settled, however far the group has come.
            let settled =
                groups.isNull(5) ? groups.integer(2) : min(groups.integer(2), groups.integer(5).subtractingSaturated(1))
            if ours.contains(groups.integer(0)) || counts(now) {
                bound.settled = min(bound.settled ?? settled, settled)
            }
            bounds[groups.integer(1)] = bound
        }
        return bounds
    }

    private func counts(_ now: Timestamp?) -> Bool {
        guard let now, let idle else { return true }
        let (lease, present) = (groups.integer(4), now.millisecondsSince1970)
        // A lease that ends far in the future was taken under a clock that was wrong.
        let held = lease <= present.addingSaturated(86_400_000) ? lease : 0
        return max(groups.integer(3), held).addingSaturated(idle) > present
    }
}
