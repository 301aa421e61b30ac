import GRDB
import Sluice

/// How many bytes a topic holds: summed up once, a piece at a time, and kept up from then on. Belongs to the writer's
/// thread.
final class TopicSize {
    /// What a row takes beside what is in it.
    static let overhead: Int64 = 48
    static let ofRow = "length(payload) + ifnull(length(metadata), 0) + ifnull(length(key), 0) + \(overhead)"
    private static let pieceRows: Int64 = 5_000

    private let first: SQLStatement
    private let sum: SQLStatement
    private var start: Int64?
    private var through: Int64 = 0
    private(set) var bytes: Int64 = 0

    init(topic: Int64, _ database: Database, path: String) throws(SQLiteLogError) {
        let table = Schema.table(ofTopic: topic)
        first = try SQLStatement(database, path: path, "SELECT min(offset) FROM \(table)")
        // The length of a blob is read without the blob.
        sum = try SQLStatement(
            database, path: path,
            """
            SELECT count(*), max(offset), sum(size) FROM
                (SELECT offset, \(Self.ofRow) AS size FROM \(table) WHERE offset > ? ORDER BY offset
                    LIMIT \(Self.pieceRows))
            """)
    }

    /// Takes in what has come.
    /// - Returns: whether there is more.
    func measure() throws(SQLiteLogError) -> Bool {
        let oldest = try first.integer()
        // Another process has deleted some of it, or all.
        if start != oldest { forget(oldest) }
        sum.bind(through, at: 1)
        defer { sum.reset() }
        guard try sum.step() else { return false }
        let count = sum.integer(0)
        guard count > 0 else { return false }
        through = sum.integer(1)
        bytes = bytes.addingSaturated(sum.integer(2))
        return count == Self.pieceRows
    }

    /// The rows through `offset` are gone, which held so many bytes.
    func remove(_ size: Int64, through offset: Int64) throws(SQLiteLogError) {
        let oldest = try first.integer()
        guard offset <= through, oldest != nil else { return forget(oldest) }
        bytes = bytes.subtractingSaturated(size)
        start = oldest
    }

    private func forget(_ oldest: Int64?) {
        start = oldest
        through = (oldest ?? 1).subtractingSaturated(1)
        bytes = 0
    }

    /// What was deleted in a transaction that did not happen is there again.
    func reset() {
        forget(nil)
    }
}
