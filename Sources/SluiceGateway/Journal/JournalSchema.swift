import GRDB

/// The tables of the journal's file.
///
/// Rows are appended and dropped from the front, so that writing them costs the same however many there are: there is no index
/// on a message. Who asks for one reads the file once from end to end.
enum JournalSchema {
    /// "SluJ", so that the file says whose it is (<https://www.sqlite.org/pragma.html#pragma_application_id>).
    static let applicationID: Int64 = 0x536C_754A
    static let version: Int64 = 1

    static func make(_ database: Database) throws {
        try database.execute(
            sql: "\(tables) PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version);")
    }

    private static let tables = """
        -- Names of routes, destinations, kinds of events, and reasons.
        CREATE TABLE names (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);

        -- How attempts and deliveries ended (see JournalCode). Times in milliseconds since 1970, waits and durations in
        -- microseconds, retry_after in milliseconds. message: 16 bytes or a foreign text. The waits are those of the delivery
        -- since its arrival, and arrival is how long ago that was when the attempt began.
        CREATE TABLE entries (
            number INTEGER PRIMARY KEY,
            time INTEGER NOT NULL, route INTEGER NOT NULL, destination INTEGER NOT NULL, message BLOB NOT NULL,
            partition INTEGER, offset INTEGER, attempt INTEGER NOT NULL, code INTEGER NOT NULL,
            arrival INTEGER NOT NULL DEFAULT 0, throttle INTEGER NOT NULL DEFAULT 0, breaker INTEGER NOT NULL DEFAULT 0,
            concurrency INTEGER NOT NULL DEFAULT 0, backoff INTEGER NOT NULL DEFAULT 0,
            duration INTEGER NOT NULL DEFAULT 0, reason INTEGER, retry_after INTEGER
        );

        -- Messages that were taken in. correlation, delivery: 16 bytes or a text.
        CREATE TABLE messages (
            number INTEGER PRIMARY KEY,
            time INTEGER NOT NULL, route INTEGER NOT NULL, message BLOB NOT NULL, kind INTEGER, ordering_key TEXT,
            commit_id TEXT, correlation BLOB, delivery BLOB
        );

        -- Attempts that failed, counted by cause in stretches of ten minutes.
        CREATE TABLE causes (
            stretch INTEGER NOT NULL, route INTEGER NOT NULL, destination INTEGER NOT NULL, code INTEGER NOT NULL,
            reason INTEGER NOT NULL, count INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
            PRIMARY KEY (stretch, route, destination, code, reason)
        ) WITHOUT ROWID;

        CREATE TABLE events (
            number INTEGER PRIMARY KEY,
            time INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT, until INTEGER
        );

        """
}
