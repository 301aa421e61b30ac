public import Sluice

/// Looks at a log and touches nothing: no file is made, none is written, and to read them is the only permission it
/// takes. A process that writes meanwhile goes on, and what it has committed is seen.
///
/// Each call opens the file and closes it again.
public struct SQLiteLogView: Sendable {
    /// The log's file.
    public let path: String
    /// How long a call waits for another program that holds the file. Default 5 s.
    public var busyTimeout: Duration = .seconds(5)

    public init(path: String) {
        self.path = path
    }

    /// The offset of the topic's last message, 0 when it has had none; nil when there is no such topic.
    /// - Throws: ``SQLiteLogError``, with the code `cannotOpen` when there is no such file.
    public func lastOffset(in topic: Topic) throws(SQLiteLogError) -> Int64? {
        try look { file throws(SQLiteLogError) in try file.cursor(for: topic)?.lastOffset() }
    }

    /// The topic's messages in order; empty when there are none, and when there is no such topic.
    /// - Parameters:
    ///   - topic: which topic.
    ///   - time: begins with the first message that is not older; nil begins with the oldest.
    ///   - offset: begins behind the message of this offset. Default 0, which is before the first.
    ///   - limit: how many at most; fewer when they hold more than 4 MiB together.
    /// - Throws: ``SQLiteLogError``.
    public func messages(
        in topic: Topic, from time: Timestamp? = nil, after offset: Int64 = 0, limit: Int = 512
    ) throws(SQLiteLogError) -> [LoggedMessage] {
        try look { file throws(SQLiteLogError) in
            guard let cursor = try file.cursor(for: topic) else { return [] }
            let last = try cursor.lastOffset()
            var first = max(0, min(offset, .max - 1)) + 1
            if let time {
                guard let found = try cursor.offset(at: time) else { return [] }
                first = max(first, found)
            }
            guard first <= last else { return [] }
            return try cursor.read(first...last, limit: max(1, limit), bytes: 4 << 20).messages.map {
                LoggedMessage(message: $0.message, offset: $0.offset, timestamp: $0.time, key: $0.key)
            }
        }
    }

    func look<Value>(
        _ body: (ReadOnlyFile.Connection) throws(SQLiteLogError) -> Value
    ) throws(SQLiteLogError) -> Value {
        try ReadOnlyFile.readLog(path, busyTimeout: busyTimeout) { file, _ throws(SQLiteLogError) in try body(file) }
    }
}
