/// Remembers for a while which keys have been handled.
public protocol DeduplicationStore: AnyObject, Timed {
    /// Asks for the right to handle a key. A `fresh` one is reserved until it is committed or released; a reservation
    /// does not survive the process, and need not: what it stood for was not finished.
    func reserve(_ key: [UInt8], scope: String) async throws -> Reservation

    /// The reserved key was handled.
    /// - Parameters:
    ///   - key: the one that was reserved.
    ///   - scope: the one that it was reserved in.
    ///   - window: for how long it is a duplicate from now on.
    func commit(_ key: [UInt8], scope: String, for window: Duration) async throws

    /// Reserved keys were handled together. Commits one after the other unless implemented.
    func commitAll(_ keys: [[UInt8]], scope: String, for window: Duration) async throws

    /// The reserved key was handled: from now on it is a duplicate, and it is kept with the store's next commit, together with
    /// what else is handled until then. A process that is killed before that commit does not know it again.
    ///
    /// Returns before the commit, unless so many keys wait for it that it has to be waited for. Commits at once unless
    /// implemented.
    /// - Throws: why keys are not kept at this time; it is not told with which key that began.
    func commitSoon(_ key: [UInt8], scope: String, for window: Duration) async throws

    /// The reserved key was not handled: it is fresh again.
    func release(_ key: [UInt8], scope: String) async
}

extension DeduplicationStore {
    public func commitSoon(_ key: [UInt8], scope: String, for window: Duration) async throws {
        try await commit(key, scope: scope, for: window)
    }

    public func commitAll(_ keys: [[UInt8]], scope: String, for window: Duration) async throws {
        for key in keys { try await commit(key, scope: scope, for: window) }
    }
}

/// What a store knows of a key.
public enum Reservation: Sendable {
    /// Never handled; now reserved for the caller.
    case fresh
    /// Another handler is at it.
    case inProgress
    /// Handled before.
    case duplicate
}
