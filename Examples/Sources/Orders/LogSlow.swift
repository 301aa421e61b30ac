import Logging
import Sluice

/// A middleware of one's own: logs messages that took long, with everything that they waited for.
public struct LogSlow: Middleware {
    /// From when on it is long. More than 0; default 1 s.
    public var limit: Duration
    /// Default: notice.
    public var level: Logger.Level

    public init(over limit: Duration = .seconds(1), level: Logger.Level = .notice) {
        self.limit = limit
        self.level = level
    }

    // Once for each route: what is checked or made here costs nothing later.
    public func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        guard limit > .zero else { throw ConfigurationError("LogSlow.limit", expected: "more than 0") }
        let (limit, level, time) = (limit, level, route.time)
        // Once for each message.
        return { message, context in
            let start = time.now
            defer {
                let elapsed = start.duration(to: time.now)
                if elapsed >= limit {
                    context.logger.log(
                        level: level, "message took long",
                        metadata: ["duration": "\(elapsed)", "attempts": "\(context.attempts)"])
                }
            }
            return try await next(message, context)
        }
    }
}
