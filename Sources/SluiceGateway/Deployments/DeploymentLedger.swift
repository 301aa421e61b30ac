import Foundation
import GRDB
import Sluice

/// Remembers when each commit was pushed and what was deployed where, so that a deployment is counted once, across
/// restarts too, and its lead time is known months later.
///
/// A file of its own beside the log: whatever queue carries the events, this is derived from them and can be made
/// again by reading them from the beginning.
final class DeploymentLedger: Sendable {
    /// What an event that was not known before says.
    struct Entry: Sendable, Equatable {
        /// From the commit's push to its deployment; nil for a push, and when the push is not known.
        var leadTime: Duration?
        /// From the first deployment that failed since the one before that succeeded; nil when none did.
        var timeToRestore: Duration?
    }

    /// A service that was ever deployed to an environment.
    struct Latest: Sendable {
        let service: String
        let environment: String
        /// The last deployment that succeeded.
        let at: Timestamp?
    }

    private let database: DatabaseQueue

    /// - Throws: ``DeploymentLedgerError`` when the file cannot be opened or is of a newer schema.
    init(path: String) throws {
        do {
            database = try Self.open(path)
        } catch let error as DatabaseError {
            // GRDB's own description shows SQL; only what SQLite said is taken.
            throw DeploymentLedgerError(
                path: path, problem: error.message ?? "SQLite code \(error.resultCode.rawValue)")
        }
    }

    private static func open(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            // A commit lost in a power cut is counted again when its event is; the log is where durability matters.
            try database.execute(sql: "PRAGMA synchronous = NORMAL")
        }
        let database = try DatabaseQueue(path: path, configuration: configuration)
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
        guard try database.read(migrator.hasBeenSuperseded) == false else {
            throw DeploymentLedgerError(path: path, problem: "a newer version of Sluice wrote it")
        }
        try migrator.migrate(database)
        return database
    }

    /// Takes an event in.
    /// - Returns: nil when it was known.
    func record(_ event: Event, id: MessageID) async throws -> Entry? {
        try await database.write { database in
            switch event {
            case .commitPushed(let push): try Self.record(push, database)
            case .commitDeployed(let deployment): try Self.record(deployment, id: id, succeeded: true, database)
            case .deploymentFailed(let deployment): try Self.record(deployment, id: id, succeeded: false, database)
            }
        }
    }

    /// The last deployments, newest first, at most `limit`.
    func latest(limit: Int) async throws -> [Latest] {
        try await database.read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT service, environment, MAX(CASE WHEN succeeded THEN deployed_at END) AS at FROM deployments
                    GROUP BY service, environment ORDER BY MAX(deployed_at) DESC LIMIT ?
                    """, arguments: [limit])
            return rows.map { row in
                Latest(
                    service: row[0], environment: row[1],
                    at: (row[2] as Int64?).map { Timestamp(millisecondsSince1970: $0) })
            }
        }
    }

    private static func record(_ push: CommitPushed, _ database: Database) throws -> Entry? {
        let statement = try database.cachedStatement(
            sql: "INSERT OR IGNORE INTO pushes (commit_id, repository, pushed_at) VALUES (?, ?, ?)")
        try statement.execute(
            arguments: [push.id, push.repository ?? "", push.occurredOn.millisecondsSince1970])
        return database.changesCount > 0 ? Entry() : nil
    }

    private static func record(
        _ deployment: Deployment, id: MessageID, succeeded: Bool, _ database: Database
    ) throws -> Entry? {
        let statement = try database.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO deployments
                    (event_id, service, environment, commit_id, deployed_at, succeeded)
                VALUES (?, ?, ?, ?, ?, ?)
                """)
        try statement.execute(arguments: [
            id.description, deployment.serviceName, deployment.env, deployment.id,
            deployment.occurredOn.millisecondsSince1970, succeeded,
        ])
        guard database.changesCount > 0 else { return nil }
        guard succeeded else { return Entry() }
        return Entry(
            leadTime: try leadTime(of: deployment, database), timeToRestore: try timeToRestore(by: deployment, database)
        )
    }

    private static func leadTime(of deployment: Deployment, _ database: Database) throws -> Duration? {
        // Deploy tools may shorten the hash: every digit sorts before `g`.
        let pushedAt = try Int64.fetchOne(
            database.cachedStatement(
                sql: "SELECT MIN(pushed_at) FROM pushes WHERE commit_id >= ?1 AND commit_id < ?1 || 'g'"),
            arguments: [deployment.id])
        let lead = pushedAt.map { deployment.occurredOn.millisecondsSince1970 - $0 }
        return lead.flatMap { $0 >= 0 ? .milliseconds($0) : nil }
    }

    /// A failure that is heard of only after the deployment that mended it counts for none.
    private static func timeToRestore(by deployment: Deployment, _ database: Database) throws -> Duration? {
        let failedAt = try Int64.fetchOne(
            database.cachedStatement(
                sql: """
                    SELECT MIN(deployed_at) FROM deployments
                    WHERE service = ?1 AND environment = ?2 AND NOT succeeded AND deployed_at <= ?3
                        AND deployed_at > coalesce((
                            SELECT MAX(deployed_at) FROM deployments
                            WHERE service = ?1 AND environment = ?2 AND succeeded AND deployed_at < ?3), -1)
                    """),
            arguments: [deployment.serviceName, deployment.env, deployment.occurredOn.millisecondsSince1970])
        return failedAt.map { .milliseconds(deployment.occurredOn.millisecondsSince1970 - $0) }
    }
}

/// What is known of deployments cannot be read. The file is left as it is.
struct DeploymentLedgerError: Error, CustomStringConvertible {
    let path: String
    let problem: String

    var description: String { "the deployments \(path) cannot be used: \(problem)" }
}

extension Deployment {
    /// The service, or the repository where the source did not say: what deployments are counted by.
    var serviceName: String { service ?? repository ?? "unknown" }
}
