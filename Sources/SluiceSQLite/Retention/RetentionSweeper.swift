import GRDB
import Sluice

/// Deletes what need not be kept, in pieces so small that no write waits long for one. Belongs to the writer's thread.
final class RetentionSweeper {
    static let pieceRows: Int64 = 1_000
    /// Under load, when the thread is never idle, a piece is done this often.
    private static let pressure = Duration.milliseconds(20)

    private let configuration: SQLiteLog.Configuration
    private let isNeeded: Bool
    private let clock: ClockKeeper
    private let messages: MessageSweep
    private let purgeKeys: SQLStatement
    /// When the next sweep begins, or the running one goes on.
    private(set) var due: MonotonicTime?
    private var lastPiece = MonotonicTime(nanoseconds: 0)

    init(
        _ database: Database, configuration: SQLiteLog.Configuration, registry: GroupRegistry, clock: ClockGuard,
        shelves: ShelfTable
    ) throws(SQLiteLogError) {
        self.configuration = configuration
        let path = configuration.path
        let retention = configuration.retention
        isNeeded = retention.age != nil || retention.size != nil || !retention.topics.isEmpty
        self.clock = try ClockKeeper(database, path: path, clock)
        messages = try MessageSweep(
            database, configuration: configuration, registry: registry, shelves: shelves)
        purgeKeys = try SQLStatement(
            database, path: path,
            """
            DELETE FROM handled_keys WHERE (scope, key) IN
                (SELECT scope, key FROM handled_keys WHERE expires <= ? ORDER BY expires LIMIT \(Self.pieceRows))
            """)
        // Never at the start, which has to be quick.
        due = MonotonicTime.now().advanced(by: retention.interval)
    }

    /// Whether a piece should be done although there is other work.
    func isPressing(_ now: MonotonicTime) -> Bool {
        due.map { $0 <= now } ?? false && lastPiece.advanced(by: Self.pressure) <= now
    }

    /// Does one piece of what is due.
    /// - Returns: false when nothing is left to be done now.
    @discardableResult
    func sweepPiece(_ now: MonotonicTime, in loop: WriterLoop) -> Bool {
        guard let due, due <= now else { return false }
        lastPiece = now
        var piece = Piece()
        do {
            try loop.transact { piece = try self.piece() }
            tell(piece)
        } catch {
            // A full disk or a locked file: tried again at the next sweep.
            forgetSizes()
            piece = Piece()
        }
        if !piece.isLast { return true }
        self.due = now.advanced(by: configuration.retention.interval)
        return false
    }

    /// What was done at once.
    struct Piece: Sendable {
        /// How many rows were deleted.
        var deleted: Int64 = 0
        var isLast = true
        /// How many messages were deleted for their topic's size that no group had settled.
        var droppedUnread: [Topic: Int64] = [:]
    }

    /// Does one piece. Call inside a transaction, and ``tell(_:)`` after it.
    func piece() throws(SQLiteLogError) -> Piece {
        var piece = Piece()
        // Nothing goes by age while the time is in doubt; what goes by size needs no clock.
        let now = try clock.look()
        if let now {
            purgeKeys.bind(now.millisecondsSince1970, at: 1)
            try purgeKeys.run()
            piece.deleted = Int64(purgeKeys.changes)
            piece.isLast = piece.deleted == 0
        }
        if isNeeded { try messages.sweep(&piece, now) }
        return piece
    }

    /// Whether the file says what time it was.
    var knowsTime: Bool { clock.isWritten }

    /// Tells the file what time it is, so that a stop that begins now is not taken for a longer one.
    func rememberTime(in loop: WriterLoop) {
        // Without it the file says what the last sweep did.
        try? loop.transact { try clock.write() }
    }

    /// Reports what was deleted, once it is.
    func tell(_ piece: Piece) {
        for (topic, count) in piece.droppedUnread { configuration.retention.observer.droppedUnread(topic, count) }
    }

    /// What was summed up may not be what the file holds.
    func forgetSizes() {
        messages.forgetSizes()
    }
}
