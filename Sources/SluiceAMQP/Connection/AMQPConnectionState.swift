/// Whether a publisher or subscriber can do its work, and why not.
public struct AMQPConnectionState: Sendable, Equatable {
    /// Whether the broker is connected; for a subscriber also whether it delivers from every queue subscribed to.
    public let isConnected: Bool
    /// Whether the broker takes no messages for now, because its memory or disk is used up.
    public let isBlocked: Bool
    /// What is wrong; nil while connected and not blocked.
    public let reason: String?
}

/// Follows what happens to a connection.
struct ConnectionState {
    enum Change: Equatable {
        /// - again: whether it was connected before.
        case connected(again: Bool)
        case lost(String)
        case blocked(String)
        case unblocked
    }

    private(set) var isConnected = false
    private var hasBeenConnected = false
    private var blockage: String?
    private var problem = "not connected yet"

    var current: AMQPConnectionState {
        AMQPConnectionState(
            isConnected: isConnected, isBlocked: isConnected && blockage != nil,
            reason: isConnected ? blockage.map { "the broker takes no messages: \($0)" } : problem)
    }

    mutating func connect() -> Change? {
        guard !isConnected else { return nil }
        defer { hasBeenConnected = true }
        isConnected = true
        blockage = nil
        return .connected(again: hasBeenConnected)
    }

    /// - Returns: nil when it was not connected, and only the reason is new.
    mutating func lose(_ reason: String) -> Change? {
        problem = reason
        guard isConnected else { return nil }
        isConnected = false
        blockage = nil
        return .lost(reason)
    }

    mutating func block(_ reason: String?) -> Change? {
        guard isConnected, (blockage == nil) != (reason == nil) else { return nil }
        blockage = reason
        return reason.map { .blocked($0) } ?? .unblocked
    }
}
