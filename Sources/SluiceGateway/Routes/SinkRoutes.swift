import Sluice

/// The routes that deliver events from the queue. Each has a consumer group of its own: one that is down holds up none
/// of the others.
struct SinkRoutes {
    let queue: any EventQueue
    let pace: GatewayPace
    /// When this process began: what is older may have been delivered by the one before.
    let startedAt: Timestamp

    func route(to sink: ConfiguredSink, _ delivers: any Sink) throws -> Route {
        var retry = Retry(maxAttempts: 8)
        retry.maxElapsed = .seconds(300)
        retry.backoff = pace.retry
        var middlewares: [any Middleware] = [
            CorrelationID(), HandlerMetrics(), LogMessages(),
            // An outage poisons nothing, however long it lasts: only what can never be delivered is moved.
            PoisonQueue(to: queue.publisher, queue.poison, filter: .permanent),
            KnownEvents(), HandledOnLog(), Deduplicator(queue.handled), TakeInHand(), EventAge(), retry,
        ]
        if let throttle = sink.throttle { middlewares.append(throttle) }
        middlewares.append(Timeout(.seconds(60)))
        let (isShared, startedAt) = (queue.isShared, startedAt)
        return Route(
            sink.group, from: try queue.subscriber(for: sink.group, from: sink.start), queue.events,
            to: SinkPublisher(sink.name, delivers), queue.events, ordering: sink.ordering,
            destination: try Destination(sink.name, pace.destination), middlewares: middlewares
        ) { message, context in
            EventInHand.current?.note(mayBeDelivered: isShared || Self.wasTried(context, before: startedAt))
            return [message]
        }
    }

    /// Whether an earlier attempt may have delivered the event without its outcome being known.
    private static func wasTried(_ context: HandlerContext, before start: Timestamp) -> Bool {
        context.delivery.trace.attempts > 1 || context.origin.attempt > 1 || context.origin.redelivered
            || context.origin.timestamp.map { $0 <= start } ?? true
    }
}
