import GRDB

extension Schema {
    /// Schema 5: how far messages have come that wait for their next attempt.
    @Sendable static func migrateTo5(_ database: Database) throws {
        try database.execute(sql: schema5)
    }

    private static let schema5 = """
        -- Messages that wait for their next attempt: how often they were attempted, how many attempts have failed and how many
        -- answers have asked to slow down, when the first failed, when the next is due, and how long that was away when it was
        -- written. Times in milliseconds since 1970, the wait in milliseconds.
        CREATE TABLE progress (
            consumer_group INTEGER NOT NULL,
            offset INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            throttled INTEGER NOT NULL,
            first_failure INTEGER NOT NULL,
            due INTEGER NOT NULL,
            wait INTEGER NOT NULL,
            PRIMARY KEY (consumer_group, offset)
        ) WITHOUT ROWID;
        """
}
