import Logging

/// Moves a message that cannot be handled to a topic of its own, with what happened in its metadata, and acknowledges
/// it. When it cannot be moved, it is rejected, not lost. A message interrupted by a shutdown is never moved.
///
/// A copy that the poison queue can never take, because it is too large for it above all, is cut down until it does:
/// first its payload, then its metadata. `truncated_poisoned` then holds how many bytes the payload
/// had, and the metadata name the place where the whole message lies. When even the smallest copy is refused for good, the
/// message is acknowledged with an error in the log and counted: it must not hold up its route for ever.
///
/// With the filter ``Filter/exhausted`` it waits for a middleware that tries again, ``Retry`` or a custom one: such a
/// one calls ``RouteScope/noteRetry()`` when the route is built, and ``HandlerContext/noteExhausted(_:)`` when it gives up.
/// Until then a transient failure is rejected and delivered again. On a route where nothing tries again, the first
/// failure moves the message. It stands outside of what tries again; the other order, in which it would wait for ever, is a
/// ``ConfigurationError`` when the route is added. With another filter it may stand inside.
///
/// ```swift
/// Router(middlewares: [PoisonQueue(to: log.publisher(), "poison"), Retry(), Timeout(.seconds(10))])
/// ```
///
/// The names of what it adds to the metadata are in ``PoisonMetadata``.
public struct PoisonQueue: Middleware {
    /// Which failures move a message.
    public struct Filter: Sendable {
        package let matches: @Sendable (any Error, _ exhausted: Bool) -> Bool
        /// Whether it waits until what tries again has given up.
        let waits: Bool

        /// Errors whose disposition is poison, and messages whose attempts are used up (``HandlerContext/isExhausted``), or
        /// that failed at all where nothing tries again. A failure for which the retry
        /// budget was empty is not the message's fault and moves nothing.
        public static let exhausted = Filter(waits: true) { $1 || Disposition(of: $0).isPermanent }
        /// Errors whose disposition is poison alone: transient failures are redelivered for as long as they last.
        public static let permanent = Filter { error, _ in Disposition(of: error).isPermanent }

        /// - Parameter matches: whether this error moves the message.
        public static func custom(_ matches: @escaping @Sendable (any Error) -> Bool) -> Filter {
            Filter { error, _ in matches(error) }
        }

        private init(waits: Bool = false, _ matches: @escaping @Sendable (any Error, _ exhausted: Bool) -> Bool) {
            self.matches = matches
            self.waits = waits
        }
    }

    public var publisher: any Publisher
    public var topic: Topic
    /// Default `.exhausted`.
    public var filter: Filter

    public init(to publisher: any Publisher, _ topic: Topic, filter: Filter = .exhausted) {
        self.publisher = publisher
        self.topic = topic
        self.filter = filter
    }

