import Sluice
import Synchronization

/// What librdkafka's own requests to the group's coordinator say of whether a commit may be made.
///
/// Brokers answer a connection's requests one after the other. A commit that follows a request for a new place in the
/// group waits behind it, and is then of a generation that is over, which librdkafka takes for the loss of every
/// partition. The answer to a heartbeat is what makes a client ask for a new place: while one is out, and for a moment
/// afterwards, the request may be on its way.
final class GroupTraffic: Sendable {
    enum Event: Sendable {
        /// A request for a place goes out; it is answered; the place's assignment comes. The same of heartbeats.
        case asksToJoin, askedToJoin, hasJoined, sendsHeartbeat, heartbeatAnswered
    }

    /// For how long after the answer to a heartbeat the client may be about to act on it.
    private let hesitation: Duration
    private let joining = Atomic<Bool>(false)
    private let asked = Atomic<Bool>(false)
    private let given = Atomic<Bool>(false)
    private let heartbeat = Atomic<Bool>(false)
    private let answered = Atomic<UInt64>(0)

    init(heartbeatInterval: Duration) {
        hesitation = min(.milliseconds(50), heartbeatInterval / 4)
    }

    /// - Returns: whether a commit may have become possible.
    func note(_ event: Event, at now: MonotonicTime = .now()) -> Bool {
        switch event {
        case .asksToJoin:
            asked.store(true, ordering: .releasing)
            joining.store(true, ordering: .releasing)
        case .askedToJoin: given.store(true, ordering: .releasing)
        case .hasJoined: joining.store(false, ordering: .releasing)
        case .sendsHeartbeat: heartbeat.store(true, ordering: .releasing)
        case .heartbeatAnswered:
            answered.store(now.nanoseconds, ordering: .releasing)
            heartbeat.store(false, ordering: .releasing)
        }
        return event == .hasJoined || event == .heartbeatAnswered
    }

    /// Whether the client has ever asked for a place in the group.
    var hasAsked: Bool { asked.load(ordering: .acquiring) }

    /// Whether the coordinator has ever answered that. Noted before librdkafka looks at the answer.
    var hasBeenAnswered: Bool { given.load(ordering: .acquiring) }

    /// A new client has asked for nothing yet.
    func reset() {
        asked.store(false, ordering: .releasing)
        given.store(false, ordering: .releasing)
        joining.store(false, ordering: .releasing)
        heartbeat.store(false, ordering: .releasing)
    }

    /// From when on a commit may be made; nil while that depends on an answer.
    /// - Parameter isAgreeing: whether a change of the group waits for this member: then no request goes out before it
    ///   has agreed.
    func commitTime(isAgreeing: Bool) -> MonotonicTime? {
        if joining.load(ordering: .acquiring) { return nil }
        if isAgreeing { return MonotonicTime(nanoseconds: 0) }
        if heartbeat.load(ordering: .acquiring) { return nil }
        return MonotonicTime(nanoseconds: answered.load(ordering: .acquiring)).advanced(by: hesitation)
    }
}
