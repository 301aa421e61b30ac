import GRDBSQLite
import Sluice
import Synchronization

/// Looks handled keys up in the file, on the thread that asks: that costs less than to go to another thread.
///
/// It reads one path down one index. What it cannot do, the reader's thread does.
final class KeyIndex: Sendable {
    /// A connection that is used by one thread at a time.
    private struct Lookup: ~Copyable {
        let connection: ReadOnlyFile.Connection
        let find: SQLStatement

        init?(_ path: String) {
            guard let connection = try? ReadOnlyFile.Connection(path, isQuiet: false),
                let find = try? connection.statement(KeyIndex.query)
            else { return nil }
            // It is asked on threads that must not wait.
            sqlite3_busy_timeout(connection.handle, 0)
            self.connection = connection
            self.find = find
        }
    }

    static let query = "SELECT expires FROM handled_keys WHERE scope = ? AND key = ?"

    private let clock: ClockGuard
    private let lookup: Mutex<Lookup?>

    init(path: String, clock: ClockGuard) {
        self.clock = clock
        lookup = Mutex(Lookup(path))
    }

    /// - Returns: whether it was handled; nil where that cannot be found out here.
    func isHandled(_ key: KeyBook.Key) -> Bool? {
        lookup.withLock { lookup in
            guard let find = lookup?.find else { return nil }
            return try? find.isHandled(key, clock)
        }
    }

    /// The last connection to close is the writer's.
    func close() {
        lookup.withLock { $0 = nil }
    }
}

extension SQLStatement {
    /// For ``KeyIndex/query``.
    func isHandled(_ key: KeyBook.Key, _ clock: ClockGuard) throws(SQLiteLogError) -> Bool {
        bind(key.scope, at: 1)
        bind(key.bytes, at: 2)
        guard let expires = try integer() else { return false }
        // While the time is in doubt, a key is known for as long as it is there.
        return clock.trustedNow.map { expires > $0.millisecondsSince1970 } ?? true
    }
}
