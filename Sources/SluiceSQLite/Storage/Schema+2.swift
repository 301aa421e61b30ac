import GRDB
import Sluice

extension Schema {
    /// Schema 2: who has read lately, and what time it was.
    ///
    /// Programs of schema 1 that have the file open while this happens go on: they name the columns that they write.
    @Sendable static func migrateTo2(_ database: Database) throws {
        try database.execute(sql: schema2)
        // Nothing is known of earlier readers: they count as having read until now.
        try database.execute(
            sql: "UPDATE groups SET last_read = ?", arguments: [Timestamp.now().millisecondsSince1970])
    }

    private static let schema2 = """
        -- Milliseconds since 1970 of the last sign of a process that reads for the group; 0 is unknown.
        ALTER TABLE groups ADD COLUMN last_read INTEGER NOT NULL DEFAULT 0;

        -- The latest time of a message that retention has deleted, milliseconds since 1970.
        ALTER TABLE topics ADD COLUMN deleted_time INTEGER NOT NULL DEFAULT 0;

        -- What time it was when it was last known: see ClockGuard. No row in a file that has not been swept.
        CREATE TABLE clock (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            believed INTEGER NOT NULL,
            wall INTEGER NOT NULL,
            doubted_for INTEGER NOT NULL,
            overruled INTEGER NOT NULL
        );
        """
}
