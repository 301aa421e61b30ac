import GRDB
import Sluice

/// The tables of the file of deployments.
enum LedgerSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE pushes (
                        commit_id TEXT NOT NULL, repository TEXT NOT NULL, pushed_at INTEGER NOT NULL,
                        PRIMARY KEY (commit_id, repository)
                    ) WITHOUT ROWID;
                    CREATE TABLE deployments (
                        event_id TEXT NOT NULL PRIMARY KEY, service TEXT NOT NULL, environment TEXT NOT NULL,
                        commit_id TEXT NOT NULL, deployed_at INTEGER NOT NULL
                    ) WITHOUT ROWID;
                    CREATE INDEX latest_deployment ON deployments (service, environment, deployed_at);
                    """)
        }
        migrator.registerMigration("2") { database in
            try database.execute(
                sql: """
                    ALTER TABLE deployments ADD COLUMN succeeded INTEGER NOT NULL DEFAULT 1;
                    DROP INDEX latest_deployment;
                    CREATE INDEX deployments_in_time ON deployments (service, environment, succeeded, deployed_at);
                    """)
        }
        // A deployment whose time is not believed is remembered, so that it is counted once, and takes part in no order.
        migrator.registerMigration("plausible times") { database in
            try database.execute(
                sql: """
                    ALTER TABLE deployments ADD COLUMN plausible INTEGER NOT NULL DEFAULT 1;
                    UPDATE deployments SET plausible = 0
                        WHERE deployed_at < \(EventTime.earliest.millisecondsSince1970)
                            OR deployed_at > \(Timestamp.now().advanced(by: EventTime.lead).millisecondsSince1970);
                    """)
        }
        migrator.registerMigration("kept for a time", migrate: LedgerRetention.migrate)
        migrator.registerMigration("facts", migrate: LedgerFacts.migrate)
        migrator.registerMigration("verdicts", migrate: LedgerVerdicts.migrate)
        migrator.registerMigration("verdicts of services", migrate: LedgerVerdicts.migrateToServices)
        return migrator
    }

    /// Fails unless the tables have the columns that are used.
    static func verify(_ database: Database) throws {
        for sql in [
            "SELECT commit_id, repository, pushed_at, received_at, is_told, is_counted FROM pushes LIMIT 0",
            """
            SELECT event_id, service, environment, commit_id, deployed_at, succeeded, plausible, received_at, is_told,
                repository
            FROM deployments LIMIT 0
            """, "SELECT before FROM forgotten LIMIT 0",
        ] + LedgerFacts.columns + LedgerVerdicts.columns {
            _ = try Row.fetchOne(database, sql: sql)
        }
    }
}
