/// An attempt was not made because another process may have the message by now.
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
    /// - Parameters:
    ///   - duration: how long at most; nil is as long as it takes.
    ///   - ticket: ends the wait when it is granted.
    /// - Throws: ``RevokedError`` when it is not, `CancellationError` when the task is cancelled or the route drains.
    func sleep(for duration: Duration?, until ticket: Ticket? = nil, in lifecycle: RouteLifecycle) async throws {
        var rest = duration
        while rest.map({ $0 > Self.patience }) ?? true {
            try await lifecycle.sleep(for: Self.patience, until: ticket)
            if let ticket, ticket.isGranted { return }
            guard isOurs else { throw RevokedError() }
            rest = rest.map { $0 - Self.patience }
        }
        try await lifecycle.sleep(for: rest, until: ticket)
    }
}
