import Foundation
import GRDB
import Sluice

/// Reads the journal, beside the thread that writes it: nothing waits for it. Each call opens the file and closes it again, so that
/// a file that was made again is read as it is now.
struct JournalReader: Sendable {
    let path: String
    /// Whether a process writes it, which has made the files that SQLite keeps beside it.
    var isLive = true

    // MARK: What the page says

    /// Attempts that failed, by cause, the most frequent first.
    /// - Parameters:
    ///   - route: nil is every route.
    ///   - since: older ones are not counted; to ten minutes.
    func failures(of route: String? = nil, since: Timestamp, limit: Int) async throws(JournalError) -> [JournalFailure]
    {
        try await read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT r.text, d.text, code, w.text, sum(count), min(first), max(last) FROM causes
                    JOIN names r ON r.id = route JOIN names d ON d.id = destination JOIN names w ON w.id = reason
                    WHERE stretch >= ?1 AND last >= ?2 AND (?3 IS NULL OR r.text = ?3)
                    GROUP BY route, destination, code, reason ORDER BY sum(count) DESC LIMIT ?4
                    """,
                arguments: [
                    since.millisecondsSince1970 / JournalTables.stretch, since.millisecondsSince1970, route, limit,
                ])
            return rows.compactMap(JournalFailure.init)
        }
    }

    /// The newest first.
    func lastEvents(limit: Int) async throws(JournalError) -> [JournalEvent] {
        try await read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT kind, subject, detail, time, until FROM events ORDER BY number DESC LIMIT ?",
                arguments: [limit]
            ).compactMap(JournalEvent.init)
        }
    }

    // MARK: Messages

    /// The messages that an id may mean: a message's, a commit's, what ties messages together, a webhook's delivery, or an
    /// incident's. In the order in which they were taken in.
    func notes(of id: String, limit: Int) async throws(JournalError) -> [JournalNote] {
        let digits = id.lowercased()
        let isCommit = (7...64).contains(digits.utf8.count) && digits.utf8.allSatisfy(Self.isDigit)
        return try await read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT time, r.text, message, k.text, ordering_key, commit_id, correlation, delivery FROM messages
                    JOIN names r ON r.id = route LEFT JOIN names k ON k.id = kind
                    WHERE message = ?1 OR correlation = ?1 OR delivery = ?1
                        OR commit_id >= ?2 AND commit_id < ?2 || 'g'
                        OR length(commit_id) BETWEEN 7 AND 64 AND commit_id = substr(?2, 1, length(commit_id))
                    ORDER BY number LIMIT ?3
                    """, arguments: [MessageID(id).journalValue, isCommit ? digits : nil, limit])
            return rows.compactMap(JournalNote.init)
        }
    }

    /// How the attempts at messages and their deliveries ended, in the order of time.
    func entries(of messages: [MessageID]) async throws(JournalError) -> [JournalEntry] {
        guard !messages.isEmpty else { return [] }
        return try await read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT time, r.text, d.text, message, partition, offset, attempt, code, arrival, throttle, breaker,
                        concurrency, backoff, duration, w.text, retry_after
                    FROM entries JOIN names r ON r.id = route JOIN names d ON d.id = destination
                    LEFT JOIN names w ON w.id = reason
                    WHERE message IN (\(messages.map { _ in "?" }.joined(separator: ","))) ORDER BY number
                    """, arguments: StatementArguments(messages.map(\.journalValue)))
            return rows.compactMap(JournalEntry.init)
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") || byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "f")
    }

    // MARK: Reading

    private func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(JournalError) -> Value {
        guard FileManager.default.fileExists(atPath: path) else { throw JournalError(problem: "there is no such file") }
        do {
            var configuration = Configuration()
            // Without a process that writes, what a killed one left has to be brought into the file first.
            configuration.readonly = isLive
            configuration.busyMode = .timeout(5)
            let database = try DatabaseQueue(path: path, configuration: configuration)
            defer { try? database.close() }
            return try await database.read { database in
                try JournalFile.verify(database)
                return try body(database)
            }
        } catch {
            throw JournalError(error)
        }
    }
}

extension MessageID {
    /// As the journal's file has it: 16 bytes, or the text.
    var journalValue: DatabaseValue {
        guard let (high, low) = bits else {
            return description.truncated(toBytes: JournalMessage.longestText).databaseValue
        }
        return withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Data($0) }.databaseValue
    }

    init?(journalValue value: DatabaseValue) {
        switch value.storage {
        case .blob(let data) where data.count == 16:
            let (high, low) = data.withUnsafeBytes {
                ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            }
            self.init(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low))
        case .string(let text): self.init(text)
        default: return nil
        }
    }
}
