import Sluice

/// Acknowledges and counts events of kinds that this version does not know: a newer gateway that runs beside this one,
/// or ran before it, writes them, and they are no fault. A message that names no kind at all is not passed over.
struct KnownEvents: Middleware {
    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        let unknown = route.instruments.counters(.unknownEvents, known: ["other"])
        return { message, context in
            guard let type = message.metadata[Event.typeKey], !type.isEmpty,
                Event.Kind(rawValue: type)?.isOfFacts != false
            else {
                return try await next(message, context)
            }
            unknown.increment(Self.word(type))
            return []
        }
    }

    /// A kind as it may stand in a label; anything else comes from no gateway.
    static func word(_ type: String) -> String {
        let isWord =
            (1...64).contains(type.utf8.count)
            && type.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
        return isWord ? type : "other"
    }
}

extension Metric {
    static let unknownEvents = counter(
        "sluice_unknown_events_total",
        labels: [.handler, Label("event_type", "the kind of event", cap: 20)],
        help: "Events of kinds that this version does not know, acknowledged unread.")
}
