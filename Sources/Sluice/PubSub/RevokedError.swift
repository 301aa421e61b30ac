/// An attempt was not made because the message may be somebody else's by now.
///
/// No failure: the delivery is dropped unhandled. A middleware that catches errors lets this one through
/// (``HandlerContext/isInterruption(_:)``).
public struct RevokedError: Error, CustomStringConvertible {
    public init() {}

    public var description: String { "the message is not ours any more" }
}

extension Delivery {
    /// How long a wait may go on for a message that is not ours any more.
    private static let patience = Duration.seconds(1)

    /// Waits, and looks every second whether that is still worth it.
    /// - Throws: ``RevokedError`` when it is not, `CancellationError` when the task is cancelled or the route drains.
    func sleep(for duration: Duration, in lifecycle: RouteLifecycle) async throws {
        var rest = duration
        while rest > Self.patience {
            try await lifecycle.sleep(for: Self.patience)
            guard isOurs else { throw RevokedError() }
            rest -= Self.patience
        }
        try await lifecycle.sleep(for: rest)
    }
}
