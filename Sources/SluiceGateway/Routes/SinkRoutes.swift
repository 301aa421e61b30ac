import Sluice

/// The routes that deliver events from the queue. Each has a consumer group of its own: one that is down holds up none
/// of the others.
struct SinkRoutes {
    let queue: any EventQueue
    /// When this process began: what is older may have been delivered by the one before.
    let startedAt: Timestamp
    /// What the destinations go by: the router's.
    var time = RouterTime.real
    /// Shows deliveries to those who watch.
    var tap = TapBoard()
    /// Nil where there is none.
    var journal: Journal?

    /// - Parameters:
    ///   - policy: the sink's, at work.
    ///   - isLate: whether the queue is in use already, and its readers have their positions.
    func route(
        to sink: ConfiguredSink, _ delivers: SinkPublisher, _ destination: Destination, _ policy: LiveSinkPolicy,
        isLate: Bool
    ) throws -> Route {
        let (isShared, startedAt) = (queue.isShared, startedAt)
        return Route(
            sink.group, from: try subscriber(for: sink, isLate: isLate), queue.events, to: delivers, queue.events,
            ordering: sink.ordering, destination: destination,
            middlewares: noting
                + .recommended(
                    policy, only: sink.only, poison: Route.Output(queue.publisher, queue.poison),
                    tap: TapPoint(board: tap, sink: sink.name))
        ) { message, context in
            EventInHand.current?.note(mayBeDelivered: isShared || Self.wasTried(context, before: startedAt))
            return [message]
        }
    }

    /// Another gateway may have taken the events in: this one's journal learns of them here.
    private var noting: [any Middleware] {
        guard queue.isShared, let journal else { return [] }
        return [JournalMessages(journal: journal, place: .sink)]
    }

    private func subscriber(for sink: ConfiguredSink, isLate: Bool) throws -> any Subscriber {
        let subscriber = try queue.subscriber(for: sink.group, from: sink.start)
        guard isLate else { return subscriber }
        return IntroducedSubscriber(subscriber) { [queue, group = sink.group] in try await queue.introduce(group) }
    }

    /// Whether an earlier attempt may have delivered the event without its outcome being known.
    private static func wasTried(_ context: HandlerContext, before start: Timestamp) -> Bool {
        context.delivery.trace.attempts > 1 || context.origin.attempt > 1 || context.origin.redelivered
            || context.origin.timestamp.map { $0 <= start } ?? true
    }
}
