import GRDBSQLite
import Glibc
import Sluice

/// Copies an SQLite file that others may be writing to, as it is at one moment.
package struct SQLiteFileCopy {
    private let source: String
    private let target: String
    /// How many pages are copied between two reports of progress.
    package var pagesAtOnce: Int32 = 1_024
    /// Told how many bytes are copied, and how many there are.
    package typealias Progress = (_ done: Int64, _ total: Int64) -> Void

    /// - Parameters:
    ///   - source: is only read; nothing is made beside it.
    ///   - target: must not exist; it is made for its owner alone.
    package init(from source: String, to target: String) {
        self.source = source
        self.target = target
    }

    /// Returns when the copy is on the disk.
    /// - Returns: its size in bytes.
    /// - Throws: ``SQLiteLogError``; no copy is left then.
    package func run(onProgress: Progress = { _, _ in }) throws(SQLiteLogError) -> Int64 {
        do throws(SQLiteLogError) {
            for _ in 0..<20 {
                let before = try ReadOnlyFile.Stamp(source)
                try make()
                try copy(isQuiet: before.isQuiet, onProgress)
                // Without a write-ahead log no lock was held: another process may have begun to write.
                let after = try ReadOnlyFile.Stamp(source)
                if !before.isQuiet || after == before { return try finish() }
                unlink(target)
            }
            throw SQLiteLogError(.locked, path: source, detail: "it changes too often to be copied")
        } catch {
            // What was there before belongs to others.
            if error.code != .targetExists { unlink(target) }
            throw error
        }
    }

    private func make() throws(SQLiteLogError) {
        let made = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if made < 0, errno == EEXIST {
            throw SQLiteLogError(.targetExists, path: target, detail: "it is not replaced")
        }
        guard made >= 0 else { throw ReadOnlyFile.failure(target) }
        close(made)
    }

    /// Returns when the names of new files are on the disk too.
    package static func synchronize(directory: String) throws(SQLiteLogError) {
        let descriptor = open(directory, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ReadOnlyFile.failure(directory) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw ReadOnlyFile.failure(directory) }
    }

    private func copy(isQuiet: Bool, _ onProgress: Progress) throws(SQLiteLogError) {
        let from = try ReadOnlyFile.Connection(source, isQuiet: isQuiet)
        let into = try ReadOnlyFile.Connection(writing: target)
        // One read transaction around all pieces, during which others write: without it a piece would begin anew whenever
        // they do (<https://www.sqlite.org/c3ref/backup_finish.html>).
        try from.statement("BEGIN").run()
        _ = try from.statement("SELECT count(*) FROM sqlite_master").integer()
        let pageSize = try from.statement("PRAGMA page_size").integer() ?? 0
        guard let backup = sqlite3_backup_init(into.handle, "main", from.handle, "main") else {
            throw into.failure()
        }
        var code = SQLITE_OK
        var attempts = 0
        while true {
            code = sqlite3_backup_step(backup, pagesAtOnce)
            if code == SQLITE_OK {
                let total = Int64(sqlite3_backup_pagecount(backup))
                onProgress(
                    (total - Int64(sqlite3_backup_remaining(backup))).multipliedSaturated(by: pageSize),
                    total.multipliedSaturated(by: pageSize))
            } else if code & 0xFF == SQLITE_BUSY || code & 0xFF == SQLITE_LOCKED, attempts < 50 {
                attempts += 1
                sqlite3_sleep(100)
            } else {
                break
            }
        }
        sqlite3_backup_finish(backup)
        guard code == SQLITE_DONE else {
            throw SQLiteLogError(resultCode: code, message: String(cString: sqlite3_errstr(code)), path: source)
        }
    }

    private func finish() throws(SQLiteLogError) -> Int64 {
        let descriptor = open(target, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ReadOnlyFile.failure(target) }
        defer { close(descriptor) }
        var status = stat()
        guard fsync(descriptor) == 0, fstat(descriptor, &status) == 0 else { throw ReadOnlyFile.failure(target) }
        return Int64(status.st_size)
    }
}
