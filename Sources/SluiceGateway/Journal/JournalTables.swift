import GRDB
import Sluice
import SluiceSQLite

/// The journal's connection and its statements. Belongs to the journal's thread.
final class JournalTables {
    private struct Cause: Hashable {
        let stretch: Int64
        let route: Int64
        let destination: Int64
        let code: Int64
        let reason: Int64
    }

    private struct Count {
        var count: Int64 = 0
        var first = Int64.max
        var last = Int64.min
    }

    /// How long a stretch of ``JournalSchema``'s causes is, in milliseconds.
    static let stretch: Int64 = 600_000
    /// Reasons come from outside: no more different ones than this are told apart.
    private static let mostNames = 4_096

    let database: Database
    private let insertEntry: SQLStatement
    private let insertMessage: SQLStatement
    private let insertEvent: SQLStatement
    private let insertName: SQLStatement
    private let findName: SQLStatement
    private let addCause: SQLStatement
    private var names: [String: Int64] = [:]
    private var causes: [Cause: Count] = [:]
    /// What the machine's monotonic clock is behind 1970, in milliseconds.
    private var clock: Int64 = 0

    init(_ database: Database, path: String) throws {
        guard let connection = database.sqliteConnection else { throw JournalError(problem: "it is closed") }
        self.database = database
        func prepare(_ sql: String) throws -> SQLStatement {
            try SQLStatement(connection: connection, path: path, sql)
        }
        insertEntry = try prepare(
            """
            INSERT INTO entries (time, route, destination, message, partition, offset, attempt, code, arrival, throttle,
                breaker, concurrency, backoff, duration, reason, retry_after)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        insertMessage = try prepare(
            """
            INSERT INTO messages (time, route, message, kind, ordering_key, commit_id, correlation, delivery)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """)
        insertEvent = try prepare(
            "INSERT INTO events (time, kind, subject, detail, until) VALUES (?, ?, ?, ?, ?)")
        insertName = try prepare("INSERT OR IGNORE INTO names (text) VALUES (?)")
        findName = try prepare("SELECT id FROM names WHERE text = ?")
        addCause = try prepare(
            """
            INSERT INTO causes (stretch, route, destination, code, reason, count, first, last)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            ON CONFLICT (stretch, route, destination, code, reason) DO UPDATE
            SET count = count + ?6, first = min(first, ?7), last = max(last, ?8)
            """)
    }

    /// Writes a part of a batch in one transaction.
    func write(_ part: JournalPart, routes: [JournalRoute]) throws {
        let now = Timestamp.now().millisecondsSince1970
        clock = now - Int64(clamping: MonotonicTime.now().nanoseconds / 1_000_000)
        causes.removeAll(keepingCapacity: true)
        do {
            try database.inTransaction {
                for attempt in part.attempts { try write(attempt, routes) }
                for end in part.ends { try write(end, routes) }
                for message in part.messages { try write(message, routes) }
                for event in part.events { try write(event) }
                try writeCauses()
                return .commit
            }
        } catch {
            // Names of a transaction that was undone are not in the file.
            names = [:]
            throw error
        }
    }

    // MARK: Rows

    private func write(_ attempt: AttemptEnd, _ routes: [JournalRoute]) throws {
        let (time, code) = (wall(attempt.end), JournalCode(attempt.result))
        let (route, destination) = try numbers(attempt.route, routes)
        let reason = try attempt.reason.map(name)
        let statement = insertEntry
        statement.bind(time, at: 1)
        statement.bind(route, at: 2)
        statement.bind(destination, at: 3)
        bind(attempt.message, to: statement, at: 4)
        bind(attempt.partition.map { Int64($0) }, to: statement, at: 5)
        bind(attempt.offset, to: statement, at: 6)
        statement.bind(Int64(clamping: attempt.attempt), at: 7)
        statement.bind(code.number, at: 8)
        statement.bind(Self.microseconds(attempt.start.nanoseconds(since: attempt.arrival)), at: 9)
        statement.bind(Self.microseconds(attempt.waits.throttle), at: 10)
        statement.bind(Self.microseconds(attempt.waits.breaker), at: 11)
        statement.bind(Self.microseconds(attempt.waits.concurrency), at: 12)
        statement.bind(Self.microseconds(attempt.waits.backoff), at: 13)
        statement.bind(Self.microseconds(attempt.end.nanoseconds(since: attempt.start)), at: 14)
        bind(reason, to: statement, at: 15)
        bind(attempt.retryAfter.map { Int64(clamping: $0.wholeNanoseconds / 1_000_000) }, to: statement, at: 16)
        try statement.run()
        guard code.isFailure else { return }
        let cause = Cause(
            stretch: time / Self.stretch, route: route, destination: destination, code: code.number,
            reason: try reason ?? name("unknown"))
        var count = causes[cause] ?? Count()
        count.count += 1
        count.first = min(count.first, time)
        count.last = max(count.last, time)
        causes[cause] = count
    }

    private func write(_ end: DeliveryEnd, _ routes: [JournalRoute]) throws {
        let (route, destination) = try numbers(end.route, routes)
        let statement = insertEntry
        statement.bind(wall(end.time), at: 1)
        statement.bind(route, at: 2)
        statement.bind(destination, at: 3)
        bind(end.message, to: statement, at: 4)
        bind(end.partition.map { Int64($0) }, to: statement, at: 5)
        bind(end.offset, to: statement, at: 6)
        statement.bind(Int64(clamping: end.attempts), at: 7)
        statement.bind(JournalCode(end.outcome).number, at: 8)
        for index in 9...14 as ClosedRange<Int32> { statement.bind(0, at: index) }
        statement.bindNull(at: 15)
        statement.bindNull(at: 16)
        try statement.run()
    }

    private func write(_ message: JournalMessage, _ routes: [JournalRoute]) throws {
        let statement = insertMessage
        statement.bind(wall(message.time), at: 1)
        statement.bind(try numbers(message.route, routes).route, at: 2)
        bind(message.id, to: statement, at: 3)
        bind(try message.kind.map(name), to: statement, at: 4)
        bind(message.key, to: statement, at: 5)
        bind(message.commit, to: statement, at: 6)
        bind(id: message.correlation, to: statement, at: 7)
        bind(id: message.delivery, to: statement, at: 8)
        try statement.run()
    }

    func write(_ event: JournalEvent) throws {
        insertEvent.bind(event.time.millisecondsSince1970, at: 1)
        insertEvent.bind(event.kind.description, at: 2)
        insertEvent.bind(event.subject, at: 3)
        bind(event.detail, to: insertEvent, at: 4)
        bind(event.until?.millisecondsSince1970, to: insertEvent, at: 5)
        try insertEvent.run()
    }

    private func writeCauses() throws {
        for (cause, count) in causes {
            for (index, value) in [cause.stretch, cause.route, cause.destination, cause.code, cause.reason].enumerated()
            {
                addCause.bind(value, at: Int32(index + 1))
            }
            addCause.bind(count.count, at: 6)
            addCause.bind(count.first, at: 7)
            addCause.bind(count.last, at: 8)
            try addCause.run()
        }
    }

    // MARK: Values

    private func wall(_ time: MonotonicTime) -> Int64 {
        clock.addingSaturated(Int64(clamping: time.nanoseconds / 1_000_000))
    }

    private static func microseconds(_ nanoseconds: UInt64) -> Int64 { Int64(clamping: nanoseconds / 1_000) }

    private func numbers(_ route: Int, _ routes: [JournalRoute]) throws -> (route: Int64, destination: Int64) {
        guard routes.indices.contains(route) else {
            let unknown = try name("unknown")
            return (unknown, unknown)
        }
        return (try name(routes[route].name), try name(routes[route].destination))
    }

    /// The number that stands for a text in the file.
    private func name(_ text: String) throws -> Int64 {
        if let number = names[text] { return number }
        guard names.count < Self.mostNames else { return try names["other"] ?? look("other") }
        return try look(text)
    }

    private func look(_ text: String) throws -> Int64 {
        let cut = text.truncated(toBytes: JournalMessage.longestText)
        insertName.bind(cut, at: 1)
        try insertName.run()
        findName.bind(cut, at: 1)
        guard let number = try findName.integer() else { throw JournalError(problem: "a name is missing") }
        names[text] = number
        return number
    }

    private func bind(_ value: Int64?, to statement: SQLStatement, at index: Int32) {
        if let value { statement.bind(value, at: index) } else { statement.bindNull(at: index) }
    }

    private func bind(_ text: String?, to statement: SQLStatement, at index: Int32) {
        guard let text else { return statement.bindNull(at: index) }
        statement.bind(text.truncated(toBytes: JournalMessage.longestText), at: index)
    }

    private func bind(id text: String?, to statement: SQLStatement, at index: Int32) {
        guard let text else { return statement.bindNull(at: index) }
        bind(MessageID(text), to: statement, at: index)
    }

    private func bind(_ id: MessageID, to statement: SQLStatement, at index: Int32) {
        if let bytes = id.bytes {
            statement.bind(bytes, at: index)
        } else {
            bind(id.description, to: statement, at: index)
        }
    }
}

/// The names that a number stands for.
struct JournalRoute: Sendable, Equatable {
    let name: String
    let destination: String
}

/// Some of a batch: what one transaction writes.
struct JournalPart {
    var attempts: ArraySlice<AttemptEnd>
    var ends: ArraySlice<DeliveryEnd>
    var messages: ArraySlice<JournalMessage>
    var events: ArraySlice<JournalEvent>
}

extension MessageID {
    /// The 16 bytes of a UUID; nil for a foreign text. The journal's file has either.
    fileprivate var bytes: [UInt8]? {
        bits.map { high, low in withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0) } }
    }
}
