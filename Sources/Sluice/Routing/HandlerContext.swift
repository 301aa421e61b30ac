public import Logging

/// What a handler knows beside the message. A value: a middleware changes its copy and passes that on.
public struct HandlerContext: Sendable {
    /// The route that the message runs through.
    public let route: RouteScope
    /// Counts the attempts within one pass through the chain, from 1.
    public package(set) var attempt: Int
    /// Ties together all messages that stem from one; set by ``CorrelationID``.
    public var correlationID: String?
    /// Set on every message that the handler returns, where it does not have the name already.
    public var outgoing: Metadata

    package let delivery: Delivery
    /// The attempt with a deadline that this runs in; nil outside of ``Timeout``.
    var timed: TimedAttempt?

    init(route: RouteScope, delivery: Delivery) {
        self.route = route
        self.delivery = delivery
        attempt = 1
        correlationID = nil
        outgoing = Metadata()
    }

    /// What the broker knows of the message.
    public var origin: Delivery.Origin { delivery.origin }

    /// The route's logger, with the message's id and correlation id in its metadata. Made anew at each use.
    public var logger: Logger {
        var logger = route.logger
        logger[metadataKey: "message_id"] = .stringConvertible(delivery.message.id)
        if let correlationID { logger[metadataKey: "correlation_id"] = .string(correlationID) }
        return logger
    }

    /// Waits, and ends early by throwing `CancellationError` when the task is cancelled or the route begins to drain.
    public func sleep(for duration: Duration) async throws {
        try await route.lifecycle.sleep(for: duration)
    }

    /// Whether `error` only says that the route is being shut down: such a message is given back, never poisoned, and
    /// never counted as failed. An attempt that ``Timeout`` cancelled has failed and was not interrupted.
    public func isInterruption(_ error: any Error) -> Bool {
        (Task.isCancelled && timed?.isExpired != true) || (error is CancellationError && route.lifecycle.isDraining)
    }

    /// Says how the delivery ends when the chain returns; ``DeliveryOutcome/acked`` unless said otherwise.
    public func settle(as outcome: DeliveryOutcome) {
        delivery.trace.setOutcome(outcome)
    }

    /// Waits like ``sleep(for:)`` and books the time to a stage.
    package func wait(for duration: Duration, booking stage: DeliveryTrace.BookedStage) async throws {
        let start = MonotonicTime.now()
        defer { delivery.trace.book(MonotonicTime.now().nanoseconds(since: start), to: stage) }
        try await route.lifecycle.sleep(for: duration)
    }
}
