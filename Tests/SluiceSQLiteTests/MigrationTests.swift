import Foundation
import Sluice
import Testing

@testable import SluiceSQLite

@Suite struct MigrationTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// As the first release wrote it: ten messages, a group that has settled 1, 2, 3 and 5, and a handled key.
    private static let schema1 = """
        PRAGMA journal_mode = WAL;
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
        PRAGMA application_id = 1399616873; PRAGMA user_version = 1;
        INSERT INTO topics VALUES (1, 't', 0);
        WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10)
            INSERT INTO messages_1 SELECT i, 1700000000000 + i, 'm' || i, NULL, NULL, CAST('p' || i AS BLOB) FROM n;
        INSERT INTO groups VALUES (1, 1, 'g', 3, x'0200', 1, 5, NULL, 0);
        INSERT INTO handled_keys VALUES ('s', x'61', 9999999999999);
        """

    private func writeSchema1() throws {
        let script = directory.path + "/schema1.sql"
        try Self.schema1.write(toFile: script, atomically: true, encoding: .utf8)
        try shell("sqlite3 '\(directory.log)' < '\(script)'")
        #expect(try shell("sqlite3 '\(directory.log)' 'PRAGMA user_version'") == "1")
    }

    @Test func aFileOfTheFirstReleaseGoesOnWhereItWas() async throws {
        try writeSchema1()
        let before = Timestamp.now().millisecondsSince1970
        let log = try directory.open()
        #expect(try await log.deduplicationStore().reserve([0x61], scope: "s") == .duplicate)
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        #expect(try await subscription.acknowledge(6).texts == ["p4", "p6", "p7", "p8", "p9", "p10"])
        try await log.publisher().publish([message("new")], to: "t")
        #expect(try await subscription.acknowledge(1)[0].origin.offset == 11)
        await log.close()
        #expect(try shell("sqlite3 '\(directory.log)' 'PRAGMA user_version'") == "\(Schema.version)")
        let lastRead = try #require(Int64(try shell("sqlite3 '\(directory.log)' 'SELECT last_read FROM groups'")))
        #expect(lastRead >= before, "what was there before counts as read until now")
    }

    @Test func aMigratedFileHasTheTablesOfANewOne() async throws {
        try writeSchema1()
        await (try directory.open()).close()
        let other = try TemporaryDirectory()
        let log = try other.open()
        try await log.publisher().publish([message("a")], to: "t")
        await log.close()
        // Columns by name, type, default: what statements see.
        let columns = """
            SELECT m.name, c.name, c.type, c.dflt_value FROM sqlite_master m, pragma_table_info(m.name) c
            WHERE m.type = 'table' ORDER BY 1, c.cid
            """
        #expect(
            try shell("sqlite3 '\(directory.log)' \"\(columns)\"") == shell("sqlite3 '\(other.log)' \"\(columns)\""))
    }

    @Test func manyThatOpenAnOldFileAtOnceMigrateItOnce() async throws {
        try writeSchema1()
        let directory = directory
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let log = try directory.open()
                    try await log.publisher().publish([message("x")], to: "t")
                    await log.close()
                }
            }
            try await group.waitForAll()
        }
        #expect(
            try shell("sqlite3 '\(directory.log)' 'SELECT count(*) FROM messages_1; PRAGMA user_version'")
                == "18\n\(Schema.version)")
    }

    /// A program of schema 1 that has the file open goes on writing what it knows.
    @Test func anOldProgramThatHasTheFileOpenGoesOn() async throws {
        try writeSchema1()
        let log = try directory.open()
        try shell(
            """
            sqlite3 '\(directory.log)' ".timeout 2000" "INSERT INTO groups
                (topic, name, settled_through, delivered_through) VALUES (1, 'old', 2, 2);
                INSERT INTO topics (name) VALUES ('other')"
            """)
        #expect(try await log.subscriber(group: "old").subscribe(to: "t").acknowledge(8).texts.first == "p3")
        await log.close()
    }

    @Test func aMigrationThatFailsLeavesTheFileAsItWas() async throws {
        try writeSchema1()
        // In the way of schema 2.
        try shell("sqlite3 '\(directory.log)' 'CREATE TABLE clock (x)'")
        #expect(throws: SQLiteLogError.self) { _ = try directory.open() }
        let columns = "SELECT count(*) FROM pragma_table_info('groups'); PRAGMA user_version"
        #expect(try shell("sqlite3 '\(directory.log)' \"\(columns)\"") == "9\n1")
    }
}
