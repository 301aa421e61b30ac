import GRDBSQLite
import Sluice
import Synchronization

/// How long the write-ahead log is, in pages, as the writer's connection says after each commit, and what that asks for.
final class WriteAheadGauge: Sendable {
    private static let copiedAt: Int32 = 4_000
    private static let restartedAt: Int32 = 16_000

    private let length = Atomic<Int32>(0)
    /// From how many pages on it is copied again.
    private let nextCopy = Atomic<Int32>(copiedAt)
    private let nextRestart = Atomic<Int32>(restartedAt)
    private let restartIsDue = Atomic<Bool>(false)
    private let isClosed = Atomic<Bool>(false)
    private let signal = ThreadSignal()

    /// In place of SQLite's own checkpoint after 1,000 pages, which runs before the commit returns. The gauge must outlive the
    /// connection, or its hook.
    func watch(_ connection: OpaquePointer?) {
        sqlite3_wal_hook(
            connection,
            { context, _, _, pages in
                if let context { Unmanaged<WriteAheadGauge>.fromOpaque(context).takeUnretainedValue().note(pages) }
                return SQLITE_OK
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    private func note(_ pages: Int32) {
        if pages < length.exchange(pages, ordering: .relaxed) {
            // It was started over.
            nextCopy.store(Self.copiedAt, ordering: .relaxed)
            nextRestart.store(Self.restartedAt, ordering: .relaxed)
        }
        if isWorthCopying { signal.raise() }
    }

    private var isWorthCopying: Bool { length.load(ordering: .relaxed) >= nextCopy.load(ordering: .relaxed) }

    // MARK: For the thread that copies

    /// - Returns: false after `close`.
    func waitUntilLong() -> Bool {
        while !isClosed.load(ordering: .acquiring) {
            // The writer copies the rest, and can while no other does.
            if isWorthCopying, !isRestartDue { return true }
            signal.wait(until: nil)
        }
        return false
    }

    func noteCopy() {
        let pages = length.load(ordering: .relaxed)
        nextCopy.store(pages &+ Self.copiedAt / 4, ordering: .relaxed)
        if pages >= nextRestart.load(ordering: .relaxed) { restartIsDue.store(true, ordering: .releasing) }
    }

    func close() {
        isClosed.store(true, ordering: .releasing)
        signal.raise()
    }

    // MARK: For the writer

    var isRestartDue: Bool { restartIsDue.load(ordering: .acquiring) }

    func noteRestart() {
        // A foreign reader that stays is waited for again after as many pages as it took to get here.
        nextRestart.store(length.load(ordering: .relaxed) &+ Self.restartedAt, ordering: .relaxed)
        restartIsDue.store(false, ordering: .releasing)
    }
}
