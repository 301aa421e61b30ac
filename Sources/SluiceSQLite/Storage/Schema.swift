import GRDB

/// The tables of the file.
///
/// Each topic has a table of its own, so that its offsets are the rows' ids: appending goes to the right edge of one
/// B-tree and costs the same however much it holds.
enum Schema {
    /// "Slui", so that the file says whose it is (<https://www.sqlite.org/pragma.html#pragma_application_id>).
    static let applicationID: Int64 = 0x536C_7569
    static let version: Int64 = 5

    /// Refuses files that are not ours, before anything is changed in them.
    static func verify(_ database: Database, path: String) throws {
        let version = try Int64.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        let application = try Int64.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        if application == applicationID {
            try refuseNewer(version, path: path)
        } else if try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM sqlite_master)") ?? false {
            throw SQLiteLogError(.notALog, path: path, detail: "it is an SQLite database of another program")
        }
    }

    /// Creates what is missing and brings an older file up to date. Another process may be doing the same.
    static func prepare(_ database: Database, path: String) throws {
        guard try userVersion(database) != version else { return }
        try database.inTransaction(.immediate) {
            // Looked at again, where no other process can change it.
            let found = try userVersion(database)
            try refuseNewer(found, path: path)
            for migration in migrations where migration.version > found { try migration.run(database) }
            if found < version {
                try database.execute(
                    sql: "PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version)")
            }
            return .commit
        }
    }

    private static func refuseNewer(_ found: Int64, path: String) throws {
        guard found > version else { return }
        throw SQLiteLogError(.newerSchema, path: path, detail: "schema \(found), while this program knows \(version)")
    }

    private static func userVersion(_ database: Database) throws -> Int64 {
        try Int64.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    }

    /// A new file goes through all of them, so that it cannot differ from one that was brought up to date.
    private static let migrations: [(version: Int64, run: @Sendable (Database) throws -> Void)] = [
        (1, { database in try database.execute(sql: schema1) }),
        (2, migrateTo2),
        (3, migrateTo3),
        (4, migrateTo4),
        (5, migrateTo5),
    ]

    static func table(ofTopic id: Int64) -> String { "messages_\(id)" }

    /// One topic's messages. `id` is 16 bytes or a foreign text, `metadata` see `MetadataCoding`, `time` milliseconds
    /// since 1970.
    static func create(topic id: Int64) -> String {
        """
        CREATE TABLE \(table(ofTopic: id)) (
            offset INTEGER PRIMARY KEY,
            time INTEGER NOT NULL,
            id BLOB NOT NULL,
            key BLOB,
            metadata BLOB,
            payload BLOB NOT NULL
        )
        """
    }

    private static let schema1 = """
        -- deleted_through: retention has deleted up to here; keeps offsets from being used again.
        CREATE TABLE topics (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            deleted_through INTEGER NOT NULL DEFAULT 0
        );

        -- The offset at which the latest time so far reached a second: one row a second finds any point in time, also
        -- when clocks jump.
        CREATE TABLE time_marks (
            topic INTEGER NOT NULL,
            second INTEGER NOT NULL,
            offset INTEGER NOT NULL,
            PRIMARY KEY (topic, second)
        ) WITHOUT ROWID;

        -- ahead: settled ranges beyond settled_through, see OffsetSet. owner, lease_end: who leads the group.
        CREATE TABLE groups (
            id INTEGER PRIMARY KEY,
            topic INTEGER NOT NULL,
            name TEXT NOT NULL,
            settled_through INTEGER NOT NULL,
            ahead BLOB,
            ahead_count INTEGER NOT NULL DEFAULT 0,
            delivered_through INTEGER NOT NULL DEFAULT 0,
            owner BLOB,
            lease_end INTEGER NOT NULL DEFAULT 0,
            UNIQUE (topic, name)
        );

        CREATE TABLE handled_keys (
            scope TEXT NOT NULL,
            key BLOB NOT NULL,
            expires INTEGER NOT NULL,
            PRIMARY KEY (scope, key)
        ) WITHOUT ROWID;
        CREATE INDEX handled_keys_by_expiry ON handled_keys (expires);
        """
}
