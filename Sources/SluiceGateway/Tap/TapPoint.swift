import Sluice

/// Shows each delivery of a sink's route to those who watch. Inside of what decodes the event, around everything that may pass
/// over it, deliver it or fail.
struct TapPoint: Middleware {
    let board: TapBoard
    let sink: String

    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        { [board, sink] message, context in
            guard board.isWatched else { return try await next(message, context) }
            let start = context.route.time.now
            func note(_ outcome: String, reason: String? = nil) {
                // What is no event is shown by the poison queue. Of what is delivered as one, each.
                for message in context.isJoined ? context.messages : [message] {
                    let event = context.isJoined ? try? Event(message) : try? EventInHand.current?.event()
                    guard let event else { continue }
                    board.note(
                        sink, message, event, outcome, reason: reason, attempts: context.delivery.trace.attempts,
                        start.duration(to: context.route.time.now))
                }
            }
            do {
                let output = try await next(message, context)
                note(context.outcome.rawValue)
                return output
            } catch {
                note(Self.word(error), reason: Disposition.reason(of: error))
                throw error
            }
        }
    }

    /// What becomes of a delivery that has failed.
    private static func word(_ error: any Error) -> String {
        switch Disposition(of: error).kind {
        case .poison: "poisoned"
        case .discard: "discarded"
        case .hold: "held"
        case .throttled: "throttled"
        default: error is CancellationError ? "interrupted" : "failed"
        }
    }
}
