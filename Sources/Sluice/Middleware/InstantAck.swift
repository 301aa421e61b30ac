import Logging

/// Acknowledges each message before it is handled: at most once, on purpose. For what is worthless when it is late, such as a
/// cursor's position, or what must not happen twice, whatever is lost.
///
/// ```swift
/// // What the sensor said is true now or never.
/// Route("dim", from: sensors, "brightness", middlewares: [InstantAck()]) { message, _ in try await lamp.set(message) }
/// ```
///
/// The source never delivers it again: a failure, a shutdown in the middle, and a crash lose the message. The first two are
/// counted (`sluice_instant_ack_failures_total`) and logged, and the delivery's outcome is `discarded`; of a crash nothing
/// can tell. An HTTP request is answered at once.
///
/// It stands first. What is inside of it may still try again, in this process and with its worker (``Retry``), or keep what
/// fails (``PoisonQueue``). A source that waits for acknowledgements before it delivers more delivers at once, so that what
/// waits inside of it is bounded by the route's ordering alone.
public struct InstantAck: Middleware {
    public init() {}

    public func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        let failures = route.instruments.counters(.instantAckFailures, [route.label], known: ["other"])
        return { message, context in
            guard context.delivery.acknowledgeEarly() else {
                // Another middleware has called again: once is at most.
                if context.delivery.isAcknowledgedEarly { return [] }
                throw RevokedError()
            }
            var inside = context
            // The source has let go of it, and a route that drains must not take it for given back.
            inside.isKept = false
            do {
                return try await next(message, inside)
            } catch {
                let reason = context.isInterruption(error) ? "interrupted" : Disposition.reason(of: error)
                failures.increment(reason)
                context.settle(as: .discarded)
                context.logger.log(
                    level: context.delivery.trace.isLogged ? .debug : .warning,
                    "a message that was acknowledged before has failed; it is lost",
                    metadata: [
                        "error": "\(error)", "reason": "\(reason)", "topic": "\(route.topic)",
                        "attempts": "\(context.delivery.trace.attempts)",
                    ])
                return []
            }
        }
    }
}

extension Metric {
    static let instantAckArea = Area(
        "At most once", "For routes with the middleware InstantAck.", [instantAckFailures])

    public static let instantAckFailures = counter(
        "sluice_instant_ack_failures_total",
        labels: [.handler, .reason],
        help:
            "Messages that InstantAck had acknowledged when they failed, by the error, or `interrupted` by a shutdown: they are lost."
    )
}
