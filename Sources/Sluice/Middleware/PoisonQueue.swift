import Logging

/// Moves a message that cannot be handled to a topic of its own, with what happened in its metadata, and acknowledges
/// it. When it cannot be moved, it is rejected, not lost. A message interrupted by a shutdown is never moved.
public struct PoisonQueue: Middleware {
    /// Which failures move a message.
    public struct Filter: Sendable {
        package let matches: @Sendable (any Error, _ exhausted: Bool) -> Bool

        /// Errors whose disposition is poison, and messages whose retries are used up. A failure for which the retry
        /// budget was empty is not the message's fault and moves nothing.
        public static let exhausted = Filter { $1 || Disposition(of: $0).isPermanent }
        /// Errors whose disposition is poison alone: transient failures are redelivered for as long as they last.
        public static let permanent = Filter { error, _ in Disposition(of: error).isPermanent }

        /// - Parameter matches: whether this error moves the message.
        public static func custom(_ matches: @escaping @Sendable (any Error) -> Bool) -> Filter {
            Filter { error, _ in matches(error) }
        }

        private init(_ matches: @escaping @Sendable (any Error, _ exhausted: Bool) -> Bool) {
            self.matches = matches
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
        let (filter, topic) = (filter, topic)
        let output = MeteredPublish(Route.Output(publisher, topic), scope: route)
        let failures = route.instruments.counter(.poisonPublishFailures, [route.label])
        let poisoned = LabelledCounters(
            route.instruments, .poisoned, [route.label], label: "reason", known: ["other"])
        return { message, context in
            do {
                return try await next(message, context)
            } catch {
                guard !Task.isCancelled, !context.isInterruption(error), filter.accepts(error, context) else {
                    throw error
                }
                let reason = Disposition.reason(of: error)
                do {
                    try await output.publish([poison(message, error, context)], context)
                } catch let failure {
                    if !context.isInterruption(failure) {
                        failures.increment()
                        context.logger.error(
                            "poison queue refused a message; it is rejected", metadata: ["error": "\(failure)"])
                    }
                    throw PoisonQueueError(original: error, publishing: failure)
                }
                poisoned.increment(reason)
                context.logger.error(
                    "message moved to the poison queue",
                    metadata: [
                        "poison_topic": "\(topic)", "reason": "\(reason)", "error": "\(error)",
                        "attempts": "\(context.delivery.trace.attempts)",
                    ])
                context.settle(as: .poisoned)
                return []
            }
        }
    }
}

extension PoisonQueue.Filter {
    fileprivate func accepts(_ error: any Error, _ context: HandlerContext) -> Bool {
        switch Disposition(of: error).kind {
        // Neither is a fault of the message that somebody has to look at.
        case .hold, .discard: false
        case .poison, .retry: matches(error, context.delivery.trace.isExhausted || !context.route.hasRetry)
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

/// The message as it goes to the poison queue. The first four names are Watermill's.
private func poison(_ message: Message, _ error: any Error, _ context: HandlerContext) -> Message {
    var poisoned = message
    for entry in context.outgoing where poisoned.metadata[entry.name] == nil {
        poisoned.metadata[entry.name] = entry.value
    }
    poisoned.metadata["reason_poisoned"] = "\(error)"
    poisoned.metadata["topic_poisoned"] = context.route.topic.name
    poisoned.metadata["handler_poisoned"] = context.route.name
    poisoned.metadata["subscriber_poisoned"] = context.route.subscriberName
    poisoned.metadata["time_poisoned"] = "\(Timestamp.now().millisecondsSince1970)"
    poisoned.metadata["attempts_poisoned"] = "\(context.delivery.trace.attempts)"
    if let partition = context.origin.partition { poisoned.metadata["partition_poisoned"] = "\(partition)" }
    if let offset = context.origin.offset { poisoned.metadata["offset_poisoned"] = "\(offset)" }
    return poisoned
}
