import GRDB
import GRDBSQLite
import Sluice
import Synchronization

/// The writer's connection and all that its thread does with it.
final class WriterLoop {
    let database: Database
    let configuration: SQLiteLog.Configuration
    let owner: LeaseOwner
    let registry: GroupRegistry
    let writer: WriterInbox
    private let reader: ReaderInbox
    let clock: ClockGuard

    private let begin: SQLStatement
    private let end: SQLStatement
    private let undo: SQLStatement
    private let savepoint: SQLStatement
    private let release: SQLStatement
    private let undoSavepoint: SQLStatement
    private let settle: SQLStatement
    let rememberKey: SQLStatement

    private var tables: [String: TopicTable] = [:]
    private(set) var transaction: UInt64 = 0
    /// Whether the running transaction writes what messages would: then its success says that they can be written.
    var provesHealth = false
    /// What was written of shelves in the running transaction.
    private var receipts: [(group: ConsumerGroup, receipt: ShelfTable.Receipt)] = []
    /// What was written of progress in the running transaction.
    private var progressed: [(group: ConsumerGroup, changes: [ProgressLedger.Change])] = []
    let shelves: ShelfTable
    let progress: ProgressTable
    let leases: LeaseBook
    private let restart: LogRestart
    let sweeper: RetentionSweeper

    var path: String { configuration.path }

    init(
        _ database: Database, configuration: SQLiteLog.Configuration, owner: LeaseOwner, registry: GroupRegistry,
        writer: WriterInbox, reader: ReaderInbox, clock: ClockGuard, log: WriteAheadGauge
    ) throws(SQLiteLogError) {
        self.database = database
        self.configuration = configuration
        self.owner = owner
        self.registry = registry
        self.writer = writer
        self.reader = reader
        self.clock = clock
        let path = configuration.path
        begin = try SQLStatement(database, path: path, "BEGIN IMMEDIATE")
        end = try SQLStatement(database, path: path, "COMMIT")
        undo = try SQLStatement(database, path: path, "ROLLBACK")
        savepoint = try SQLStatement(database, path: path, "SAVEPOINT job")
        release = try SQLStatement(database, path: path, "RELEASE job")
        undoSavepoint = try SQLStatement(database, path: path, "ROLLBACK TO job")
        settle = try SQLStatement(
            database, path: path,
            """
            UPDATE groups SET settled_through = ?1, ahead = ?2, ahead_count = ?3,
                delivered_through = max(delivered_through, ?4)
            WHERE id = ?5 AND owner = ?6
            """)
        rememberKey = try SQLStatement(
            database, path: path, "INSERT OR REPLACE INTO handled_keys (scope, key, expires) VALUES (?, ?, ?)")
        shelves = try ShelfTable(database, path: path)
        progress = try ProgressTable(database, path: path)
        leases = try LeaseBook(
            database, configuration: configuration, owner: owner, shelves: shelves, progress: progress)
        restart = LogRestart(database, busyTimeout: configuration.busyTimeout, log)
        sweeper = try RetentionSweeper(
            database, configuration: configuration, registry: registry, clock: clock, shelves: shelves)
        // A new file knows from its first moment what time it was made.
        if !sweeper.knowsTime { sweeper.rememberTime(in: self) }
    }

    // MARK: The thread

    func run() {
        var isRunning = true
        while isRunning {
            let now = MonotonicTime.now()
            switch writer.next(now) {
            case .commit(let requests, let groups, let keys):
                commit(requests, groups, keys)
                restart.run()
                if sweeper.isPressing(now) { sweeper.sweepPiece(now, in: self) }
                if leases.isDue(now) { leases.keep(registry, now, in: self) }
            case .wait(let until):
                if leases.isDue(now) { leases.keep(registry, now, in: self) }
                if !sweeper.sweepPiece(now, in: self) {
                    writer.signal.wait(until: Self.earliest(until, leases.due(registry), sweeper.due))
                }
            case .stop:
                leases.giveUp(registry, in: self)
                sweeper.rememberTime(in: self)
                isRunning = false
            }
        }
    }

    private static func earliest(_ times: MonotonicTime?...) -> MonotonicTime? {
        times.compactMap { $0 }.min()
    }

    // MARK: Committing

    private func commit(_ requests: [WriterInbox.Request], _ groups: [ConsumerGroup], _ keys: [HandledKeys]) {
        var reports: [@Sendable ((any Error)?) -> Void] = []
        var lost: [ConsumerGroup] = []
        var reached = 0
        var failure: (any Error)?
        do {
            try transact {
                let now = Timestamp.now()
                for request in requests {
                    switch request {
                    case .append(let append):
                        try self.append(append.first, now)
                        for part in append.others { try self.append(part, now) }
                    case .job(let job): reports.append(try self.run(job))
                    }
                    reached += 1
                }
                for group in groups where try !write(group) { lost.append(group) }
                // After the groups: whatever they have settled has its key in this commit, or in one before.
                for keys in keys { try write(keys) }
            }
        } catch {
            failure = error
        }
        if failure == nil {
            for (group, receipt) in receipts { group.confirmShelf(receipt) }
            for (group, changes) in progressed { group.state.withLock { $0.ledger?.confirm(changes) } }
            // Settlements alone bring nothing, but for what may be put aside again.
            reader.noteCommit(isNews: !requests.isEmpty || !receipts.isEmpty)
            for group in lost { group.resign() }
        } else {
            for group in groups { group.state.withLock { $0.ledger?.markDirty() } }
            if !groups.isEmpty || !keys.isEmpty { writer.postpone(groups, keys) }
        }
        for keys in keys { keys.endCommit(failure) }
        answer(requests, reports, failure)
    }

