public import Logging
import Tracing

/// What a handler knows beside the message. A value: a middleware changes its copy and passes that on.
///
/// ```swift
/// let handler: Handler = { message, context in
///     context.logger.info("a message", metadata: ["id": "\(message.id)"])
///     try await context.sleep(for: .milliseconds(100))
///     return [message]
/// }
/// ```
public struct HandlerContext: Sendable {
    /// The route that the message runs through.
    public let route: RouteScope
    /// Counts the message's attempts under ``Retry``, from 1: also over passes through the chain, throttled ones aside.
    public package(set) var attempt: Int
    /// Ties together all messages that stem from one; set by ``CorrelationID``.
    public var correlationID: String?
    /// Set on every message that the handler returns, where it does not have the name already.
    public var outgoing: Metadata

    package let delivery: Delivery
    /// The attempt with a deadline that this runs in; nil outside of ``Timeout``.
    var timed: TimedAttempt?
    /// Whether the route keeps the message when it is rejected, and delivers it again itself.
    package internal(set) var isKept: Bool
    /// Whether the route keeps it without a worker while it waits for its next attempt, also where it goes back when it is
    /// rejected.
    private let rests: Bool
    /// What the message has waited for without a worker since its last pass through the chain.
    let handedBack: RetryWait?

    package init(route: RouteScope, delivery: Delivery, isKept: Bool = false) {
        self.init(route: route, delivery: delivery, isKept ? .everything : .nothing, handedBack: nil)
    }

    init(route: RouteScope, delivery: Delivery, _ keeping: DeliveryProcessor.Keeping, handedBack: RetryWait?) {
        self.route = route
        self.delivery = delivery
        isKept = keeping == .everything
        rests = keeping == .waits
        self.handedBack = handedBack
        attempt = delivery.trace.nextAttempt
        correlationID = nil
        outgoing = Metadata()
    }

    /// Whether a message that waits for long may free its worker: its route keeps it meanwhile, or its source does, where
    /// others may pass it. One that was acknowledged before has nowhere to go.
    var canHandBack: Bool {
        (isKept || rests || !route.isOrdered && delivery.keepsProgress) && !delivery.isAcknowledgedEarly
    }

    /// The message as it was delivered, whatever a middleware has made of it since.
    public var message: Message { delivery.message }

    /// What the broker knows of the message.
    public var origin: Delivery.Origin { delivery.origin }

    /// The route's logger, with the message's id and correlation id in its metadata. Made anew at each use.
    public var logger: Logger {
        var logger = route.logger
        logger[metadataKey: "message_id"] = .stringConvertible(delivery.message.id)
        if let correlationID { logger[metadataKey: "correlation_id"] = .string(correlationID) }
        if let traceID = delivery.trace.span?.traceID { logger[metadataKey: "trace_id"] = .string(traceID) }
        return logger
    }

    /// Whether the message may be another reader's by now: its partition was revoked, its lease has run out, its
    /// connection is gone. The route attempts nothing more then; a handler that takes long may ask too.
    public var isRevoked: Bool { !delivery.isOurs }

    /// Waits, and ends early by throwing when the task is cancelled or the route begins to drain (`CancellationError`),
    /// and within a second when the message is not ours any more (``RevokedError``).
    public func sleep(for duration: Duration) async throws {
        try await delivery.sleep(for: duration, in: route.lifecycle)
    }

    /// Whether `error` is no failure of the message: the route is being shut down, and the message is given back; or it
    /// waits for its next attempt without a worker; or it is not ours any more, and is dropped. It is never poisoned then, never tried again, and never counted as
    /// failed. An attempt that ``Timeout`` cancelled has failed and was not interrupted.
    public func isInterruption(_ error: any Error) -> Bool {
        (Task.isCancelled && timed?.isExpired != true) || (error is CancellationError && route.lifecycle.isDraining)
            || error is RevokedError || error is HandedBackError || isRevoked
    }

    /// Says how the delivery ends when the chain returns; ``DeliveryOutcome/acked`` unless said otherwise.
    public func settle(as outcome: DeliveryOutcome) {
        delivery.trace.setOutcome(outcome)
    }

    /// How often the handler was called for the message so far, over all its passes through the chain, throttled and held
    /// attempts included. 0 before the first.
    public var attempts: Int { delivery.trace.attempts }

    /// How the delivery ends when the chain returns: what ``settle(as:)`` said.
    public var outcome: DeliveryOutcome { delivery.trace.outcome }

    /// Waits like ``sleep(for:)``, and on while the route is paused, and books the time to a stage of
    /// `sluice_delivery_stage_seconds`, so that it does not count as the handler's.
    ///
    /// ```swift
    /// try await context.wait(for: .seconds(2), booking: .throttle)
    /// ```
    /// - Returns: how much longer than `duration` a pause of the route made it.
    /// - Throws: as ``sleep(for:)``.
    @discardableResult
    public func wait(for duration: Duration, booking stage: WaitStage) async throws -> Duration {
        try await wait(for: duration, until: nil, booking: stage)
    }

    /// - Parameters:
    ///   - duration: nil is as long as it takes.
    ///   - ticket: ends the wait when it is granted.
    ///   - onEnd: called when the wait has ended, before a pause of the route.
    @discardableResult
    func wait(
        for duration: Duration?, until ticket: Ticket?, booking stage: WaitStage, onEnd: () -> Void = {}
    ) async throws -> Duration {
        let start = route.time.now
        defer {
            let waited = route.time.now.nanoseconds(since: start)
            delivery.trace.book(waited, to: stage.booked)
            trace("wait", ["sluice.stage": "\(stage.booked)", "sluice.wait_seconds": .double(Double(waited) / 1e9)])
        }
        // Until its next attempt another message finds out whether the destination works again.
        if stage == .backoff { route.destination.returnProbe(of: delivery) }
        route.lifecycle.rest()
        do {
            try await delivery.sleep(for: duration, until: ticket, in: route.lifecycle)
        } catch {
            route.lifecycle.setOutUnasked()
            throw error
        }
        onEnd()
        if route.lifecycle.setOut() { return .zero }
        // So does one of another route while this one is paused.
        route.destination.returnProbe(of: delivery)
        route.destination.precedence.release(delivery)
        let pause = route.time.now
        do {
            try await route.lifecycle.setOut(delivery)
        } catch {
            route.lifecycle.setOutUnasked()
            throw error
        }
        return .nanoseconds(Int64(clamping: route.time.now.nanoseconds(since: pause)))
    }
}
