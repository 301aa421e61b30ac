/// What was known when a message was rejected. From it follows, by the policies of now, when it is delivered again.
struct RejectionWait: Sendable {
    /// When it was rejected.
    let start: MonotonicTime
    /// How long the route has it wait, or a middleware by a number that does not change.
    let delay: Duration
    /// What a policy says in the place of that.
    let live: LiveDelay?
    /// How long a hold lasts; 0 where there is none.
    let hold: Duration
    /// The time that the destination named.
    let named: NamedTime?
    /// Another message with its key is being handled.
    let twin: InProgressError?
    let destination: Live<Destination.Configuration>

    var due: MonotonicTime {
        let own = max(live?.delay() ?? delay, hold, twin?.delay ?? .zero)
        let due = start.advanced(by: max(own, .zero))
        return named.map { max(due, $0.end(destination.policy.retryAfter)) } ?? due
    }

    /// Of the policies that it follows from.
    var bells: [ChangeBell] {
        var bells: [ChangeBell] = []
        if let live { bells.append(live.bell) }
        if let twin { bells.append(twin.live.changes) }
        if named != nil { bells.append(destination.changes) }
        return bells
    }
}

/// How long a policy has a rejected message wait.
final class LiveDelay: Sendable {
    let bell: ChangeBell
    /// By the policy of now; nil leaves it to the route.
    let delay: @Sendable () -> Duration?

    init(_ bell: ChangeBell, _ delay: @escaping @Sendable () -> Duration?) {
        self.bell = bell
        self.delay = delay
    }
}