    private func answer(
        _ requests: [WriterInbox.Request], _ reports: [@Sendable ((any Error)?) -> Void], _ failure: (any Error)?
    ) {
        var reports = reports[...]
        for request in requests {
            switch request {
            case .append(let append):
                if let failure {
                    append.continuation.resume(throwing: failure)
                } else {
                    append.continuation.resume()
                }
            case .job(let job):
                if let report = reports.popFirst() {
                    report(failure)
                } else if let failure {
                    job.refuse(failure)
                }
            }
        }
    }

    /// Runs `body` in a transaction of its own, which is rolled back when it throws.
    func transact(_ body: () throws -> Void) throws(SQLiteLogError) {
        do {
            provesHealth = false
            try begin.run()
            receipts = []
            progressed = []
            transaction += 1
            try body()
            try end.run()
            // A lease or a settlement may still fit where a message no longer does.
            if provesHealth { writer.health.succeeded() }
        } catch {
            let error = SQLiteLogError(error, path: path)
            writer.health.failed(error)
            // Some errors, a full disk among them, have rolled back already.
            if sqlite3_get_autocommit(database.sqliteConnection) == 0 { try? undo.run() }
            // What was created in this transaction is no longer there.
            tables.removeAll()
            throw error
        }
    }

    private func append(_ part: WriterInbox.Part, _ now: Timestamp) throws(SQLiteLogError) {
        provesHealth = true
        let table = try table(for: part.topic)
        if part.envelopes.isEmpty {
            for message in part.messages { try table.append(message, nil, transaction: transaction, now: now) }
        } else {
            for (message, envelope) in zip(part.messages, part.envelopes) {
                try table.append(message, envelope, transaction: transaction, now: now)
            }
        }
    }

    /// A job that fails undoes its own work and leaves the others' alone.
    private func run(_ job: WriterJob) throws(SQLiteLogError) -> @Sendable ((any Error)?) -> Void {
        try savepoint.run()
        let (failed, report) = job.run(self)
        if failed, sqlite3_get_autocommit(database.sqliteConnection) == 0 {
            try undoSavepoint.run()
            tables.removeAll()
        }
        try release.run()
        return report
    }

    /// Writes what the group has settled.
    /// - Returns: false when the group is no longer led here.
    private func write(_ group: ConsumerGroup) throws(SQLiteLogError) -> Bool {
        let snapshot = group.state.withLock { state -> Snapshot? in
            state.isAnnounced = false
            if state.deserted != nil { leases.hasten() }
            state.ledger?.absorb()
            guard let row = state.row, let ledger = state.ledger, ledger.isDirty else { return nil }
            state.ledger?.clean()
            return Snapshot(
                row: row, settled: ledger.settled, cursor: ledger.cursor, leadingSince: state.leadingSince,
                shelved: ledger.shelf.unwritten, finished: ledger.shelf.finished, progress: ledger.progress.changes)
        }
        guard let snapshot else { return true }
        settle.bind(snapshot.settled.through, at: 1)
        if snapshot.settled.ranges.isEmpty {
            settle.bindNull(at: 2)
        } else {
            settle.bind(snapshot.settled.encodeAhead(), at: 2)
        }
        settle.bind(snapshot.settled.countAhead, at: 3)
        settle.bind(snapshot.cursor, at: 4)
        settle.bind(snapshot.row, at: 5)
        settle.bind(owner.id, at: 6)
        try settle.run()
        guard settle.changes > 0 else { return false }
        if !snapshot.progress.isEmpty {
            try progress.write(snapshot.row, snapshot.progress)
            progressed.append((group, snapshot.progress))
        }
        guard !snapshot.shelved.isEmpty || !snapshot.finished.isEmpty else { return true }
        try shelves.write(snapshot.row, insert: snapshot.shelved, delete: snapshot.finished)
        receipts.append(
            (
                group,
                ShelfTable.Receipt(
                    leadingSince: snapshot.leadingSince, inserted: snapshot.shelved.count,
                    deleted: snapshot.finished.count)
            ))
        return true
    }

    /// What a group has settled and not written.
    private struct Snapshot {
        var row: Int64
        var settled: OffsetSet
        var cursor: Int64
        var leadingSince: UInt64
        var shelved: [ShelfLedger.Entry]
        var finished: [ShelfLedger.Entry]
        var progress: [ProgressLedger.Change]
    }

    // MARK: Topics

    /// The topic's table; the first message of a topic creates it. Call inside a transaction.
    func table(for topic: Topic) throws(SQLiteLogError) -> TopicTable {
        if let table = tables[topic.name] { return table }
        let find = try SQLStatement(database, path: path, "SELECT id FROM topics WHERE name = ?")
        find.bind(topic.name, at: 1)
        let known = try find.integer()
        let id: Int64
        if let known {
            id = known
        } else {
            let insert = try SQLStatement(database, path: path, "INSERT INTO topics (name) VALUES (?)")
            insert.bind(topic.name, at: 1)
            try insert.run()
            id = sqlite3_last_insert_rowid(database.sqliteConnection)
            try SQLStatement(database, path: path, Schema.create(topic: id)).run()
        }
        let table = try TopicTable(id: id, database: database, path: path)
        tables[topic.name] = table
        return table
    }

    // MARK: Leases

    /// Writes the group for the last time and gives its lease away. Call inside a transaction.
    func settleFinally(_ group: ConsumerGroup) throws(SQLiteLogError) {
        _ = try write(group)
    }
}
