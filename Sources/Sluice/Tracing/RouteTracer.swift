import Tracing

/// Makes a route's spans: one for each delivery, and in it one for each attempt. A route of a router without a tracer has none, and
/// its messages take the same path as ever.
///
/// Names and attributes are those of OpenTelemetry's conventions for messaging, with our own under `sluice.`. No payload, no
/// metadata and no text of an error is in them.
final class RouteTracer: Sendable {
    private let tracer: any Tracer
    private let time: RouterTime
    private let deliveryName: String
    private let deliveryAttributes: SpanAttributes
    private let attemptName: String
    private let attemptKind: SpanKind
    private let attemptAttributes: SpanAttributes

    init(_ tracer: any Tracer, _ route: Route, _ destination: Destination, _ time: RouterTime) {
        self.tracer = tracer
        self.time = time
        deliveryName = "process \(route.topic.name)"
        var attributes: SpanAttributes = ["sluice.route": "\(route.name)"]
        attributes["messaging.system"] = route.subscriber.messagingSystem
        attributes["messaging.operation.type"] = "process"
        attributes["messaging.operation.name"] = "process"
        attributes["messaging.destination.name"] = route.topic.name
        attributes["messaging.consumer.group.name"] = route.subscriber.consumerGroup
        deliveryAttributes = attributes

        attributes = ["sluice.route": "\(route.name)"]
        if destination.isNamed {
            attemptName = "attempt \(destination.name)"
            attemptKind = .client
            attributes["sluice.destination"] = destination.name
        } else if let output = route.output {
            attemptName = "send \(output.topic.name)"
            attemptKind = .producer
            attributes["messaging.system"] = output.publisher.messagingSystem
            attributes["messaging.operation.type"] = "send"
            attributes["messaging.operation.name"] = "send"
            attributes["messaging.destination.name"] = output.topic.name
        } else {
            attemptName = "attempt \(route.name)"
            attemptKind = .internal
        }
        attemptAttributes = attributes
    }

    // MARK: Deliveries

    /// The chain, within the delivery's span. The span ends where the delivery does.
    func tracingDeliveries(_ chain: @escaping Handler) -> Handler {
        { message, context in
            let span = self.span(of: context.delivery)
            var context = context
            // For what middlewares publish, such as a poison queue.
            context.outgoing.carry(span.fields)
            return try await ServiceContext.withValue(span.span.context) { try await chain(message, context) }
        }
    }

    /// One that goes through the chain again goes on with its span. One that its source delivers again has a new one, under the
    /// same parent.
    private func span(of delivery: Delivery) -> DeliverySpan {
        if let span = delivery.trace.span { return span }
        let span = tracer.startSpan(
            deliveryName, context: delivery.message.metadata.context(with: tracer), ofKind: .consumer,
            at: SpanTime(time))
        if span.isRecording {
            var attributes = deliveryAttributes
            attributes["messaging.message.id"] = delivery.message.id.description
            attributes["messaging.message.body.size"] = delivery.message.payload.count
            attributes["messaging.destination.partition.id"] = delivery.origin.partition.map { "\($0)" }
            attributes["sluice.delivery"] = delivery.origin.attempt
            attributes["sluice.queue_seconds"] =
                Double(time.now.nanoseconds(since: delivery.arrival)) / 1e9
            if let offset = delivery.origin.offset { attributes["sluice.offset"] = offset }
            span.attributes = attributes
        }
        return delivery.trace.begin(DeliverySpan(span, tracer, time))
    }

    // MARK: Attempts

    /// A route's work, within a span for each attempt. To wait for its turn is no part of it.
    func tracingAttempts(_ work: @escaping Handler, to destination: Destination) -> Handler {
        { message, context in
            if destination.mustAdmit { try await destination.admit(context) }
            guard context.delivery.isOurs else { return try await work(message, context) }
            let delivery = context.delivery.trace.span
            let parent = delivery?.span.context ?? .current ?? .topLevel
            let span = self.tracer.startSpan(
                self.attemptName, context: parent, ofKind: self.attemptKind, at: SpanTime(self.time))
            if span.isRecording {
                var attributes = self.attemptAttributes
                attributes["sluice.attempt"] = context.delivery.trace.attempts.addingSaturated(1)
                span.attributes = attributes
            }
            var context = context
            // What the handler returns gets the attempt's own instead.
            for field in delivery?.fields ?? [:] { context.outgoing[field.name] = nil }
            do {
                let produced = try await ServiceContext.withValue(span.context) { try await work(message, context) }
                self.end(span, AttemptResult.success.rawValue)
                return produced
            } catch {
                self.end(span, failedWith: error, context)
                throw error
            }
        }
    }

    /// A handler whose messages carry its attempt's span, also those that it passes on with the metadata they came with.
    func carryingOn(_ handler: @escaping Handler) -> Handler {
        { message, context in
            var produced = try await handler(message, context)
            guard !produced.isEmpty, let span = ServiceContext.current else { return produced }
            var fields = Metadata()
            fields.inject(span, with: self.tracer)
            for index in produced.indices { produced[index].metadata.carry(fields) }
            return produced
        }
    }

    private func end(_ span: any Tracing.Span, failedWith error: any Error, _ context: HandlerContext) {
        guard !context.isInterruption(error) else { return end(span, "interrupted") }
        let reason = context.timed?.isExpired == true ? "timeout" : Disposition.reason(of: error)
        span.attributes["error.type"] = reason
        span.setStatus(SpanStatus(code: .error, message: reason))
        end(span, AttemptResult(Disposition(of: error)).rawValue)
    }

    private func end(_ span: any Tracing.Span, _ outcome: String) {
        span.attributes["sluice.outcome"] = outcome
        span.end(at: SpanTime(time))
    }
}

extension HandlerContext {
    /// Writes down in the delivery's span what has happened. Costs a look where there is none.
    func trace(_ event: String, _ attributes: @autoclosure () -> SpanAttributes) {
        delivery.trace.span?.note(event, attributes())
    }
}
