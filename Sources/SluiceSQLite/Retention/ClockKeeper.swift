import GRDB
import Sluice

/// Keeps what is known of the time in the file. Belongs to the writer's thread.
final class ClockKeeper {
    /// How often the file is told, in milliseconds.
    private static let interval: Int64 = 50_000

    private let clock: ClockGuard
    private let database: Database
    private let path: String
    private let topics: SQLStatement
    private let anyKey: SQLStatement
    private let insert: SQLStatement
    private var newest: [Int64: SQLStatement] = [:]
    private var written: ClockJudge.Memory?

    init(_ database: Database, path: String, _ clock: ClockGuard) throws(SQLiteLogError) {
        self.database = database
        self.path = path
        self.clock = clock
        topics = try SQLStatement(database, path: path, "SELECT id FROM topics")
        anyKey = try SQLStatement(database, path: path, "SELECT EXISTS (SELECT 1 FROM handled_keys)")
        insert = try SQLStatement(
            database, path: path,
            "INSERT OR REPLACE INTO clock (id, believed, wall, doubted_for, overruled) VALUES (1, ?, ?, ?, ?)")
        let read = try SQLStatement(
            database, path: path, "SELECT believed, wall, doubted_for, overruled FROM clock WHERE id = 1")
        if try read.step() {
            written = ClockJudge.Memory(
                believed: read.integer(0), wall: read.integer(1), doubtedFor: max(0, read.integer(2)),
                overruled: read.integer(3))
        }
        read.reset()
        clock.start(written)
        _ = try judge()
    }

    /// Looks at the clocks. Call inside a transaction.
    /// - Returns: what time it is; nil while that is in doubt.
    func look() throws(SQLiteLogError) -> Timestamp? {
        if let memory = try judge(), isWorthWriting(memory) { try store(memory) }
        return clock.trustedNow
    }

    /// Whether the file says what time it was.
    var isWritten: Bool { written != nil }

    /// Looks at the clocks and tells the file. Call inside a transaction.
    func write() throws(SQLiteLogError) {
        if let memory = try judge() { try store(memory) }
    }

    private func store(_ memory: ClockJudge.Memory) throws(SQLiteLogError) {
        insert.bind(memory.believed, at: 1)
        insert.bind(memory.wall, at: 2)
        insert.bind(memory.doubtedFor, at: 3)
        insert.bind(memory.overruled, at: 4)
        try insert.run()
        written = memory
    }

    private func judge() throws(SQLiteLogError) -> ClockJudge.Memory? {
        let newest = try newestMessage()
        let keys = try anyKey.integer()
        let isEmpty = newest == nil && keys == 0
        return clock.judge(newest: newest, isEmpty: isEmpty)
    }

    private func isWorthWriting(_ memory: ClockJudge.Memory) -> Bool {
        guard let written else { return true }
        return written.overruled != memory.overruled || (written.doubtedFor == 0) != (memory.doubtedFor == 0)
            || abs(ClockJudge.difference(memory.believed, written.believed)) >= Self.interval
    }

    private func newestMessage() throws(SQLiteLogError) -> Int64? {
        var ids: [Int64] = []
        while try topics.step() { ids.append(topics.integer(0)) }
        topics.reset()
        var latest: Int64?
        for id in ids {
            let statement: SQLStatement
            if let known = newest[id] {
                statement = known
            } else {
                statement = try SQLStatement(
                    database, path: path,
                    "SELECT time FROM \(Schema.table(ofTopic: id)) ORDER BY offset DESC LIMIT 1")
                newest[id] = statement
            }
            if let time = try statement.integer() { latest = max(latest ?? time, time) }
        }
        return latest
    }
}
