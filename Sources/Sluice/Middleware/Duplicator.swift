/// Handles each message twice, to test that a handler and everything behind it can take what is delivered twice.
///
/// ```swift
/// // In tests, or in staging:
/// Router(middlewares: [Retry(), Duplicator()])
/// ```
///
/// The second time begins when the first has succeeded, its publish included, and what both times return is published, as
/// after a crash before the acknowledgement. A failure of either fails the message.
///
/// It stands inside of ``Retry`` and ``Timeout``, so that both times are one attempt, and inside of a ``Deduplicator``, which would
/// recognise the second one. The destination gets, and counts, two attempts for each message.
public struct Duplicator: Middleware {
    public init() {}

    public func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        { message, context in
            let first = try await next(message, context)
            return first + (try await next(message, context))
        }
    }
}
