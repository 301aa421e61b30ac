import Sluice

/// Which of the events a route of a sink delivers. A sink that tells pushes as one reads by two groups, one for them and one
/// for what is urgent; every other reads by one.
enum ReaderPart: Sendable, Hashable {
    case whole
    /// Everything but pushes.
    case urgent
    case pushes
    /// Incidents, which are facts and not events.
    case incidents

    /// The group that reads incidents for a sink, by the sink's own.
    static func factsGroup(of group: String) -> String { group + factsSuffix }

    private static let factsSuffix = "-facts"
    /// The group that reads a sink's pushes, by the sink's own.
    static func pushesGroup(of group: String) -> String { group + suffix }

    /// The sink's group of one that reads pushes, by its name; nil for any other name.
    static func sinksGroup(ofPushes group: String) -> String? {
        group.hasSuffix(suffix) && group.utf8.count > suffix.utf8.count ? String(group.dropLast(suffix.count)) : nil
    }

    private static let suffix = "-pushes"
    /// How long a sink's group may be, so that those for its pushes and for incidents have a name too.
    static let longestGroup = SinkName.longest - suffix.utf8.count

    /// By the kind that the message names: each message belongs to one part, also one that cannot be read.
    static func isPush(_ message: Message) -> Bool {
        message.metadata[Event.typeKey] == Event.Kind.commitPushed.rawValue
    }

    /// - Parameter kind: of an event, as a message names it.
    func contains(_ kind: String) -> Bool {
        switch self {
        case .whole: true
        case .urgent: kind != Event.Kind.commitPushed.rawValue
        case .pushes: kind == Event.Kind.commitPushed.rawValue
        case .incidents: Event.Kind(rawValue: kind)?.isOfFacts == true
        }
    }

    func contains(_ message: Message) -> Bool {
        switch self {
        case .whole: true
        case .urgent: !Self.isPush(message)
        case .pushes: Self.isPush(message)
        case .incidents: message.metadata[Fact.typeKey] == Fact.Kind.incident.rawValue
        }
    }

    /// Which pushes are told as one: those of one webhook that the sink wants. What a webhook has brought shares its
    /// correlation id; a push is of one repository and branch.
    static func joining(_ filter: EventFilter?) -> Joining {
        Joining(
            by: KeySelector { message in
                guard isPush(message), message.metadata[HandledOnLog.key] == nil,
                    let webhook = message.metadata[correlationKey], !webhook.isEmpty,
                    let event = try? Event(message), case .commitPushed(let push) = event,
                    filter?.matches(event) ?? true
                else { return nil }
                return Array("\(webhook)\u{0}\(push.repository ?? "")\u{0}\(push.ref ?? "")".utf8)
            }, maximumCount: SlackMessage.maximumLines)
    }

    /// Which events a sink gets together that takes many at once: those that it wants, each of which is nothing but an event.
    static func gathering(_ filter: EventFilter?) -> Joining {
        Joining(
            by: KeySelector { message in
                guard message.metadata[HandledOnLog.key] == nil, message.metadata[TraceParent.name] == nil,
                    let type = message.metadata[Event.typeKey], let kind = Event.Kind(rawValue: type), !kind.isOfFacts
                else { return nil }
                guard let filter else { return [] }
                return (try? Event(message)).map(filter.matches) == true ? [] : nil
            }, maximumCount: 256, maximumBytes: 1 << 20)
    }

    private static let correlationKey = CorrelationID().name
}

extension ConfiguredSink {
    /// Its groups on the queue, and what each of them reads.
    var readers: [(group: String, part: ReaderPart)] {
        var readers: [(group: String, part: ReaderPart)] =
            options.digests
            ? [(group, .urgent), (ReaderPart.pushesGroup(of: group), .pushes)] : [(group, .whole)]
        if only?.wantsIncidents == true { readers.append((ReaderPart.factsGroup(of: group), .incidents)) }
        return readers
    }

    var groups: [String] { readers.map(\.group) }
}

/// Passes over what another route of the sink delivers. Outside of everything else, which is about the sink's events.
struct OnlyPart: Middleware {
    let part: ReaderPart

    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        guard part != .whole else { return next }
        return { [part] message, context in
            guard part.contains(message) else {
                context.settle(as: .filtered)
                return []
            }
            return try await next(message, context)
        }
    }
}
