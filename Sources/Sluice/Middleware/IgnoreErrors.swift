import Logging

/// Acknowledges messages that fail with errors that are none here, such as "it is there already", and counts them.
///
/// ```swift
/// IgnoreErrors(AlreadyBooked.self)
/// IgnoreErrors { ($0 as? WarehouseError)?.code == .gone }
/// ```
///
/// The delivery's outcome is `discarded`, and nothing is published. What is no failure of the message is never ignored,
/// whatever is listed: an interruption (``HandlerContext/isInterruption(_:)``), a cancellation, a hold, and an answer that asks to
/// slow down.
///
/// Inside of ``Retry`` it ignores the first such error; outside of it, what Retry has given up.
public struct IgnoreErrors: Middleware {
    /// Whether an error is ignored.
    public var isIgnored: @Sendable (any Error) -> Bool

    /// Ignores what this holds for.
    public init(_ isIgnored: @escaping @Sendable (any Error) -> Bool) {
        self.isIgnored = isIgnored
    }

    /// Ignores errors of these types.
    public init(_ type: any Error.Type, _ more: any Error.Type...) {
        let ids = Set(([type] + more).map { ObjectIdentifier($0) })
        isIgnored = { ids.contains(ObjectIdentifier(Swift.type(of: $0))) }
    }

    /// Ignores errors with these reasons, such as `http_404`: what the label `reason` shows of them
    /// (``DispositionError/reason``, else the name of the type).
    public init(reasons reason: String, _ more: String...) {
        let reasons = Set([reason] + more)
        isIgnored = { reasons.contains(Disposition.reason(of: $0)) }
    }

    public func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        let isIgnored = isIgnored
        let ignored = route.instruments.counters(.ignoredErrors, [route.label], known: ["other"])
        return { message, context in
            do {
                return try await next(message, context)
            } catch {
                guard Self.mayIgnore(error, context), isIgnored(error) else { throw error }
                ignored.increment(Disposition.reason(of: error))
                context.settle(as: .discarded)
                context.logger.debug("error ignored", metadata: ["error": "\(error)"])
                return []
            }
        }
    }

    private static func mayIgnore(_ error: any Error, _ context: HandlerContext) -> Bool {
        guard !context.isInterruption(error), !(error is CancellationError) else { return false }
        return switch AttemptResult(Disposition(of: error)) {
        case .throttled, .held: false
        case .failure, .refused, .success: true
        }
    }
}

extension Metric {
    static let ignoreErrorsArea = Area(
        "Ignored errors", "For routes with the middleware IgnoreErrors.", [ignoredErrors])

    public static let ignoredErrors = counter(
        "sluice_ignored_errors_total",
        labels: [.handler, .reason],
        help: "Messages acknowledged although they failed, by the error that IgnoreErrors ignored.")
}
