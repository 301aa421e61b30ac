/// Records Watermill's `handler_execution_time_seconds`: the time of everything inside this middleware, with whether
/// it succeeded. What a route counts of itself needs no middleware.
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
                (isHandled ? succeeded : failed).observe(
                    nanoseconds: time.now.nanoseconds(since: start), correlationID: context.correlationID)
                return produced
            } catch {
                if !context.isInterruption(error) {
                    failed.observe(
                        nanoseconds: time.now.nanoseconds(since: start), correlationID: context.correlationID
                    )
                }
                throw error
            }
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
