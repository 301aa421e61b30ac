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

    func route(to sink: ConfiguredSink, _ delivers: any Sink) throws -> (route: Route, control: SinkControl) {
        var policy = SinkPolicy.standard
        policy.retry.backoff = pace.retry
        let control = SinkControl(
            policies: LiveSinkPolicy(policy, handled: queue.handled),
            destination: try Destination(
                sink.name, DestinationPolicy(policies: pace.destination).configuration([sink.throttle]), time: time))
        let (isShared, startedAt) = (queue.isShared, startedAt)
        let route = Route(
            sink.group, from: try queue.subscriber(for: sink.group, from: sink.start), queue.events,
            to: SinkPublisher(sink.name, delivers, time: time), queue.events, ordering: sink.ordering,
            destination: control.destination,
            middlewares: .recommended(control.policies, poison: Route.Output(queue.publisher, queue.poison))
        ) { message, context in
            EventInHand.current?.note(mayBeDelivered: isShared || Self.wasTried(context, before: startedAt))
            return [message]
        }
        return (route, control)
    }

    /// Whether an earlier attempt may have delivered the event without its outcome being known.
    private static func wasTried(_ context: HandlerContext, before start: Timestamp) -> Bool {
        context.delivery.trace.attempts > 1 || context.origin.attempt > 1 || context.origin.redelivered
            || context.origin.timestamp.map { $0 <= start } ?? true
    }
}
