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

    /// What is urgent comes first.
    /// - Parameters:
    ///   - policy: the sink's, at work.
    ///   - isLate: whether the queue is in use already, and its readers have their positions.
    func routes(
        to sink: ConfiguredSink, _ delivers: SinkPublisher, _ destination: Destination, _ policy: LiveSinkPolicy,
        isLate: Bool
    ) throws -> [Route] {
        let (isShared, startedAt) = (queue.isShared, startedAt)
        let parted = queue.follow(sink)
        return try sink.readers.map { group, part in
            let isOfFacts = part == .incidents
            // What was handled apart is told by the offsets of events.
            let outer: [any Middleware] =
                (isOfFacts ? [] : recording(sink)) + [OnlyPart(part: part)]
                + (isOfFacts ? [] : [HandledApart(reader: parted)])
            let topic = isOfFacts ? queue.facts : queue.events
            return Route(
                group, from: try subscriber(for: group, part, of: sink, isLate: isLate), topic, to: delivers,
                topic, ordering: sink.ordering, destination: destination,
                middlewares: outer + noting
                    + .recommended(
                        policy, only: sink.only, of: sink.group, poison: Route.Output(queue.publisher, queue.poison),
                        tap: TapPoint(board: tap, sink: sink.name)),
                joining: joining(part, of: sink),
                isUrgent: part == .urgent || isOfFacts && sink.options.digests
            ) { _, context in
                // What is sent again may have been delivered, however new it is.
                EventInHand.current?.note(
                    mayBeDelivered: isShared || RedriveInHand.current != nil
                        || Self.wasTried(context, before: startedAt))
                return context.messages
            }
        }
    }

    private func recording(_ sink: ConfiguredSink) -> [any Middleware] {
        guard let book = queue.delivered else { return [] }
        return [RecordDelivered(book: book, route: sink.group, events: queue.events)]
    }

    private func joining(_ part: ReaderPart, of sink: ConfiguredSink) -> Joining? {
        if part == .pushes { return ReaderPart.joining(sink.only) }
        guard part == .whole, sink.options.gathers, sink.ordering == .serial else { return nil }
        return ReaderPart.gathering(sink.only)
    }

    /// Another gateway may have taken the events in: this one's journal learns of them here.
    private var noting: [any Middleware] {
        guard queue.isShared, let journal else { return [] }
        return [JournalMessages(journal: journal, place: .sink)]
    }

    private func subscriber(
        for group: String, _ part: ReaderPart, of sink: ConfiguredSink, isLate: Bool
    ) throws -> any Subscriber {
        if part == .incidents { return try queue.factSubscriber(for: group, from: sink.start) }
        let subscriber = try queue.subscriber(for: group, from: sink.start)
        // Where its groups become one, or two, others may still read them.
        guard isLate || queue.mayWait(sink.group) else { return subscriber }
        return IntroducedSubscriber(subscriber) { [queue] in try await queue.introduce(group) }
    }

    /// Whether an earlier attempt may have delivered the event without its outcome being known.
    private static func wasTried(_ context: HandlerContext, before start: Timestamp) -> Bool {
        context.delivery.trace.attempts > 1 || context.origin.attempt > 1 || context.origin.redelivered
            || context.origin.timestamp.map { $0 <= start } ?? true
    }
}
