import Foundation
import GRDB
import Sluice
import SluiceTesting

@testable import SluiceGateway

/// A data directory as the first release wrote it: its log and its ledger, with a few rows.
enum FirstReleaseDirectory {
    static let pushes = FactFixtures.events(of: FactFixtures.push(1...3, at: 1))
    static let deployments = (1...3).map { FactFixtures.deployment(of: $0, at: Double($0) + 1) }
    /// When the queue took everything.
    private static let received = FactFixtures.time(5).millisecondsSince1970

    private static let logSchema = """
        CREATE TABLE topics (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, deleted_through INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE time_marks (
            topic INTEGER NOT NULL, second INTEGER NOT NULL, offset INTEGER NOT NULL, PRIMARY KEY (topic, second)
        ) WITHOUT ROWID;
        CREATE TABLE groups (
            id INTEGER PRIMARY KEY, topic INTEGER NOT NULL, name TEXT NOT NULL, settled_through INTEGER NOT NULL,
            ahead BLOB, ahead_count INTEGER NOT NULL DEFAULT 0, delivered_through INTEGER NOT NULL DEFAULT 0,
            owner BLOB, lease_end INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, name)
        );
        CREATE TABLE handled_keys (
            scope TEXT NOT NULL, key BLOB NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (scope, key)
        ) WITHOUT ROWID;
        CREATE INDEX handled_keys_by_expiry ON handled_keys (expires);
        CREATE TABLE messages_1 (
            offset INTEGER PRIMARY KEY, time INTEGER NOT NULL, id BLOB NOT NULL, key BLOB, metadata BLOB,
            payload BLOB NOT NULL
        );
        CREATE TABLE messages_2 (
            offset INTEGER PRIMARY KEY, time INTEGER NOT NULL, id BLOB NOT NULL, key BLOB, metadata BLOB,
            payload BLOB NOT NULL
        );
        INSERT INTO topics VALUES (1, 'events', 0), (2, 'poison', 0);
        PRAGMA application_id = 1399616873; PRAGMA user_version = 1;
        """

    private static let ledgerSchema = """
        CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
        INSERT INTO grdb_migrations VALUES ('1'), ('2');
        CREATE TABLE pushes (
            commit_id TEXT NOT NULL, repository TEXT NOT NULL, pushed_at INTEGER NOT NULL, PRIMARY KEY (commit_id, repository)
        ) WITHOUT ROWID;
        CREATE TABLE deployments (
            event_id TEXT NOT NULL PRIMARY KEY, service TEXT NOT NULL, environment TEXT NOT NULL, commit_id TEXT NOT NULL,
            deployed_at INTEGER NOT NULL, succeeded INTEGER NOT NULL DEFAULT 1
        ) WITHOUT ROWID;
        CREATE INDEX deployments_in_time ON deployments (service, environment, succeeded, deployed_at);
        """

    /// Three pushes and three deployments. `log-to-metrics` has counted two of these, and of the second the settlement was lost.
    /// Grafana and Slack have had all. Two pushes lie in the poison queue that Slack has refused.
    static func write(in directory: String) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try writeLog(directory + "/events.sqlite")
        try writeLedger(directory + "/deployments.sqlite")
    }

    private static func open(_ path: String, _ schema: String, _ body: (Database) throws -> Void) throws {
        let database = try DatabaseQueue(path: path)
        try database.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: schema)
            try body(database)
        }
        try database.close()
    }

    private static func writeLog(_ path: String) throws {
        try open(path, logSchema) { database in
            for (index, event) in (pushes + deployments).enumerated() {
                try insert(event.message(), into: 1, Int64(index + 1), database)
            }
            for (index, event) in pushes.prefix(2).enumerated() {
                var message = event.message()
                for (name, value) in [
                    ("correlation_id", "c-\(index)"), ("reason_poisoned", "slack answered invalid_blocks"),
                    ("topic_poisoned", "events"), ("handler_poisoned", "log-to-slack"),
                    ("subscriber_poisoned", "sqlite"),
                    ("time_poisoned", "\(received + 1_000)"), ("attempts_poisoned", "1"),
                    ("offset_poisoned", "\(index + 1)"),
                ] {
                    message.metadata[name] = value
                }
                try insert(message, into: 2, Int64(index + 1), database)
            }
            for (name, settled) in [("log-to-metrics", 4), ("log-to-grafana", 6), ("log-to-slack", 6)] {
                try database.execute(
                    sql: "INSERT INTO groups (topic, name, settled_through, delivered_through) VALUES (1, ?, ?, ?)",
                    arguments: [name, settled, settled])
            }
        }
    }

    private static func insert(_ message: Message, into topic: Int, _ offset: Int64, _ database: Database) throws {
        let key = message.metadata[Event.repositoryKey] ?? ""
        try database.execute(
            sql: "INSERT INTO messages_\(topic) VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [
                offset, received, try identifier(message.id), Data(key.utf8), encode(message.metadata),
                Data(message.payload),
            ])
        try database.execute(
            sql: "INSERT OR IGNORE INTO time_marks VALUES (?, ?, ?)", arguments: [topic, received / 1_000, offset])
    }

    /// 16 bytes.
    private static func identifier(_ id: MessageID) throws -> Data {
        guard let uuid = UUID(uuidString: id.description) else { throw ClosedError("no id of 16 bytes") }
        return withUnsafeBytes(of: uuid.uuid) { Data($0) }
    }

    /// Names and values, each behind its length (LEB128).
    private static func encode(_ metadata: Metadata) -> Data {
        var bytes = Data()
        for entry in metadata {
            for text in [entry.name, entry.value] {
                var rest = text.utf8.count
                while rest >= 128 {
                    bytes.append(UInt8(rest & 127 | 128))
                    rest >>= 7
                }
                bytes.append(UInt8(rest))
                bytes.append(contentsOf: Array(text.utf8))
            }
        }
        return bytes
    }

    private static func writeLedger(_ path: String) throws {
        try open(path, ledgerSchema) { database in
            for push in pushes {
                try database.execute(
                    sql: "INSERT INTO pushes VALUES (?, 'octo/hello', ?)",
                    arguments: [push.commit, push.occurredOn.millisecondsSince1970])
            }
            for event in deployments.prefix(2) {
                try database.execute(
                    sql: "INSERT INTO deployments VALUES (?, 'hello', 'production', ?, ?, 1)",
                    arguments: [event.messageID.description, event.commit, event.occurredOn.millisecondsSince1970])
            }
        }
    }
}
