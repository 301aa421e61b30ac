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

    static func migrateToServices(_ database: Database) throws {
        try database.execute(
            sql: """
                -- Kafka's topics of facts on which gateways have agreed on what was there before the counting began.
                CREATE TABLE verdicts_shared (topic TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
                ALTER TABLE counted_verdicts ADD COLUMN noted_at INTEGER NOT NULL DEFAULT 0;
                CREATE INDEX push_facts_of_repository ON push_facts (repository COLLATE NOCASE);
                CREATE INDEX untold_pushes_of_repository ON pushes (repository COLLATE NOCASE) WHERE NOT is_told;
                CREATE INDEX deployment_facts_of_service ON deployment_facts (service);
                """)
    }

    static let columns = [
        "SELECT service, environment, id, parts, noted_at FROM counted_verdicts LIMIT 0",
        "SELECT id FROM verdicts_begun LIMIT 0",
        "SELECT topic FROM verdicts_shared LIMIT 0",
    ]

    static func hasBegun(_ database: Database) throws -> Bool {
        try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM verdicts_begun)") ?? false
    }

    static func begin(_ database: Database) throws {
        try database.execute(sql: "INSERT OR IGNORE INTO verdicts_begun VALUES (1)")
    }

    static func hasBegun(on topic: String, _ database: Database) throws -> Bool {
        let sql = "SELECT EXISTS (SELECT 1 FROM verdicts_shared WHERE topic = ?)"
        return try Bool.fetchOne(database, sql: sql, arguments: [topic]) ?? false
    }

    /// - Parameter services: nil is all.
    static func counted(
        _ database: Database, of services: Set<String>? = nil
    ) throws -> [Verdict.Key: Verdict.Parts] {
        var counted: [Verdict.Key: Verdict.Parts] = [:]
        let choice = services == nil ? "" : "WHERE service IN (SELECT value FROM json_each(?1))"
        let rows = try Row.fetchCursor(
            database, sql: "SELECT service, environment, id, parts FROM counted_verdicts \(choice)",
            arguments: services.map { [FactQuery.list($0)] } ?? [])
        while let row = try rows.next() {
            guard let service = row[0] as String?, let environment = row[1] as String?, let id = row[2] as String?,
                let parts = row[3] as Int?
            else { continue }
            counted[.init(service: service, environment: environment, id: id)] = Verdict.Parts(rawValue: parts)
        }
        return counted
    }

    static func counted(_ keys: [Verdict.Key], _ database: Database) throws -> [Verdict.Key: Verdict.Parts] {
        let read = try statementToRead(database)
        var counted: [Verdict.Key: Verdict.Parts] = [:]
        for key in keys {
            let parts = try Int.fetchOne(read, arguments: [key.service, key.environment, key.id])
            counted[key] = parts.map { Verdict.Parts(rawValue: $0) }
        }
        return counted
    }

    private static func statementToRead(_ database: Database) throws -> Statement {
        try database.cachedStatement(
            sql: "SELECT parts FROM counted_verdicts WHERE service = ? AND environment = ? AND id = ?")
    }

    /// - Returns: those parts of each that were not noted before.
    static func note(
        _ due: [(verdict: Verdict, parts: Verdict.Parts)], _ database: Database
    ) throws -> [(verdict: Verdict, parts: Verdict.Parts)] {
        try due.compactMap { verdict, parts in
            let fresh = try note(verdict.key, parts, database)
            return fresh.isEmpty ? nil : (verdict, fresh)
        }
    }

    /// - Returns: what was not noted before, and who counts it.
    static func note(
        _ told: [CountedVerdicts], on topic: String, _ database: Database
    ) throws -> [(entry: CountedVerdicts.Entry, counter: String?)] {
        var fresh: [(entry: CountedVerdicts.Entry, counter: String?)] = []
        for counted in told {
            for entry in counted.entries {
                let parts = try note(entry.key, entry.parts, database)
                if !parts.isEmpty { fresh.append((.init(key: entry.key, parts: parts), counted.counter)) }
            }
            guard counted.endsBeginning else { continue }
            try database.execute(sql: "INSERT OR IGNORE INTO verdicts_shared VALUES (?)", arguments: [topic])
        }
        return fresh
    }

    /// - Returns: what was not noted before.
    private static func note(
        _ key: Verdict.Key, _ parts: Verdict.Parts, _ database: Database
    ) throws -> Verdict.Parts {
        let known = try Int.fetchOne(
            statementToRead(database), arguments: [key.service, key.environment, key.id])
        let fresh = parts.subtracting(Verdict.Parts(rawValue: known ?? 0))
        guard !fresh.isEmpty else { return [] }
        let write = try database.cachedStatement(
            sql: """
                INSERT INTO counted_verdicts (service, environment, id, parts, noted_at) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET parts = parts | excluded.parts
                """)
        try write.execute(arguments: [
            key.service, key.environment, key.id, parts.rawValue, Timestamp.now().millisecondsSince1970,
        ])
        return fresh
    }

    /// Forgets one piece of what is not kept as a fact any more. A verdict may be noted before its fact has come.
    static func forget(before cutoff: Int64, atMost rows: Int, _ database: Database) throws -> Int {
        try database.execute(
            sql: """
                DELETE FROM counted_verdicts WHERE (service, environment, id) IN (
                    SELECT v.service, v.environment, v.id FROM counted_verdicts v
                    WHERE v.noted_at < ? AND NOT EXISTS (
                            SELECT 1 FROM deployment_facts f
                            WHERE f.service = v.service AND f.environment = v.environment AND f.source_id = v.id)
                        AND NOT EXISTS (SELECT 1 FROM deployments d WHERE d.event_id = v.id)
                    LIMIT \(rows))
                """, arguments: [cutoff])
        return database.changesCount
    }

    /// Changes when another process has written to the file.
    static func version(_ database: Database) throws -> Int64 {
        try Int64.fetchOne(database, sql: "PRAGMA data_version") ?? 0
    }

    /// Whether the file has all that the queue had when it was made.
    static func canBegin(_ database: Database) throws -> Bool {
        try LedgerFacts.isComplete(database) && !LedgerFile.isIncomplete(database)
    }
}
