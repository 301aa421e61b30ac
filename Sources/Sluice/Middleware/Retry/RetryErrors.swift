/// A message waits long for its next attempt and frees its worker meanwhile: the route keeps it and goes on with it when it
/// is due.
///
/// No failure: a middleware that catches errors lets this one through (``HandlerContext/isInterruption(_:)``).
struct HandedBackError: DispositionError, CustomStringConvertible {
    let wait: RetryWait

    var disposition: Disposition { .retry() }
    var reason: String { wait.reason }
    var description: String { "\(wait.error); it is tried again" }
}

/// A message has used up its attempts, and the policy says that this makes it a poison message
/// (``Retry/Exhaustion/poison``).
public struct ExhaustedError: DispositionError, CustomStringConvertible {
    /// How the last attempt failed.
    public let underlying: any Error

    public init(_ underlying: any Error) {
        self.underlying = underlying
    }

    public var disposition: Disposition { .poison(reason) }
    public var reason: String { Disposition.reason(of: underlying) }
    public var description: String { "attempts are used up: \(underlying)" }
}
