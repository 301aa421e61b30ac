import Foundation
import GRDB
import Sluice

/// The facts in the file of deployments.
///
/// An event and the fact that tells the same come by two topics, in either order. Both are kept: the events' tables say what was
/// counted, and which of it a fact tells of (`is_told`). What no fact tells of is read as a fact of its own, so that each push and
/// each deployment is read once, whichever of the two is missing.
enum LedgerFacts {
    static func migrate(_ database: Database) throws {
        try database.execute(
            sql: """
                ALTER TABLE pushes ADD COLUMN is_told INTEGER NOT NULL DEFAULT 0;
                -- Whether its event was taken in, and not only a fact.
                ALTER TABLE pushes ADD COLUMN is_counted INTEGER NOT NULL DEFAULT 1;
                CREATE INDEX untold_pushes ON pushes (pushed_at) WHERE NOT is_told;
                ALTER TABLE deployments ADD COLUMN is_told INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE deployments ADD COLUMN repository TEXT;
                CREATE INDEX untold_deployments ON deployments (deployed_at) WHERE NOT is_told;
                CREATE TABLE push_facts (
                    id TEXT NOT NULL PRIMARY KEY, repository TEXT NOT NULL, ref TEXT, before_id TEXT, after_id TEXT,
                    forced INTEGER NOT NULL, linked INTEGER NOT NULL, complete INTEGER NOT NULL, pushed_at INTEGER NOT NULL,
                    received_at INTEGER NOT NULL, commits BLOB NOT NULL
                );
                CREATE INDEX push_facts_in_time ON push_facts (pushed_at);
                CREATE TABLE deployment_facts (
                    id TEXT NOT NULL, event_id TEXT NOT NULL, source_id TEXT NOT NULL, service TEXT NOT NULL,
                    environment TEXT NOT NULL, commit_id TEXT NOT NULL, started_at INTEGER, finished_at INTEGER NOT NULL,
                    succeeded INTEGER NOT NULL, plausible INTEGER NOT NULL, repository TEXT, version TEXT, description TEXT,
                    url TEXT, received_at INTEGER NOT NULL, PRIMARY KEY (id, event_id)
                );
                CREATE INDEX deployment_facts_in_time ON deployment_facts (finished_at);
                CREATE INDEX deployment_facts_of_events ON deployment_facts (event_id);
                CREATE TABLE incident_facts (
                    service TEXT NOT NULL, id TEXT NOT NULL, opened_at INTEGER, resolved_at INTEGER,
                    received_at INTEGER NOT NULL, PRIMARY KEY (service, id)
                ) WITHOUT ROWID;
                -- One row once the facts that the queue holds have been read into the file.
                CREATE TABLE facts_read (id INTEGER PRIMARY KEY CHECK (id = 1));
                """)
    }

    /// Fails where the tables do not have the columns that are used.
    static let columns = [
        """
        SELECT id, repository, ref, before_id, after_id, forced, linked, complete, pushed_at, received_at, commits
        FROM push_facts LIMIT 0
        """,
        """
        SELECT id, event_id, source_id, service, environment, commit_id, started_at, finished_at, succeeded, plausible,
            repository, version, description, url, received_at
        FROM deployment_facts LIMIT 0
        """, "SELECT service, id, opened_at, resolved_at, received_at FROM incident_facts LIMIT 0",
        "SELECT id FROM facts_read LIMIT 0",
    ]

    static func isComplete(_ database: Database) throws -> Bool {
        try Bool.fetchOne(database.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM facts_read)")) ?? false
    }

    static func markComplete(_ database: Database) throws {
        try database.execute(sql: "INSERT OR IGNORE INTO facts_read VALUES (1)")
    }

    // MARK: Taking them in

    /// - Parameters:
    ///   - id: of the fact's message.
    ///   - event: of the event that tells the same.
    ///   - receipt: when the queue took it.
    /// - Returns: false when it was known, or may have been forgotten.
    static func record(
        _ fact: Fact, id: MessageID, event: String?, receivedAt receipt: Timestamp, _ database: Database
    ) throws -> Bool {
        if try LedgerRetention.isForgotten(receipt, database) { return false }
        switch fact {
        case .push(let push): return try record(push, id, receipt, database)
        case .deployment(let deployment): return try record(deployment, id, event, receipt, database)
        case .incident(let incident): return try record(incident, receipt, database)
        }
    }

