public import Sluice

/// Which messages of the poison queue a command is about: those that have everything that is set.
public struct PoisonFilter: Sendable, Equatable {
    /// Keys of causes, or their beginnings.
    public var causes: [String] = []
    /// A sink, a source's route, or any other route.
    public var route: String?
    /// Poisoned at this time or later.
    public var since: Timestamp?
    /// Poisoned before this time.
    public var until: Timestamp?
    /// A kind of event.
    public var event: String?
    /// Ids of messages, or their offsets in the poison queue.
    public var ids: [String] = []

    public init() {}

    /// Whether it leaves nothing out.
    public var isEmpty: Bool { self == PoisonFilter() }

    func matches(_ message: PoisonedMessage) -> Bool {
        (causes.isEmpty || causes.contains { message.cause.key.hasPrefix($0.lowercased()) })
            && (route.map { Self.isRoute(message.route, of: $0) } ?? true)
            && (since.map { message.poisonedAt >= $0 } ?? true) && (until.map { message.poisonedAt < $0 } ?? true)
            && (event.map { message.event == $0 } ?? true)
            && (ids.isEmpty || ids.contains(message.id) || ids.contains(message.place))
    }

    /// A sink is known by its own name too.
    private static func isRoute(_ route: String, of name: String) -> Bool {
        let group = ConfiguredSink.group(name)
        return route == name || route == group || route == ReaderPart.pushesGroup(of: group)
            || route == "\(name)-to-log"
    }

    // MARK: As a request has it

    private static let separator: Character = "\n"

    var arguments: [String: String] {
        var arguments: [String: String] = [:]
        if !causes.isEmpty { arguments["causes"] = causes.joined(separator: "\n") }
        if !ids.isEmpty { arguments["ids"] = ids.joined(separator: "\n") }
        arguments["route"] = route
        arguments["event"] = event
        arguments["since"] = since.map { "\($0.millisecondsSince1970)" }
        arguments["until"] = until.map { "\($0.millisecondsSince1970)" }
        return arguments
    }

    init(arguments: [String: String]) throws(ControlFailure) {
        func time(_ name: String) throws(ControlFailure) -> Timestamp? {
            guard let text = arguments[name] else { return nil }
            guard let number = Int64(text) else { throw ControlFailure(.invalid, "\(name): expected a time") }
            return Timestamp(millisecondsSince1970: number)
        }
        causes = arguments["causes"]?.split(separator: Self.separator).map(String.init) ?? []
        ids = arguments["ids"]?.split(separator: Self.separator).map(String.init) ?? []
        route = arguments["route"]
        event = arguments["event"]
        since = try time("since")
        until = try time("until")
    }
}
