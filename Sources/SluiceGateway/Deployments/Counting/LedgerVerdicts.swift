import GRDB
import Sluice

/// What of which deployment has been counted, in the file of deployments.
enum LedgerVerdicts {
    static func migrate(_ database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE counted_verdicts (
                    service TEXT NOT NULL, environment TEXT NOT NULL, id TEXT NOT NULL, parts INTEGER NOT NULL,
                    PRIMARY KEY (service, environment, id)
                ) WITHOUT ROWID;
                -- One row once all that was there before the counting began is in the other table.
                CREATE TABLE verdicts_begun (id INTEGER PRIMARY KEY CHECK (id = 1));
                """)
    }

    static let columns = [
        "SELECT service, environment, id, parts FROM counted_verdicts LIMIT 0", "SELECT id FROM verdicts_begun LIMIT 0",
    ]

    static func hasBegun(_ database: Database) throws -> Bool {
        try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM verdicts_begun)") ?? false
    }

    static func begin(_ database: Database) throws {
        try database.execute(sql: "INSERT OR IGNORE INTO verdicts_begun VALUES (1)")
    }

    static func counted(_ database: Database) throws -> [Verdict.Key: Verdict.Parts] {
        var counted: [Verdict.Key: Verdict.Parts] = [:]
        let rows = try Row.fetchCursor(database, sql: "SELECT service, environment, id, parts FROM counted_verdicts")
        while let row = try rows.next() {
            guard let service = row[0] as String?, let environment = row[1] as String?, let id = row[2] as String?,
                let parts = row[3] as Int?
            else { continue }
            counted[.init(service: service, environment: environment, id: id)] = Verdict.Parts(rawValue: parts)
        }
        return counted
    }

    /// - Returns: those parts of each that were not noted before.
    static func note(
        _ due: [(verdict: Verdict, parts: Verdict.Parts)], _ database: Database
    ) throws -> [(verdict: Verdict, parts: Verdict.Parts)] {
        let read = try database.cachedStatement(
            sql: "SELECT parts FROM counted_verdicts WHERE service = ? AND environment = ? AND id = ?")
        let write = try database.cachedStatement(
            sql: """
                INSERT INTO counted_verdicts (service, environment, id, parts) VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET parts = parts | excluded.parts
                """)
        return try due.compactMap { verdict, parts in
            let key = verdict.key
            let known = try Int.fetchOne(read, arguments: [key.service, key.environment, key.id]) ?? 0
            let fresh = parts.subtracting(Verdict.Parts(rawValue: known))
            guard !fresh.isEmpty else { return nil }
            try write.execute(arguments: [key.service, key.environment, key.id, parts.rawValue])
            return (verdict, fresh)
        }
    }

    /// Forgets one piece of what is not kept as a fact any more.
    static func forget(atMost rows: Int, _ database: Database) throws -> Int {
        try database.execute(
            sql: """
                DELETE FROM counted_verdicts WHERE (service, environment, id) IN (
                    SELECT v.service, v.environment, v.id FROM counted_verdicts v
                    WHERE NOT EXISTS (
                            SELECT 1 FROM deployment_facts f
                            WHERE f.service = v.service AND f.environment = v.environment AND f.source_id = v.id)
                        AND NOT EXISTS (SELECT 1 FROM deployments d WHERE d.event_id = v.id)
                    LIMIT \(rows))
                """)
        return database.changesCount
    }

    /// Tells whether any fact has come since it was asked last.
    static func stamp(_ database: Database) throws -> String {
        let row = try Row.fetchOne(
            database,
            sql: """
                SELECT (SELECT max(rowid) FROM push_facts), (SELECT max(rowid) FROM deployment_facts),
                    (SELECT count(*) FROM incident_facts), (SELECT sum(coalesce(resolved_at, 0)) FROM incident_facts),
                    (SELECT count(*) FROM deployments), (SELECT sum(coalesce(opened_at, 0)) FROM incident_facts)
                """)
        return row.map { row in (0..<row.count).map { "\(row[$0] as Int64? ?? 0)" }.joined(separator: " ") } ?? ""
    }

    /// Whether the file has all that the queue had when it was made.
    static func canBegin(_ database: Database) throws -> Bool {
        try LedgerFacts.isComplete(database) && !LedgerFile.isIncomplete(database)
    }
}