    public func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        try route.time.require(publisher, "PoisonQueue.publisher", publisher.name)
        if filter.waits { route.noteWaitForRetry() }
        let (filter, topic) = (filter, topic)
        let output = MeteredPublish(Route.Output(publisher, topic), scope: route)
        let failures = route.instruments.counter(.poisonPublishFailures, [route.label])
        let cutDown = route.instruments.counter(.poisonTruncated, [route.label])
        let notKept = route.instruments.counter(.poisonNotKept, [route.label])
        let poisoned = route.instruments.counters(.poisoned, known: ["other"])
        let diary = FailureDiary()
        return { message, context in
            do {
                return try await next(message, context)
            } catch {
                guard !Task.isCancelled, !context.isInterruption(error), filter.accepts(error, context) else {
                    throw error
                }
                // Each is tried alone first, and then comes by itself.
                guard context.run == nil else { throw JoinedError(underlying: error) }
                let reason = Disposition.reason(of: error)
                let copy = PoisonCopy(of: message, error, context)
                var place = copy.place
                place["reason"] = "\(reason)"
                place["error"] = "\(error)"
                switch await Self.publish(copy, output, context) {
                case .success(let cut):
                    poisoned.increment(reason)
                    diary.logEnd("the poison queue takes messages again", to: context.logger)
                    if cut != .none { cutDown.increment() }
                    place["poison_topic"] = "\(topic)"
                    place["attempts"] = "\(context.delivery.trace.attempts)"
                    if cut != .none { place["truncated_from_bytes"] = "\(message.payload.count)" }
                    context.logger.error("message moved to the poison queue", metadata: place)
                    context.settle(as: .poisoned)
                case .failure(let failure) where Disposition(of: failure).isPermanent:
                    notKept.increment()
                    place["refusal"] = "\(failure)"
                    context.logger.error(
                        "the poison queue can never take a message; it is acknowledged and not kept", metadata: place)
                    context.settle(as: .discarded)
                case .failure(let failure):
                    if !context.isInterruption(failure) {
                        failures.increment()
                        diary.log(
                            "poison queue refused a message; it is rejected", failure,
                            kind: Disposition.reason(of: failure), at: route.time.now, level: .error, to: context.logger
                        )
                    }
                    throw PoisonQueueError(original: error, publishing: failure)
                }
                return []
            }
        }
    }

    /// Publishes the copy, cut down as far as needed.
    /// - Returns: how it was taken, or the last refusal.
    private static func publish(
        _ copy: PoisonCopy, _ output: MeteredPublish, _ context: HandlerContext
    ) async -> Result<PoisonCopy.Cut, any Error> {
        var cut = PoisonCopy.Cut.none
        while true {
            do {
                try await output.publish([copy.message(cut)], context)
                return .success(cut)
            } catch {
                guard Disposition(of: error).isPermanent, !Task.isCancelled, let next = copy.next(after: cut) else {
                    return .failure(error)
                }
                cut = next
            }
        }
    }
}

extension PoisonQueue.Filter {
    fileprivate func accepts(_ error: any Error, _ context: HandlerContext) -> Bool {
        switch Disposition(of: error).kind {
        // Neither is a fault of the message that a person has to look at.
        case .hold, .discard: false
        case .poison, .retry, .throttled: matches(error, context.delivery.trace.isExhausted || !context.route.hasRetry)
        }
    }
}

/// A message failed, and could not be moved to the poison queue either.
public struct PoisonQueueError: DispositionError, CustomStringConvertible {
    public let original: any Error
    public let publishing: any Error

    public var disposition: Disposition { .retry() }
    public var reason: String { "poison_publish" }
    public var description: String { "\(original); and the poison queue refused it: \(publishing)" }
}

extension Metric {
    static let poisonArea = Area(
        "Poison", "For routes with the middleware PoisonQueue, and for the queues that they fill.",
        [poisoned, poisonPublishFailures, poisonTruncated, poisonNotKept, poisonQueueMessages, poisonOldestMessage])

    public static let poisoned = counter(
        "sluice_poisoned_total",
        labels: [.handler, .reason],
        help: "Messages moved to a poison queue, by the error that moved them.")
    public static let poisonPublishFailures = counter(
        "sluice_poison_publish_failures_total",
        labels: [.handler],
        help: "Messages that could not be moved to the poison queue and were rejected instead.")
    public static let poisonTruncated = counter(
        "sluice_poison_truncated_total",
        labels: [.handler],
        help: "Messages of which the poison queue took only a part, because it can never take the whole.")
    public static let poisonNotKept = counter(
        "sluice_poison_not_kept_total",
        labels: [.handler],
        help:
            "Messages that the poison queue can never take, not even cut down: acknowledged, and in no queue any more but where they came from."
    )
    public static let poisonQueueMessages = gauge(
        "sluice_poison_queue_messages",
        labels: [.topic],
        help: "Messages in a poison queue.")
    public static let poisonOldestMessage = gauge(
        "sluice_poison_oldest_message_timestamp_seconds",
        labels: [.topic],
        help: "When the oldest message of a poison queue was poisoned, in seconds since 1970; 0 when there is none.")
}
