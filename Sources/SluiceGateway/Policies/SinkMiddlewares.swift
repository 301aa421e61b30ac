import Sluice

extension [any Middleware] {
    /// What is around every sink, from outside to inside: the one list that the gateway's routes and `sluice test` use.
    ///
    /// The order is part of the policy:
    ///
    /// 1. `CorrelationID`, `HandlerMetrics` and `LogMessages` see an event once, with all its attempts and how it ended.
    /// 2. `PoisonQueue` is around everything that may refuse an event, so that whatever finds it impossible can move it. Only
    ///    what can never be delivered is moved: an outage poisons nothing, however long it lasts.
    /// 3. `TakeInHand` decodes an event once for everything inside it, when it is first asked for.
    /// 4. `KnownEvents`, `OnlyWanted`, `HandledOnLog` and `Deduplicator` pass over what needs no attempt, and so costs none. The
    ///    deduplicator keeps an event's key once everything inside it has succeeded: attempts are inside, and a failed event
    ///    that comes again is no duplicate.
    /// 5. `EventAge` measures how old an event is when it has arrived.
    /// 6. `Retry` is around what each attempt needs anew.
    /// 7. `Timeout` is innermost: a deadline for one attempt, and nothing else. It begins when the attempt has had its turn.
    ///
    /// The destination's gate, budget, breaker, throttle and concurrency stand between `Retry` and `Timeout`: they give a turn to
    /// each attempt, retries included, and to wait for it is no fault of the destination's. They are the destination's own, since
    /// all sinks that deliver to it share them.
    /// - Parameters:
    ///   - policy: in force, and may change.
    ///   - filter: the events that the sink wants; nil for all.
    ///   - group: the sink's own; nil for the route's name.
    ///   - poison: where what can never be delivered goes.
    ///   - tap: shows deliveries to those who watch.
    static func recommended(
        _ policy: LiveSinkPolicy, only filter: EventFilter? = nil, of group: String? = nil, poison: Route.Output,
        tap: TapPoint? = nil
    ) -> Self {
        [
            CorrelationID(), HandlerMetrics(), LogMessages(),
            PoisonQueue(to: poison.publisher, poison.topic, filter: .permanent),
            TakeInHand(),
        ] + (tap.map { [$0] } ?? []) + [KnownEvents()] + (filter.map { [OnlyWanted(filter: $0)] } ?? []) + [
            HandledOnLog(group: group), policy.deduplicator, EventAge(), policy.retry, policy.timeout,
        ]
    }
}
