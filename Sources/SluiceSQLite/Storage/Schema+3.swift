import GRDB

extension Schema {
    /// Schema 3: which readers were there before, whatever queue they read.
    @Sendable static func migrateTo3(_ database: Database) throws {
        try database.execute(sql: schema3)
        // Still the version of the file that is brought up to date: 0 for a new one.
        if try Int64.fetchOne(database, sql: "PRAGMA user_version") ?? 0 > 0 {
            try database.execute(sql: "INSERT INTO facts (name, value) VALUES ('\(allReadersKnown)', '1')")
        }
    }

    /// Stands in a file of the first release until a process has said which readers it has.
    static let allReadersKnown = "all readers known"

    private static let schema3 = """
        -- Readers that were configured at some time: one of them that has no position was not there before only if it is
        -- missing here.
        CREATE TABLE readers (
            name TEXT PRIMARY KEY
        ) WITHOUT ROWID;

        -- What is to be remembered of the file's own history.
        CREATE TABLE facts (
            name TEXT PRIMARY KEY,
            value TEXT NOT NULL
        ) WITHOUT ROWID;
        """
}
