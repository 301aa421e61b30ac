/// Whether a client can reach its cluster, and why not.
public struct KafkaConnectionState: Sendable, Equatable {
    /// Whether any broker is connected.
    public let isConnected: Bool
    /// The last thing that went wrong; nil while connected.
    public let reason: String?
}

/// Derives the state of a connection from what librdkafka happens to tell: it has no event for "connected".
struct ConnectionState {
    enum Change: Equatable {
        /// - again: whether it was connected before.
        case connected(again: Bool)
        case lost(String)
    }

    private(set) var isConnected = false
    private var hasBeenConnected = false
    private var problem: String?

    var current: KafkaConnectionState {
        KafkaConnectionState(isConnected: isConnected, reason: isConnected ? nil : problem ?? "not connected yet")
    }

    /// A broker answered.
    mutating func succeed() -> Change? {
        guard !isConnected else { return nil }
        defer { hasBeenConnected = true }
        isConnected = true
        problem = nil
        return .connected(again: hasBeenConnected)
    }

    /// One broker cannot be reached, which others may make up for.
    mutating func note(_ reason: String) {
        problem = reason
    }

    /// No broker can be reached.
    mutating func fail(_ reason: String? = nil) -> Change? {
        let reason = problem ?? reason ?? "no broker is connected"
        problem = reason
        guard isConnected else { return nil }
        isConnected = false
        return .lost(reason)
    }

    /// - Parameter brokersUp: how many brokers the statistics show as connected.
    mutating func update(brokersUp: Int) -> Change? {
        brokersUp > 0 ? succeed() : fail()
    }
}
