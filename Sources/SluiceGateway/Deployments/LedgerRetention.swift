import GRDB
import Sluice

/// Lets go of pushes and deployments that have been known for longer than they are kept.
///
/// What is forgotten is not counted again when the queue gives it once more: the ledger knows up to when it has forgotten,
/// and the queue knows when it took each event.
enum LedgerRetention {
    /// How many rows go at once, so that the route waits for none of it.
    private static let pieceRows = 1_000
    /// Of how many services and environments the last deployment is kept, however old: the newest.
    private static let places = 1_000

    static func migrate(_ database: Database) throws {
        try database.execute(
            sql: """
                ALTER TABLE pushes ADD COLUMN received_at INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE deployments ADD COLUMN received_at INTEGER NOT NULL DEFAULT 0;
                -- Up to when what was received has been forgotten, in part or all of it.
                CREATE TABLE forgotten (id INTEGER PRIMARY KEY CHECK (id = 1), before INTEGER NOT NULL);
                """)
        // When it came is not known any more: it counts from now.
        let now = Timestamp.now().millisecondsSince1970
        for table in ["pushes", "deployments"] {
            try database.execute(sql: "UPDATE \(table) SET received_at = ?", arguments: [now])
        }
    }

    /// Whether an event that the queue took then may have been known before.
    static func isForgotten(_ receipt: Timestamp, _ database: Database) throws -> Bool {
        let before = try Int64.fetchOne(
            database.cachedStatement(sql: "SELECT before FROM forgotten WHERE id = 1"))
        return before.map { receipt.millisecondsSince1970 < $0 } ?? false
    }

    /// Forgets one piece of what was received before `time`.
    /// - Returns: how many rows went; 0 when there is nothing left to forget.
    static func forget(before time: Timestamp, _ database: Database) throws -> Int {
        let cutoff = time.millisecondsSince1970
        try database.execute(
            sql: "DELETE FROM pushes WHERE (commit_id, repository) IN "
                + "(SELECT commit_id, repository FROM pushes WHERE received_at < ? LIMIT \(pieceRows))",
            arguments: [cutoff])
        var count = database.changesCount
        // The last success of a service, and the failures since, are what later figures are made from.
        try database.execute(
            sql: """
                WITH places AS MATERIALIZED (
                    SELECT service, environment FROM deployments WHERE plausible GROUP BY service, environment
                    ORDER BY MAX(deployed_at) DESC LIMIT \(places))
                DELETE FROM deployments WHERE event_id IN (
                    SELECT event_id FROM deployments d WHERE received_at < ? AND (
                        NOT plausible
                        OR (service, environment) NOT IN (SELECT service, environment FROM places)
                        OR EXISTS (
                            SELECT 1 FROM deployments l WHERE l.service = d.service AND l.environment = d.environment
                                AND l.succeeded AND l.plausible AND l.deployed_at > d.deployed_at))
                    LIMIT \(pieceRows))
                """, arguments: [cutoff])
        count += database.changesCount
        count += try LedgerFacts.forget(before: cutoff, atMost: pieceRows, database)
        count += try LedgerVerdicts.forget(before: cutoff, atMost: pieceRows, database)
        if count > 0 {
            try database.execute(
                sql: """
                    INSERT INTO forgotten VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET before = max(before, ?1)
                    """, arguments: [cutoff])
        }
        return count
    }
}
