import Sluice

/// Acknowledges what the route had settled on the embedded log before the message was moved to Kafka: another gateway
/// may have it now, which knows nothing of that.
struct HandledOnLog: Middleware {
    /// The names of the routes, separated by commas.
    static let key = "handled_on_log"

    /// What it was called there. Default nil: the route's name.
    var group: String?

    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        let name = (group ?? route.name)[...]
        return { message, context in
            if let routes = message.metadata[Self.key], routes.split(separator: ",").contains(name) {
                context.settle(as: .deduplicated)
                return []
            }
            return try await next(message, context)
        }
    }

    /// The message with a note of these routes, where there is room for it.
    static func mark(_ message: Message, _ routes: [String]) -> Message {
        guard !routes.isEmpty else { return message }
        var marked = message
        marked.metadata[key] = routes.joined(separator: ",")
        return MetadataLimits.excess(of: marked.metadata) == nil ? marked : message
    }
}
