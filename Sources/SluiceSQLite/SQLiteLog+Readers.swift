import GRDB
public import Sluice

extension SQLiteLog {
    /// Where a reader begins.
    public enum Introduction: Sendable, Equatable {
        /// It goes on where it was.
        case goesOn
        /// It was there before and has no position: it begins with the oldest message.
        case isKnown
        /// It was not there before, and begins behind so many messages.
        case isNew(skipped: Int64)
    }

    /// Gives each reader a position on the topic, durably, before the first of them reads. One that has a position keeps
    /// it. Several processes may do this at the same time.
    /// - Parameters:
    ///   - readers: the names of their groups, and where one starts that was not there before.
    ///   - topic: what they read.
    /// - Throws: ``SQLiteLogError``.
    public func introduce(
        _ readers: [(name: String, start: StartPosition)], topic: Topic
    ) async throws -> [String: Introduction] {
        try await writer.perform { loop in
            let known = try loop.knownReaders(readers.map(\.name))
            var introductions: [String: Introduction] = [:]
            for (name, start) in readers {
                let isKnown = known.contains(name)
                let group = try loop.group(name, topic: topic, start: isKnown ? .beginning : start)
                introductions[name] = !group.isNew ? .goesOn : isKnown ? .isKnown : .isNew(skipped: group.skipped)
            }
            return introductions
        }
    }

    /// Which of these readers were there before: remembered by ``remember(readers:)``, or with a group on any topic. In a
    /// file of the first release, which remembered none, these are all that are asked for first.
    /// - Throws: ``SQLiteLogError``.
    public func knownReaders(among names: [String]) async throws -> Set<String> {
        try await writer.perform { loop in
            let known = try loop.knownReaders(names)
            return try known.union(names.filter { try loop.hasGroup($0) })
        }
    }

    /// All readers that are remembered.
    /// - Throws: ``SQLiteLogError``.
    public func rememberedReaders() async throws -> [String] {
        try await writer.perform { loop in
            try String.fetchAll(loop.database, sql: "SELECT name FROM readers ORDER BY name")
        }
    }

    /// All readers that a log's file remembers. Only reads, and makes nothing.
    /// - Throws: ``SQLiteLogError``, with the code `cannotOpen` when there is no such file.
    public static func rememberedReaders(inFile path: String) throws(SQLiteLogError) -> [String] {
        try ReadOnlyFile.readLog(path) { connection, version throws(SQLiteLogError) in
            // Before that schema none were remembered.
            guard version >= 3 else { return [] }
            let rows = try connection.statement("SELECT name FROM readers ORDER BY name")
            defer { rows.reset() }
            var names: [String] = []
            while try rows.step() { names.append(rows.text(0)) }
            return names
        }
    }

    /// Remembers that these were there, for queues that keep the positions of their groups elsewhere.
    /// - Throws: ``SQLiteLogError``.
    public func remember(readers names: [String]) async throws {
        try await writer.perform { loop in try loop.remember(names) }
    }
}

extension WriterLoop {
    fileprivate func knownReaders(_ names: [String]) throws -> Set<String> {
        let marker = "name = '\(Schema.allReadersKnown)'"
        if try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM facts WHERE \(marker))") ?? false {
            try remember(names)
            try database.execute(sql: "DELETE FROM facts WHERE \(marker)")
        }
        return try Set(String.fetchAll(database, sql: "SELECT name FROM readers")).intersection(names)
    }

    fileprivate func remember(_ names: [String]) throws {
        for name in names {
            try database.execute(sql: "INSERT OR IGNORE INTO readers (name) VALUES (?)", arguments: [name])
        }
    }

    fileprivate func hasGroup(_ name: String) throws -> Bool {
        try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM groups WHERE name = ?)", arguments: [name])
            ?? false
    }
}
