import GRDB
import Sluice
import Synchronization

/// Writes events into its file. An event that is there already stays as it is: what is delivered twice is there once.
final class SQLSink: Sink {
    private let file: SQLFile
    private let retention: Duration?
    private let hold: Duration
    private let state = Mutex(State())

    private struct State {
        var database: DatabaseQueue?
        /// Tells the file from another one that was put in its place.
        var identity: UInt64?
    }

    /// - Parameter hold: how long to wait before a person may have mended the file.
    init(_ file: SQLFile, retention: Duration?, hold: Duration) {
        self.file = file
        self.retention = retention
        self.hold = hold
    }

    func deliver(_ delivery: SinkDelivery) async throws {
        try await write([delivery])
    }

    /// Returns when all of them are on the disk, in one transaction: none of them is there after an error.
    func write(_ deliveries: [SinkDelivery], at now: Timestamp = .now()) async throws {
        let rows = deliveries.map { SQLRow($0, recorded: now) }
        let cutoff = retention.map { now.advanced(by: .zero - $0) }
        do {
            try await database().write { database in
                for row in rows { try row.insert(into: database) }
                if let cutoff { try SQLSchema.forget(before: cutoff, database) }
            }
        } catch let error as SQLSinkError {
            throw refusal(error)
        } catch let error as DatabaseError {
            // A task that is cancelled has its statement interrupted.
            try Task.checkCancellation()
            throw refusal(SQLSinkError(error, path: file.path))
        }
    }

    private func refusal(_ error: SQLSinkError) -> HandlerError {
        // It is opened anew for the next attempt: somebody may have put another in its place.
        if !error.isPassing { letGo() }
        return error.handlerError(hold: hold)
    }

    func close() async {
        letGo()
    }

    private func database() throws(SQLSinkError) -> DatabaseQueue {
        let identity = file.identity
        let open = state.withLock { state in state.identity == identity ? state.database : nil }
        if let open, identity != nil { return open }
        letGo()
        let database = try file.open()
        state.withLock { state in
            state.database = database
            state.identity = file.identity
        }
        return database
    }

    private func letGo() {
        let database = state.withLock { state in
            state.identity = nil
            return state.database.take()
        }
        // What cannot be closed is closed when it is let go of.
        try? database?.close()
    }
}