    private static func record(
        _ push: PushFact, _ id: MessageID, _ receipt: Timestamp, _ database: Database
    ) throws -> Bool {
        var json = JSONWriter(capacity: 128 + 200 * push.commits.count)
        PushFact.write(push.commits, to: &json)
        let insert = try database.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO push_facts
                    (id, repository, ref, before_id, after_id, forced, linked, complete, pushed_at, received_at, commits)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """)
        try insert.execute(arguments: [
            id.description, push.repository, push.ref, push.before, push.after, push.isForced, push.isLinked,
            push.isComplete, push.pushedAt.millisecondsSince1970, receipt.millisecondsSince1970, Data(json.bytes),
        ])
        guard database.changesCount > 0 else { return false }
        let tell = try database.cachedStatement(
            sql: """
                INSERT INTO pushes (commit_id, repository, pushed_at, received_at, is_told, is_counted) VALUES (?, ?, ?, ?, 1, 0)
                ON CONFLICT DO UPDATE SET is_told = 1 WHERE NOT is_told
                """)
        for commit in push.commits {
            let time = commit.madeAt ?? push.pushedAt
            try tell.execute(arguments: [
                commit.id, push.repository, time.millisecondsSince1970, receipt.millisecondsSince1970,
            ])
        }
        return true
    }

    private static func record(
        _ deployment: DeploymentFact, _ id: MessageID, _ event: String?, _ receipt: Timestamp, _ database: Database
    ) throws -> Bool {
        let insert = try database.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO deployment_facts
                    (id, event_id, source_id, service, environment, commit_id, started_at, finished_at, succeeded,
                    plausible, repository, version, description, url, received_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """)
        try insert.execute(arguments: [
            id.description, event ?? "", deployment.id, deployment.service, deployment.environment, deployment.commit,
            deployment.startedAt?.millisecondsSince1970, deployment.finishedAt.millisecondsSince1970,
            deployment.succeeded, EventTime.isPlausible(deployment.finishedAt, at: receipt), deployment.repository,
            deployment.version, deployment.description, deployment.url, receipt.millisecondsSince1970,
        ])
        let isNew = database.changesCount > 0
        // A tool that tells of one deployment twice, at two times, makes two events of one deployment: the earlier is read.
        if let event {
            let tell = try database.cachedStatement(sql: "UPDATE deployments SET is_told = 1 WHERE event_id = ?")
            try tell.execute(arguments: [event])
        }
        return isNew
    }

    /// What is told of an incident in parts is put together, in whatever order the parts come.
    private static func record(
        _ incident: IncidentFact, _ receipt: Timestamp, _ database: Database
    ) throws -> Bool {
        let insert = try database.cachedStatement(
            sql: """
                INSERT INTO incident_facts (service, id, opened_at, resolved_at, received_at) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET
                    opened_at = min(coalesce(opened_at, excluded.opened_at), coalesce(excluded.opened_at, opened_at)),
                    resolved_at =
                        max(coalesce(resolved_at, excluded.resolved_at), coalesce(excluded.resolved_at, resolved_at)),
                    received_at = max(received_at, excluded.received_at)
                """)
        try insert.execute(arguments: [
            incident.service, incident.id, incident.openedAt?.millisecondsSince1970,
            incident.resolvedAt?.millisecondsSince1970, receipt.millisecondsSince1970,
        ])
        return database.changesCount > 0
    }

    // MARK: Letting them go

    /// Forgets one piece of what was received before `cutoff`, after the events.
    static func forget(before cutoff: Int64, atMost rows: Int, _ database: Database) throws -> Int {
        var count = 0
        for sql in [
            "DELETE FROM push_facts WHERE rowid IN (SELECT rowid FROM push_facts WHERE received_at < ? LIMIT \(rows))",
            // The last of each service stays with its event.
            """
            DELETE FROM deployment_facts WHERE rowid IN (
                SELECT f.rowid FROM deployment_facts f WHERE received_at < ?
                    AND NOT EXISTS (SELECT 1 FROM deployments d WHERE d.event_id = f.event_id) LIMIT \(rows))
            """,
            """
            DELETE FROM incident_facts WHERE (service, id) IN (
                SELECT service, id FROM incident_facts WHERE received_at < ? LIMIT \(rows))
            """,
        ] {
            try database.execute(sql: sql, arguments: [cutoff])
            count += database.changesCount
        }
        return count
    }
}
