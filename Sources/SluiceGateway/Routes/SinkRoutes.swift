import Sluice

/// The routes that deliver events from the queue. Each has a consumer group of its own: one that is down holds up none
/// of the others.
struct SinkRoutes {
    static let grafana = "log-to-grafana"
    static let slack = "log-to-slack"
    static let console = "log-to-console"

    let queue: any EventQueue
    let pace: GatewayPace

    /// - Parameters:
    ///   - first: where the sink begins if it was not there before.
    ///   - start: when this process began: what is older may have been posted by the one before.
    func grafana(_ sink: EventSink, from first: ReaderStart, startedAt start: Timestamp) throws -> Route {
        let isShared = queue.isShared
        return try route(Self.grafana, to: sink, from: first, ordering: .perKey(lanes: 8)) { message, context in
            guard isShared || Self.wasTried(context, before: start) else { return [message] }
            var message = message
            message.metadata[GrafanaSink.lookFirst] = "true"
            return [message]
        }
    }

    /// One message a second, as Slack allows, and in order, as people read.
    func slack(_ sink: EventSink, from first: ReaderStart) throws -> Route {
        try route(Self.slack, to: sink, from: first, ordering: .serial, throttle: Throttle(rate: pace.slackRate))
    }

    func console(_ sink: EventSink) throws -> Route {
        try route(Self.console, to: sink, from: .now, ordering: .serial)
    }

    private func route(
        _ name: String, to sink: EventSink, from first: ReaderStart, ordering: Ordering, throttle: Throttle? = nil,
        handler: @escaping Handler = { message, _ in [message] }
    ) throws -> Route {
        var retry = Retry(maxAttempts: 8)
        retry.maxElapsed = .seconds(300)
        retry.backoff = pace.retry
        var middlewares: [any Middleware] = [
            CorrelationID(), HandlerMetrics(), LogMessages(),
            // An outage poisons nothing, however long it lasts: only what can never be delivered is moved.
            PoisonQueue(to: queue.publisher, queue.poison, filter: .permanent),
            KnownEvents(), HandledOnLog(), Deduplicator(queue.handled), EventAge(), retry,
        ]
        if let throttle { middlewares.append(throttle) }
        middlewares.append(Timeout(.seconds(60)))
        return Route(
            name, from: try queue.subscriber(for: name, from: first), queue.events, to: sink, queue.events,
            ordering: ordering, destination: try Destination(sink.name, pace.destination),
            middlewares: middlewares, handler: handler)
    }

    /// Whether somebody may have posted the event already without anybody having noted it.
    private static func wasTried(_ context: HandlerContext, before start: Timestamp) -> Bool {
        context.delivery.trace.attempts > 1 || context.origin.attempt > 1 || context.origin.redelivered
            || context.origin.timestamp.map { $0 <= start } ?? true
    }
}
