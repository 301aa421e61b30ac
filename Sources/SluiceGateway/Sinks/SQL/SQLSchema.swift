import GRDB
import Sluice

/// The tables of the file, by version. docs/SQL-SINK.md shows them; views may be dropped and made again by any version.
enum SQLSchema {
    /// What brings a file from each version to the next one, the first of them a new file.
    static let steps = [tables]
    static var version: Int64 { Int64(steps.count) }
    /// How many events go with each write at most.
    private static let piece = 200

    static func version(of database: Database) throws -> Int64 {
        try Int64.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    }

    /// Makes what is missing and brings an older file up to date. Call inside a transaction.
    static func migrate(_ database: Database, _ steps: [String] = steps) throws {
        let found = try version(of: database)
        guard found < steps.count else { return }
        for step in steps.dropFirst(Int(max(0, found))) { try database.execute(sql: step) }
        for view in SQLView.all {
            try database.execute(sql: "DROP VIEW IF EXISTS \(view.name); \(view.sql);")
        }
        try database.execute(
            sql: "PRAGMA application_id = \(SQLFile.applicationID); PRAGMA user_version = \(steps.count)")
    }

    /// Deletes some of the oldest events that were written before `time`.
    static func forget(before time: Timestamp, _ database: Database) throws {
        // They were written in the order of their sequence: no more than a piece is looked at.
        try database.cachedStatement(
            sql: """
                DELETE FROM events WHERE sequence IN (
                    SELECT sequence FROM (SELECT sequence, recorded FROM events ORDER BY sequence LIMIT \(piece))
                    WHERE recorded < ?)
                """
        ).execute(arguments: [RFC3339.format(time)])
    }

    /// Times are RFC 3339 in UTC with milliseconds, which sort as texts and which SQLite's date functions read.
    static let tables = """
        CREATE TABLE events (
            sequence INTEGER PRIMARY KEY,  -- the order in which they were written
            id TEXT NOT NULL UNIQUE,       -- the message's
            kind TEXT NOT NULL,            -- commitPushed, commitDeployed or deploymentFailed
            time TEXT NOT NULL,            -- when it happened; of a push when the commit was made
            recorded TEXT NOT NULL,        -- when it was written here
            commit_id TEXT NOT NULL,       -- a hash in lowercase; deploy tools may shorten it
            repository TEXT,               -- owner/name
            branch TEXT,                   -- of a push, without refs/heads/
            ref TEXT,                      -- of a push, whole
            author TEXT,                   -- of a push, as the next two
            message TEXT,
            url TEXT,
            service TEXT,                  -- of a deployment, as the next one
            environment TEXT
        );
        CREATE INDEX events_by_time ON events (time);
        CREATE INDEX events_by_commit ON events (commit_id);
        CREATE INDEX events_by_kind ON events (kind, commit_id);
        CREATE INDEX events_by_place ON events (kind, environment, service, time);
        """
}
