public import Sluice
import Synchronization

extension SQLiteLog {
    /// A store of handled keys in this log's file, which shares its commits.
    public func deduplicationStore() -> SQLiteDeduplicationStore { SQLiteDeduplicationStore(self) }
}

/// Remembers which messages were handled, across restarts, in a ``SQLiteLog``.
///
/// ```swift
/// let router = Router(middlewares: [Deduplicator(log.deduplicationStore()), Retry()])
/// ```
///
/// Reserving reads and writes nothing to the disk but an index look-up; a commit is fsynced, together with whatever else is
/// being committed. ``commitSoon(_:scope:for:)`` waits for no commit: it begins at most the log's `settlementInterval` (5 ms)
/// after the one before, and at most 256 keys wait for it. Handlers that share a scope must share the store, as it alone knows
/// its reservations.
public final class SQLiteDeduplicationStore: DeduplicationStore {
    private struct LookUp: Sendable {
        let key: KeyBook.Key
        let continuation: UnsafeContinuation<Bool, any Error>
    }

    private let log: SQLiteLog
    private let keys: HandledKeys
    private let lookUps = Mutex<[LookUp]>([])

    init(_ log: SQLiteLog) {
        self.log = log
        keys = HandledKeys(log.writer)
    }

    /// - Throws: ``SQLiteLogError``; nothing is reserved then.
    public func reserve(_ key: [UInt8], scope: String) async throws -> Reservation {
        let key = KeyBook.Key(scope: scope, bytes: key)
        if let known = keys.reserve(key) { return known }
        do {
            guard try await isKnown(key) else { return .fresh }
            keys.release(key)
            return .duplicate
        } catch {
            keys.release(key)
            throw error
        }
    }

    /// - Throws: ``SQLiteLogError``; the key stays reserved then, so that the commit can be tried again.
    public func commit(_ key: [UInt8], scope: String, for window: Duration) async throws {
        let milliseconds = Self.milliseconds(window)
        try await log.writer.perform { loop in try loop.remember(key, scope: scope, for: milliseconds) }
        keys.release(KeyBook.Key(scope: scope, bytes: key))
    }

    /// All of them, or none: a process that is killed meanwhile has not handled some of them for a second time.
    /// - Throws: ``SQLiteLogError``; the keys stay reserved then.
    public func commitAll(_ keys: [[UInt8]], scope: String, for window: Duration) async throws {
        let milliseconds = Self.milliseconds(window)
        let keys = keys.map { KeyBook.Key(scope: scope, bytes: $0) }
        try await log.writer.perform { loop in
            for key in keys { try loop.remember(key.bytes, scope: key.scope, for: milliseconds) }
        }
        self.keys.release(keys)
    }

    /// - Throws: ``SQLiteLogError`` while commits fail. Up to 256 keys are kept when they succeed again.
    public func commitSoon(_ key: [UInt8], scope: String, for window: Duration) async throws {
        try await keys.note(KeyBook.Key(scope: scope, bytes: key), for: Self.milliseconds(window))
    }

    public func release(_ key: [UInt8], scope: String) async {
        keys.release(KeyBook.Key(scope: scope, bytes: key))
    }

    private static func milliseconds(_ window: Duration) -> Int64 {
        max(1, Int64(clamping: window.wholeNanoseconds / 1_000_000))
    }

    // MARK: Looking up

    private func isKnown(_ key: KeyBook.Key) async throws -> Bool {
        if let isKnown = log.keys.isHandled(key) { return isKnown }
        // Whatever is wrong with the file, the reader's thread finds out what it is called.
        return try await withUnsafeThrowingContinuation { continuation in
            let isFirst = lookUps.withLock { lookUps in
                lookUps.append(LookUp(key: key, continuation: continuation))
                return lookUps.count == 1
            }
            if isFirst { log.reader.submit { [self] loop in lookUp(loop) } }
        }
    }

    /// Answers all who have asked so far; with an error where the log is closed.
    private func lookUp(_ loop: Result<ReaderLoop, any Error>) {
        let lookUps = lookUps.withLock { lookUps in
            defer { lookUps = [] }
            return lookUps
        }
        for lookUp in lookUps {
            lookUp.continuation.resume(
                with: Result { try loop.get().findKey.isHandled(lookUp.key, loop.get().clock) })
        }
    }
}

extension WriterLoop {
    /// Call inside a transaction.
    func write(_ keys: HandledKeys) throws(SQLiteLogError) {
        for (key, window) in keys.beginCommit() { try remember(key.bytes, scope: key.scope, for: window) }
    }

    func remember(_ key: [UInt8], scope: String, for window: Int64) throws(SQLiteLogError) {
        let (expires, overflow) = clock.latestPlausible.addingReportingOverflow(window)
        rememberKey.bind(scope, at: 1)
        rememberKey.bind(key, at: 2)
        rememberKey.bind(overflow ? .max : expires, at: 3)
        try rememberKey.run()
    }
}
