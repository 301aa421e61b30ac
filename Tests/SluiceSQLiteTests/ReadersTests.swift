import Sluice
import Testing

@testable import SluiceSQLite

@Suite struct ReadersTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func aNewReaderHasItsPositionBeforeItReadsAndKeepsIt() async throws {
        let log = try directory.open()
        try await log.publisher().publish([message("a"), message("b")], to: "t")
        let found = try await log.introduce([("new", .end), ("facts", .beginning)], topic: "t")
        #expect(found == ["new": .isNew(skipped: 2), "facts": .isNew(skipped: 0)])
        try await log.publisher().publish([message("c")], to: "t")
        await log.close()
        let again = try directory.open()
        #expect(try await again.introduce([("new", .end)], topic: "t") == ["new": .goesOn])
        #expect(try await again.backlog(group: "new", topic: "t").messages == 1)
        #expect(try await again.backlog(group: "facts", topic: "t").messages == 3)
        await again.close()
    }

    @Test func oneThatIsRememberedSkipsNothing() async throws {
        let log = try directory.open()
        try await log.publisher().publish([message("a")], to: "t")
        #expect(try await log.knownReaders(among: ["x", "y"]) == [])
        try await log.remember(readers: ["x"])
        #expect(try await log.knownReaders(among: ["x", "y"]) == ["x"])
        #expect(try await log.introduce([("x", .end)], topic: "t") == ["x": .isKnown])
        #expect(try await log.backlog(group: "x", topic: "t").messages == 1)
        #expect(try await log.knownReaders(among: ["x", "y"]) == ["x"])
        await log.close()
    }

    @Test func aMigratedFileKnowsAllReadersThatAreAskedForFirst() async throws {
        let log = try directory.open()
        await log.close()
        let later =
            "DROP TABLE readers; DROP TABLE facts; DROP TABLE shelved; DROP TABLE progress; ALTER TABLE groups DROP COLUMN shelved"
        try shell("sqlite3 '\(directory.log)' '\(later); PRAGMA user_version = 2'")
        let migrated = try directory.open()
        #expect(try await migrated.knownReaders(among: ["x"]) == ["x"])
        #expect(try await migrated.knownReaders(among: ["x", "y"]) == ["x"])
        await migrated.close()
    }
}
