import Sluice

/// The routes that deliver events from the queue. Each has a consumer group of its own: one that is down holds up none
/// of the others.
enum SinkRoutes {
    static let grafana = "log-to-grafana"
    static let slack = "log-to-slack"
    static let console = "log-to-console"

    /// - Parameter start: when this process began: what is older may have been posted by the one before.
    static func grafana(_ sink: EventSink, from queue: EventQueue, startedAt start: Timestamp) -> Route {
        route(grafana, from: queue, to: sink, ordering: .perKey(lanes: 8)) { message, context in
            guard wasTried(context, before: start) else { return [message] }
            var message = message
            message.metadata[GrafanaSink.lookFirst] = "true"
            return [message]
        }
    }

    /// One message a second, as Slack allows, and in order, as people read.
    static func slack(_ sink: EventSink, from queue: EventQueue) -> Route {
        route(slack, from: queue, to: sink, ordering: .serial, throttle: Throttle(rate: 1))
    }

    static func console(_ sink: EventSink, from queue: EventQueue) -> Route {
        route(console, from: queue, to: sink, ordering: .serial)
    }

    private static func route(
        _ name: String, from queue: EventQueue, to sink: EventSink, ordering: Ordering, throttle: Throttle? = nil,
        handler: @escaping Handler = { message, _ in [message] }
    ) -> Route {
        var retry = Retry(maxAttempts: 8)
        retry.maxElapsed = .seconds(300)
        var middlewares: [any Middleware] = [
            CorrelationID(), Metrics(), LogMessages(),
            // An outage poisons nothing, however long it lasts: only what can never be delivered is moved.
            PoisonQueue(to: queue.publisher, EventQueue.poison, filter: .permanent),
            Deduplicator(queue.handled), EventAge(), retry,
        ]
        if let throttle { middlewares.append(throttle) }
        middlewares.append(Timeout(.seconds(60)))
        return Route(
            name, from: queue.subscriber(name), EventQueue.events, to: sink, EventQueue.events, ordering: ordering,
            middlewares: middlewares, handler: handler)
    }

    /// Whether somebody may have posted the event already without anybody having noted it.
    private static func wasTried(_ context: HandlerContext, before start: Timestamp) -> Bool {
        context.trace.attempts > 1 || context.origin.attempt > 1 || context.origin.redelivered
            || context.origin.timestamp.map { $0 <= start } ?? true
    }
}
