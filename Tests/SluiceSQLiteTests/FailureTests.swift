import Foundation
import Sluice
import Testing

@testable import SluiceSQLite

@Suite struct FailureTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func codeOfOpening() -> SQLiteLogError.Code? {
        do {
            var configuration = directory.configuration()
            configuration.busyTimeout = .milliseconds(50)
            _ = try SQLiteLog.open(configuration)
            return nil
        } catch {
            #expect("\(error)".contains(directory.log))
            return (error as? SQLiteLogError)?.code
        }
    }

    @Test func leavesAForeignFileAsItIs() throws {
        let content = Data("this is no database, but somebody's letter\n".utf8) + Data(repeating: 7, count: 9_000)
        try content.write(to: URL(fileURLWithPath: directory.log))
        #expect(codeOfOpening() == .notALog)
        #expect(try Data(contentsOf: URL(fileURLWithPath: directory.log)) == content)
    }

    @Test func leavesAnotherProgramsDatabaseAsItIs() throws {
        try shell("sqlite3 '\(directory.log)' 'CREATE TABLE users (name); INSERT INTO users VALUES (1)'")
        let content = try Data(contentsOf: URL(fileURLWithPath: directory.log))
        #expect(codeOfOpening() == .notALog)
        #expect(try Data(contentsOf: URL(fileURLWithPath: directory.log)) == content)
    }

    @Test func refusesANewerSchema() async throws {
        await (try directory.open()).close()
        try shell("sqlite3 '\(directory.log)' 'PRAGMA user_version = 99'")
        #expect(codeOfOpening() == .newerSchema)
        #expect(try shell("sqlite3 '\(directory.log)' 'PRAGMA user_version'") == "99")
    }

    @Test func reportsADamagedFile() async throws {
        let log = try directory.open()
        try await log.publisher().publish((0..<2_000).map { message("\($0)") }, to: "t")
        await log.close()
        var content = try Data(contentsOf: URL(fileURLWithPath: directory.log))
        content.replaceSubrange(4_096..<content.count, with: Data(repeating: 0xAB, count: content.count - 4_096))
        try content.write(to: URL(fileURLWithPath: directory.log))
        let code = await codeOfUsing()
        #expect(code == .corrupt)
        #expect(try Data(contentsOf: URL(fileURLWithPath: directory.log)).count == content.count)
    }

    private func codeOfUsing() async -> SQLiteLogError.Code? {
        do {
            let log = try directory.open()
            defer { Task { await log.close() } }
            let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
            _ = try await within { try await subscription.next() }
            return nil
        } catch {
            return (error as? SQLiteLogError)?.code
        }
    }

    @Test func reportsAMissingDirectory() throws {
        let path = directory.path + "/missing/log"
        #expect(throws: SQLiteLogError.self) { try SQLiteLog.open(.init(path: path)) }
    }

    @Test func reportsALockedFile() async throws {
        await (try directory.open()).close()
        let process = Process()
        let input = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["sqlite3", directory.log]
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let marker = directory.path + "/locked"
        let script = "PRAGMA locking_mode = EXCLUSIVE;\nBEGIN EXCLUSIVE;\nSELECT 1;\n.shell touch '\(marker)'\n"
        try input.fileHandleForWriting.write(contentsOf: Data(script.utf8))
        try await eventually { FileManager.default.fileExists(atPath: marker) }
        #expect(codeOfOpening() == .locked)
        // The end of its input ends the program, which lets go of the file.
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
        await (try directory.open()).close()
    }

    @Test func waitsForAnotherProgramsTransactionAndGivesUpInTime() async throws {
        var configuration = directory.configuration()
        configuration.busyTimeout = .milliseconds(100)
        let log = try SQLiteLog.open(configuration)
        let publisher = log.publisher()
        try await publisher.publish([message("a")], to: "t")
        let other = try directory.open()
        let (isHeld, mayGo) = (Flag(), Flag())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await other.writer.perform { _ in
                    isHeld.raise()
                    while !mayGo.isRaised { usleep(1_000) }
                }
            }
            try await eventually { isHeld.isRaised }
            await #expect { try await publisher.publish([message("b")], to: "t") } throws: {
                ($0 as? SQLiteLogError)?.code == .locked && Disposition(of: $0) == .retry()
            }
            mayGo.raise()
            try await group.waitForAll()
        }
        try await publisher.publish([message("c")], to: "t")
        #expect(try await log.subscriber(group: "g").subscribe(to: "t").acknowledge(2).texts == ["a", "c"])
        await log.close()
        await other.close()
    }

    @Test func aFullDiskFailsThePublishesAndLosesNothing() async throws {
        let log = try directory.open()
        let publisher = log.publisher()
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        try await publisher.publish([message("a")], to: "t")
        try await log.limitPages(60)
        var accepted = 1
        var failure: (any Error)?
        while failure == nil {
            do {
                try await publisher.publish([Message(payload: [UInt8](repeating: 1, count: 10_000))], to: "t")
                accepted += 1
            } catch {
                failure = error
            }
        }
        let error = try #require(failure as? SQLiteLogError)
        #expect(error.code == .diskFull)
        #expect(error.disposition == .retry())
        #expect(error.reason == "sqlite_disk_full")
        try await subscription.acknowledge(accepted)
        try await log.limitPages(1_000_000)
        try await publisher.publish([message("z")], to: "t")
        #expect(try await subscription.acknowledge(1).texts == ["z"])
        try await eventually { try await log.backlog(group: "g", topic: "t").messages == 0 }
        await log.close()
    }

    /// What a crash leaves: the file and its write-ahead log as they are at that moment.
    @Test func everythingPublishedSurvivesACrash() async throws {
        let log = try directory.open()
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        try await log.publisher().publish((0..<100).map { message("\($0)") }, to: "t")
        let deliveries = try await subscription.deliveries(100)
        for delivery in deliveries where Int(delivery.message.text)?.isMultiple(of: 2) ?? false {
            delivery.acknowledge()
        }
        try await eventually { try await log.backlog(group: "g", topic: "t").messages == 50 }
        let copy = directory.path + "/copy.sqlite"
        try shell("cp '\(directory.log)' '\(copy)' && cp '\(directory.log)-wal' '\(copy)-wal'")
        let restarted = try SQLiteLog.open(.init(path: copy))
        let again = try await restarted.subscriber(group: "g").subscribe(to: "t").acknowledge(50)
        #expect(again.texts == stride(from: 1, to: 100, by: 2).map(String.init))
        #expect(again.map(\.origin.redelivered).filter { $0 }.count == 50)
        await restarted.close()
        await log.close()
    }

    @Test func aFailingJobUndoesOnlyItsOwnWork() async throws {
        struct Failure: Error {}
        let log = try directory.open()
        let publisher = log.publisher()
        try await publisher.publish([message("a")], to: "t")
        await #expect(throws: Failure.self) {
            try await log.writer.perform { session in
                _ = try session.table(for: "other")
                throw Failure()
            }
        }
        try await publisher.publish([message("b")], to: "other")
        #expect(try await log.subscriber(group: "g").subscribe(to: "other").acknowledge(1).texts == ["b"])
        await log.close()
    }

    @Test func refusesAWrongConfiguration() {
        let changes: [(inout SQLiteLog.Configuration) -> Void] = [
            { $0.leaseDuration = .zero }, { $0.pollInterval = .zero }, { $0.retention.size = 0 }, { $0.path = "" },
            { $0.busyTimeout = .seconds(-1) },
        ]
        for change in changes {
            var configuration = directory.configuration()
            change(&configuration)
            #expect(throws: ConfigurationError.self) { try SQLiteLog.open(configuration) }
        }
    }
}

extension SQLiteLog {
    /// Stands for a disk of this size.
    func limitPages(_ count: Int) async throws {
        _ = try await writer.perform { session in
            try SQLStatement(session.database, path: session.path, "PRAGMA max_page_count = \(count)").integer()
        }
    }
}
