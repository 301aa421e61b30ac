import Foundation
import GRDB
import Glibc
import Sluice

/// The file of the deployments. It is derived from the queue: one that cannot be used is set aside and made again.
struct LedgerFile: Sendable {
    /// A file that was set aside.
    struct SetAside: Sendable, Equatable {
        /// Its new name, without the directory.
        let name: String
        /// What was wrong with it, in SQLite's words.
        let problem: String
    }

    /// How many files that were set aside are kept: the newest.
    private static let kept = 3
    /// Files up to this size are checked page by page when they are opened; what is wrong with larger ones shows when
    /// they are used.
    private static let checkedBytes = 32 << 20
    /// `user_version` of a file that the queue has not been read into yet. GRDB leaves that number alone.
    private static let incomplete = 1

    let path: String

    /// - Returns: the database, and what became of the file before where that could not be used.
    /// - Throws: ``DeploymentLedgerError``.
    func open() throws(DeploymentLedgerError) -> (database: DatabaseQueue, setAside: SetAside?) {
        do {
            return (try attempt(), nil)
        } catch {
            guard error.canBeMadeAgain else { throw error }
            return try replace(because: error)
        }
    }

    /// Opens the file anew after it has failed in use, and sets it aside where it is still the file that failed.
    /// - Parameter identity: of the file that failed.
    func reopen(
        after error: DeploymentLedgerError, identity: UInt64?
    ) throws(DeploymentLedgerError) -> (database: DatabaseQueue, setAside: SetAside?) {
        guard identity == self.identity else { return try open() }
        return try replace(because: error, isKnownToFail: true)
    }

    /// Tells the file from another one under its name.
    var identity: UInt64? {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    private func replace(
        because error: DeploymentLedgerError, isKnownToFail: Bool = false
    ) throws(DeploymentLedgerError) -> (database: DatabaseQueue, setAside: SetAside?) {
        // Of several processes that find the same file damaged, one sets it aside.
        let lock = DirectoryLock(ofFile: path)
        defer { lock.release() }
        if !isKnownToFail, let database = try? attempt() { return (database, nil) }
        guard let setAside = setAside(because: error.problem) else { throw error }
        return (try attempt(), setAside)
    }

    // MARK: Opening

    private func attempt() throws(DeploymentLedgerError) -> DatabaseQueue {
        do {
            var configuration = Configuration()
            configuration.busyMode = .timeout(5)
            configuration.prepareDatabase { database in
                try database.execute(sql: "PRAGMA journal_mode = WAL")
                // A commit lost in a power cut is counted again when its event is; the log is where durability matters.
                try database.execute(sql: "PRAGMA synchronous = NORMAL")
            }
            let database = try DatabaseQueue(path: path, configuration: configuration)
            try database.writeWithoutTransaction { database in
                // Before the first table is there, so that a crash leaves no empty file that looks complete.
                if try Bool.fetchOne(database, sql: "SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)") ?? false {
                    try database.execute(sql: "PRAGMA user_version = \(Self.incomplete)")
                }
            }
            guard try database.read(LedgerSchema.migrator.hasBeenSuperseded) == false else {
                throw DeploymentLedgerError(
                    path: path, problem: "a newer version of Sluice wrote it", canBeMadeAgain: false,
                    isOfNewerVersion: true)
            }
            try LedgerSchema.migrator.migrate(database)
            try database.read(verify)
            return database
        } catch let error as DeploymentLedgerError {
            throw error
        } catch {
            throw DeploymentLedgerError(path: path, error)
        }
    }

    private func verify(_ database: Database) throws {
        try LedgerSchema.verify(database)
        let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
        let pageSize = try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 0
        guard pages.multipliedReportingOverflow(by: pageSize).partialValue <= Self.checkedBytes else { return }
        let finding = try String.fetchOne(database, sql: "PRAGMA quick_check(1)")
        if let finding, finding != "ok" { throw DeploymentLedgerError(path: path, problem: finding) }
    }

    // MARK: Setting aside

    /// Renames the file and SQLite's beside it.
    /// - Returns: nil when that is not possible.
    private func setAside(because problem: String) -> SetAside? {
        let stamp = RFC3339.format(Timestamp.now()).filter { $0.isLetter || $0.isNumber }
        let aside = "\(path).damaged-\(stamp)"
        guard rename(path, aside) == 0 else { return nil }
        for suffix in ["-wal", "-shm"] { _ = rename(path + suffix, aside + suffix) }
        let url = URL(fileURLWithPath: aside)
        removeOldest(like: url)
        return SetAside(name: url.lastPathComponent, problem: problem)
    }

    private func removeOldest(like newest: URL) {
        let prefix = URL(fileURLWithPath: path).lastPathComponent + ".damaged-"
        let directory = newest.deletingLastPathComponent()
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
        let files = names.filter { $0.hasPrefix(prefix) && !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm") }.sorted()
        for file in files.dropLast(Self.kept) {
            for suffix in ["", "-wal", "-shm"] {
                try? FileManager.default.removeItem(at: directory.appendingPathComponent(file + suffix))
            }
        }
    }

    // MARK: What the queue has given

    /// Whether the file has yet to be filled from the queue.
    static func isIncomplete(_ database: Database) throws -> Bool {
        try Int.fetchOne(database, sql: "PRAGMA user_version") == incomplete
    }

    static func markComplete(_ database: Database) throws {
        try database.execute(sql: "PRAGMA user_version = 0")
    }
}

/// A lock on a directory, which needs no file of its own. Where locks are not supported it locks nothing.
private struct DirectoryLock {
    private let descriptor: Int32

    init(ofFile path: String) {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor >= 0 { _ = flock(descriptor, LOCK_EX) }
    }

    func release() {
        if descriptor >= 0 { close(descriptor) }
    }
}
