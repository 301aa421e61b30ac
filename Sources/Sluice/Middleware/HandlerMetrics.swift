/// Records Watermill's `handler_execution_time_seconds`: the time of everything inside this middleware, with whether
/// it succeeded. What a route counts of itself needs no middleware.
///
/// ```swift
/// let router = Router(middlewares: [HandlerMetrics(), Retry()])
/// ```
///
/// What a ``PoisonQueue`` inside of it has moved did not succeed, nor what was discarded: the order of the two makes no
/// difference.
public struct HandlerMetrics: Middleware {
    public init() {}

    public func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        let succeeded = route.instruments.histogram(.handlerExecutionTime, [route.label, ("success", "true")])
        let failed = route.instruments.histogram(.handlerExecutionTime, [route.label, ("success", "false")])
        let time = route.time
        return { message, context in
            let start = time.now
            do {
                let produced = try await next(message, context)
                let isHandled = context.outcome != .poisoned && context.outcome != .discarded
                Self.observe(time.now.nanoseconds(since: start), in: isHandled ? succeeded : failed, context)
                return produced
            } catch {
                if !context.isInterruption(error) {
                    Self.observe(time.now.nanoseconds(since: start), in: failed, context)
                }
                throw error
            }
        }
    }

    /// A trace says more of the message than its correlation id.
    private static func observe(_ nanoseconds: UInt64, in histogram: HistogramHandle, _ context: HandlerContext) {
        if let traceID = context.delivery.trace.span?.traceID {
            histogram.observe(nanoseconds: nanoseconds, traceID: traceID)
        } else {
            histogram.observe(nanoseconds: nanoseconds, correlationID: context.correlationID)
        }
    }
}

extension Metric {
    public static let handlerExecutionTime = histogram(
        "handler_execution_time_seconds",
        labels: [.handler, .success],
        buckets: Buckets.handler,
        help: "Time spent in everything inside the HandlerMetrics middleware.")
}
