/// Remembers which messages were handled, for the Deduplicator.
///
/// A key is reserved before its message is handled, committed after success and released after failure, so that the
/// redelivery of a failed message is never taken for a duplicate.
public protocol DeduplicationStore: AnyObject, Sendable {
    /// Claims a key. Reservations live in memory only: a crash forgets them, which is right, as the message was not
    /// finished.
    /// - Parameters:
    ///   - key: what identifies the message.
    ///   - scope: keeps the keys of different handlers apart.
    func reserve(_ key: [UInt8], scope: String) async throws -> Reservation

    /// Remembers a reserved key for the store's window. Returns when it would survive a crash, as far as the store
    /// promises that at all.
    func commit(_ key: [UInt8], scope: String) async throws

    /// Gives a reserved key back, so that the next attempt may claim it.
    func release(_ key: [UInt8], scope: String) async
}

/// What became of the attempt to claim a key.
public enum Reservation: Sendable {
    /// The key was unknown and is now the caller's.
    case fresh
    /// Somebody else holds the key at this moment and has not finished.
    case inProgress
    /// The key was committed within the window.
    case duplicate
}
