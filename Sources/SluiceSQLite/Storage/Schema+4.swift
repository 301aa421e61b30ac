import GRDB

extension Schema {
    /// Schema 4: what groups have put aside.
    @Sendable static func migrateTo4(_ database: Database) throws {
        try database.execute(sql: schema4)
    }

    private static let schema4 = """
        -- What groups have put aside behind a key whose messages fail: settled in their rows, and to be delivered still.
        CREATE TABLE shelved (
            consumer_group INTEGER NOT NULL,
            key BLOB NOT NULL,
            offset INTEGER NOT NULL,
            PRIMARY KEY (consumer_group, key, offset)
        ) WITHOUT ROWID;
        CREATE UNIQUE INDEX shelved_by_offset ON shelved (consumer_group, offset);

        -- How many rows of that table are the group's.
        ALTER TABLE groups ADD COLUMN shelved INTEGER NOT NULL DEFAULT 0;
        """
}
