import Sluice

/// The routes that deliver events from the queue. Each has a consumer group of its own: one that is down holds up none
/// of the others.
struct SinkRoutes {
    let queue: any EventQueue
    let pace: GatewayPace
    /// When this process began: what is older may have been delivered by the one before.
    let startedAt: Timestamp
    /// What the destinations go by: the router's.
    var time = RouterTime.real

    func route(to sink: ConfiguredSink, _ delivers: any Sink) throws -> Route {
        var policy = SinkPolicy.standard
        policy.retry.backoff = pace.retry
        let (isShared, startedAt) = (queue.isShared, startedAt)
        return Route(
            sink.group, from: try queue.subscriber(for: sink.group, from: sink.start), queue.events,
            to: SinkPublisher(sink.name, delivers, time: time), queue.events, ordering: sink.ordering,
            destination: try Destination(sink.name, pace.destination, time: time),
            middlewares: .recommended(
                policy, throttle: sink.throttle, poison: Route.Output(queue.publisher, queue.poison),
                handled: queue.handled)
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
