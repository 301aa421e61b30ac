public import Sluice
import Synchronization

/// A consumer group as the file knows it.
public struct SQLiteGroup: Sendable, Equatable {
    /// Who reads for a group now.
    public enum Reader: Sendable, Equatable {
        case thisProcess
        /// Another process; its number where it says so, which means something on its own machine alone.
        case process(Int32?)
    }

    public var topic: Topic
    public var name: String
    /// Up to which offset everything is settled.
    public var settledThrough: Int64
    public var backlog: SQLiteBacklog
    /// When a process last read for it, to some seconds; nil when that is not known.
    public var lastRead: Timestamp?
    /// Nil when no living process reads for it.
    public var reader: Reader?
}

/// Where a group goes on.
public struct SQLiteGroupPosition: Sendable, Equatable {
    enum Kind: Equatable {
        case beginning, end, time(Timestamp), offset(Int64)
    }

    let kind: Kind

    /// With the oldest message that is there.
    public static let beginning = SQLiteGroupPosition(kind: .beginning)
    /// With what is published from now on.
    public static let end = SQLiteGroupPosition(kind: .end)
    /// With the first message that is not older than this.
    public static func at(_ time: Timestamp) -> SQLiteGroupPosition { SQLiteGroupPosition(kind: .time(time)) }
    /// With the message of this offset, or the next one that is there.
    public static func offset(_ offset: Int64) -> SQLiteGroupPosition { SQLiteGroupPosition(kind: .offset(offset)) }
}

extension SQLiteLog {
    /// All groups, by topic and name. Costs a few rows for each.
    /// - Throws: ``SQLiteLogError``.
    public func groups() async throws -> [SQLiteGroup] {
        let (registry, owner) = (registry, owner)
        return try await reader.perform { loop in
            try loop.groupTable.read(
                present: .now(), isGone: owner.isGone, ours: Set(registry.all.compactMap(\.row)), owner: owner.id)
        }
    }

    /// All groups of a log's file, by topic and name. Only reads, and makes nothing.
    /// - Throws: ``SQLiteLogError``, with the code `cannotOpen` when there is no such file.
    public static func groups(inFile path: String) throws(SQLiteLogError) -> [SQLiteGroup] {
        try ReadOnlyFile.readLog(path) { connection, _ throws(SQLiteLogError) in
            let prepare: GroupTable.Prepare = { sql throws(SQLiteLogError) in try connection.statement(sql) }
            let owners = LeaseOwner.Locks(path: path + "-owners")
            return try GroupTable(prepare).read(present: .now(), isGone: owners.isGone)
        }
    }

    /// Moves a group that no process reads for, or one that this process leads and does not subscribe to now
    /// (``whileLeading(_:of:_:)``).
    /// - Returns: up to which offset it counts as settled now.
    /// - Throws: ``SQLiteLogError``: `groupInUse` while a process reads for it, `unknownGroup`.
    @discardableResult
    public func seek(group: String, topic: Topic, to position: SQLiteGroupPosition) async throws -> Int64 {
        do {
            let settled = try await writer.perform { loop in try loop.seek(group, topic, to: position) }
            registry.find(group, of: topic)?.move(to: settled)
            return settled
        } catch {
            // What it had settled may not have been written either.
            registry.find(group, of: topic)?.state.withLock { $0.ledger?.markDirty() }
            throw error
        }
    }

    /// Whether this process reads for the group, and no other does.
    public func leads(_ group: String, of topic: Topic) -> Bool {
        registry.find(group, of: topic)?.isLeading ?? false
    }

    /// Runs `body` while this process keeps leading the group: also without a subscription no other process takes it
    /// over. With it a route that reads the group can be stopped, the group moved, and the route go on.
    /// - Throws: what `body` throws, and ``SQLiteLogError`` `groupInUse` where this process does not lead the group.
    public func whileLeading<Result>(
        _ group: String, of topic: Topic, _ body: () async throws -> Result
    ) async throws -> Result {
        guard let held = registry.hold(group, of: topic) else {
            throw SQLiteLogError(
                .groupInUse, path: configuration.path, detail: "\(group) on \(topic.name) is not led by this process")
        }
        defer {
            held.state.withLock { $0.holds -= 1 }
            writer.announce(held)
        }
        return try await body()
    }

    /// Forgets a group that no process reads for. One of its name that comes later is a new one.
    /// - Throws: ``SQLiteLogError``: `groupInUse` while a process reads for it, `unknownGroup`.
    public func remove(group: String, topic: Topic) async throws {
        try await writer.perform { loop in try loop.remove(group, topic) }
    }
}
