import Sluice

/// Passes over the events that a sink does not want. Outside of the deduplicator: what a sink never got is no event that it
/// has had, and comes through when the filter is changed and the event is sent once more.
struct OnlyWanted: Middleware {
    let filter: EventFilter

    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        { [filter] message, context in
            // What is no event goes on: the sink says what is wrong with it.
            if let event = try? EventInHand.current?.event(), !filter.matches(event) {
                context.settle(as: .filtered)
                return []
            }
            return try await next(message, context)
        }
    }
}
