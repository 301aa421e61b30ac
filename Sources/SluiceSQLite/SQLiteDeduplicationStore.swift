public import Sluice
import Synchronization

extension SQLiteLog {
    /// A store of handled keys in this log's file, which shares its commits.
    public func deduplicationStore() -> SQLiteDeduplicationStore { SQLiteDeduplicationStore(self) }
}

/// Remembers which messages were handled, across restarts, in a ``SQLiteLog``.
///
/// Reserving reads and writes nothing to the disk but an index look-up, which concurrent callers share a thread hop
/// for; a commit is fsynced, together with whatever else is being committed. Handlers that share a scope must share the
/// store, as it alone knows its reservations.
public final class SQLiteDeduplicationStore: DeduplicationStore {
    private struct Key: Hashable, Sendable {
        let scope: String
        let bytes: [UInt8]
    }

    private struct LookUp: Sendable {
        let key: Key
        let continuation: UnsafeContinuation<Bool, any Error>
    }

    private struct State {
        var reserved: Set<Key> = []
        var lookUps: [LookUp] = []
    }

    private let log: SQLiteLog
    private let state = Mutex(State())

    init(_ log: SQLiteLog) {
        self.log = log
    }

    /// - Throws: ``SQLiteLogError``; nothing is reserved then.
    public func reserve(_ key: [UInt8], scope: String) async throws -> Reservation {
        let key = Key(scope: scope, bytes: key)
        guard state.withLock({ $0.reserved.insert(key).inserted }) else { return .inProgress }
        do {
            guard try await isKnown(key) else { return .fresh }
            forget(key)
            return .duplicate
        } catch {
            forget(key)
            throw error
        }
    }

    /// - Throws: ``SQLiteLogError``; the key stays reserved then, so that the commit can be tried again.
    public func commit(_ key: [UInt8], scope: String, for window: Duration) async throws {
        let window = max(1, Int64(clamping: window.wholeNanoseconds / 1_000_000))
        try await log.writer.perform { session in try session.remember(key, scope: scope, for: window) }
        forget(Key(scope: scope, bytes: key))
    }

    /// All of them, or none: a process that is killed meanwhile has not handled some of them for a second time.
    /// - Throws: ``SQLiteLogError``; the keys stay reserved then.
    public func commitAll(_ keys: [[UInt8]], scope: String, for window: Duration) async throws {
        let window = max(1, Int64(clamping: window.wholeNanoseconds / 1_000_000))
        let keys = keys.map { Key(scope: scope, bytes: $0) }
        try await log.writer.perform { session in
            for key in keys { try session.remember(key.bytes, scope: key.scope, for: window) }
        }
        state.withLock { $0.reserved.subtract(keys) }
    }

    public func release(_ key: [UInt8], scope: String) async {
        forget(Key(scope: scope, bytes: key))
    }

    private func forget(_ key: Key) {
        state.withLock { _ = $0.reserved.remove(key) }
    }

    private func isKnown(_ key: Key) async throws -> Bool {
        try await withUnsafeThrowingContinuation { continuation in
            let isFirst = state.withLock { state in
                state.lookUps.append(LookUp(key: key, continuation: continuation))
                return state.lookUps.count == 1
            }
            if isFirst { log.reader.submit { [self] session in lookUp(session) } }
        }
    }

    /// Answers everybody who has asked until now. Without a session the log is closed.
    private func lookUp(_ session: Result<ReaderSession, any Error>) {
        let lookUps = state.withLock { state in
            defer { state.lookUps = [] }
            return state.lookUps
        }
        for lookUp in lookUps {
            lookUp.continuation.resume(
                with: Result { try session.get().isHandled(lookUp.key.bytes, scope: lookUp.key.scope) })
        }
    }
}

extension ReaderSession {
    func isHandled(_ key: [UInt8], scope: String) throws(SQLiteLogError) -> Bool {
        findKey.bind(scope, at: 1)
        findKey.bind(key, at: 2)
        guard let expires = try findKey.integer() else { return false }
        // While the time is in doubt, a key is known for as long as it is there.
        return clock.trustedNow.map { expires > $0.millisecondsSince1970 } ?? true
    }
}

extension WriterSession {
    func remember(_ key: [UInt8], scope: String, for window: Int64) throws(SQLiteLogError) {
        let (expires, overflow) = clock.latestPlausible.addingReportingOverflow(window)
        rememberKey.bind(scope, at: 1)
        rememberKey.bind(key, at: 2)
        rememberKey.bind(overflow ? .max : expires, at: 3)
        try rememberKey.run()
    }
}
