public import Logging

/// Writes one line a message: what became of it, how often it was tried, how long it took. Never its payload.
///
/// ```swift
/// let router = Router(middlewares: [LogMessages(), PoisonQueue(to: log.publisher(), "poison"), Retry()])
/// ```
public struct LogMessages: Middleware {
    /// The level for messages that were handled. Default debug.
    public var success: Logger.Level = .debug
    /// The level for messages that failed. Default warning.
    public var failure: Logger.Level = .warning

    public init() {}

    public func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        let (success, failure) = (success, failure)
        return { message, context in
            let start = route.time.now
            do {
                let produced = try await next(message, context)
                if route.logger.logLevel <= success {
                    log(
                        context, success, "message handled", since: start,
                        outcome: context.delivery.trace.outcome.rawValue)
                }
                return produced
            } catch {
                if route.logger.logLevel <= failure, !context.isInterruption(error) {
                    log(context, failure, "message failed", since: start, outcome: "failed", error: error)
                    context.delivery.trace.isLogged = true
                }
                throw error
            }
        }
    }
}

private func log(
    _ context: HandlerContext, _ level: Logger.Level, _ text: Logger.Message, since start: MonotonicTime,
    outcome: String, error: (any Error)? = nil
) {
    var metadata: Logger.Metadata = [
        "topic": "\(context.route.topic)",
        "attempts": "\(context.delivery.trace.attempts)",
        "duration_seconds": "\(Double(context.route.time.now.nanoseconds(since: start)) / 1e9)",
        "outcome": "\(outcome)",
    ]
    if let error {
        metadata["error"] = "\(error)"
        metadata["reason"] = "\(Disposition.reason(of: error))"
    }
    context.logger.log(level: level, text, metadata: metadata)
}
