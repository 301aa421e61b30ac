import GRDB
import Sluice
import Synchronization

/// Writes events into its file. An event that is there already stays as it is: what is delivered twice is there once.
///
/// Whatever is written is in the file itself when ``write(_:at:)`` returns, and not in SQLite's log beside it, as far as readers
/// permit. So a file that changes otherwise was written over, and is opened anew before anything goes into it.
final class SQLSink: GatheringSink {
    private let file: SQLFile
    private let retention: Duration?
    private let hold: Duration
    private let onWritten: @Sendable () -> Void
    private let state = Mutex(State())

    private struct State {
        var database: DatabaseQueue?
        /// The file as this process has left it.
        var stamp: SQLFile.Stamp?
        /// Changes when another connection has written to the file.
        var version: Int64?
        /// Tells SQLite's log beside the file from another one.
        var log: UInt64?
    }

    /// - Parameters:
    ///   - hold: how long to wait before a person may have mended the file.
    ///   - onWritten: is called after each transaction, for tests.
    init(_ file: SQLFile, retention: Duration?, hold: Duration, onWritten: @escaping @Sendable () -> Void = {}) {
        self.file = file
        self.retention = retention
        self.hold = hold
        self.onWritten = onWritten
    }

    func deliver(_ delivery: SinkDelivery) async throws {
        try await write([delivery])
    }

    func deliver(together deliveries: [SinkDelivery]) async throws {
        try await write(deliveries)
    }

    /// Returns when all of them are on the disk, in one transaction: none of them is there after an error.
    func write(_ deliveries: [SinkDelivery], at now: Timestamp = .now()) async throws {
        let rows = deliveries.map { SQLRow($0, recorded: now) }
        let cutoff = retention.map { now.advanced(by: .zero - $0) }
        do {
            let connection = try await database()
            try await connection.writeWithoutTransaction { [self] database in
                defer { noteStamp(database) }
                try database.inTransaction(.immediate) {
                    for row in rows { try row.insert(into: database) }
                    if let cutoff { try SQLSchema.forget(before: cutoff, database) }
                    return .commit
                }
                try file.emptyLog(database)
            }
            onWritten()
            try requirePlace()
        } catch let error as SQLSinkError {
            throw refusal(error)
        } catch let error as DatabaseError {
            // A task that is cancelled has its statement interrupted.
            try Task.checkCancellation()
            throw refusal(SQLSinkError(error, path: file.path))
        }
    }

    private func refusal(_ error: SQLSinkError) -> HandlerError {
        // It is opened anew for the next attempt: another may have been put in its place. To close one that was written over
        // would write what is in SQLite's log into it.
        if error.code != .busy, error.code != .overwritten { letGo() }
        return error.handlerError(hold: hold)
    }

    func close() async {
        letGo()
    }

    // MARK: The file

    /// The file, opened anew where it is not what this process has left.
    private func database() async throws -> DatabaseQueue {
        let (open, known, version) = state.withLock { ($0.database, $0.stamp, $0.version) }
        let now = file.stamp
        if let open, let known, let now {
            if now == known { return open }
            if now.isSameFile(as: known) {
                // Another gateway, or a person with sqlite3, is no fault.
                let current = try await open.read { database in try Self.version(database) }
                if current != version { return open }
                guard !file.hasLog else { throw SQLSinkError.overwritten(file.path) }
            }
        }
        letGo()
        let (database, stamp) = try file.open()
        let current = try await database.read { database in try Self.version(database) }
        state.withLock { $0 = State(database: database, stamp: stamp, version: current, log: file.log) }
        return database
    }

    private static func version(_ database: Database) throws -> Int64 {
        try Int64.fetchOne(database, sql: "PRAGMA data_version") ?? 0
    }

    /// Remembers the file as it is now that it was written.
    private func noteStamp(_ database: Database) {
        let (now, version, log) = (file.stamp, try? Self.version(database), file.log)
        state.withLock { state in
            // What is under the name now may be another file.
            guard let now, let known = state.stamp, now.isSameFile(as: known) else { return }
            (state.stamp, state.version, state.log) = (now, version ?? state.version, log)
        }
    }

    /// What was written into a file that is not there any more was written in vain.
    private func requirePlace() throws(SQLSinkError) {
        let known = state.withLock(\.stamp)
        guard let known, let now = file.stamp, now.isSameFile(as: known) else { throw SQLSinkError.gone(file.path) }
    }

    private func letGo() {
        let known = state.withLock { state in
            defer { state = State() }
            return state
        }
        // What cannot be closed is closed when it is let go of.
        try? known.database?.close()
        guard let stamp = known.stamp, file.stamp?.isSameFile(as: stamp) != true, let log = known.log else { return }
        // SQLite leaves the log of a file that was moved, and would read it into the one that is there now.
        file.removeLog(log)
    }
}
