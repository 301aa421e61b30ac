import Sluice

/// What the journal keeps of an event's message, so that it is found by its commit, by its incident, and by what ties it to others.
struct JournalMessage: Sendable {
    /// Longer texts are cut.
    static let longestText = 255

    let id: MessageID
    /// The route that took it in.
    let route: Int
    let time: MonotonicTime
    /// The kind of event.
    let kind: String?
    /// What keeps its order, such as the repository.
    let key: String?
    let commit: String?
    /// What ties together all messages that stem from one.
    let correlation: String?
    /// What the sender calls it: the webhook's `X-GitHub-Delivery`, or an incident's id.
    let delivery: String?

    /// - Parameters:
    ///   - message: of an event, as it is on the queue.
    ///   - delivery: of the webhook that it comes from.
    init(_ message: Message, route: Int, at time: MonotonicTime, delivery: String?) {
        id = message.id
        self.route = route
        self.time = time
        let incident = Self.incident(message)
        kind = incident?.kind.rawValue ?? message.metadata[Event.typeKey]
        key = message.metadata[Event.repositoryKey]
        // A fact begins with an id, too, which is no commit's.
        commit = Fact.isFact(message) ? nil : Self.commit(message.payload) ?? (try? Event(message))?.commit
        correlation = message.metadata[CorrelationID().name]
        self.delivery = incident?.incident?.id ?? delivery
    }

    /// Of facts, incidents alone are what sinks are told.
    static func isNoted(_ message: Message) -> Bool {
        !Fact.isFact(message) || message.metadata[Fact.typeKey] == Fact.Kind.incident.rawValue
    }

    private static func incident(_ message: Message) -> Event? {
        guard Fact.isFact(message), isNoted(message) else { return nil }
        return try? Event(message)
    }

    private static let prefix = Array(#"{"id":""#.utf8)

    /// The commit of an event that Sluice has written, whose id is its first member: nothing else has to be read.
    static func commit(_ payload: [UInt8]) -> String? {
        guard payload.starts(with: prefix) else { return nil }
        let digits = payload.dropFirst(prefix.count).prefix(65).prefix { $0 != UInt8(ascii: "\"") }
        guard digits.count >= 4, digits.count <= 64, digits.allSatisfy(isDigit) else { return nil }
        return String(decoding: digits, as: UTF8.self)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") || byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "f")
    }
}

/// Has the journal note the messages of a route.
struct JournalMessages: Middleware {
    enum Place: Sendable {
        /// The route takes events in: what it returns is on the queue.
        case intake
        /// The route delivers events that another gateway may have taken in.
        case sink
    }

    let journal: Journal
    let place: Place

    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        let number = journal.begin(route.name, to: route.destination.name)
        let (journal, time) = (journal, route.time)
        switch place {
        case .intake:
            return { message, context in
                let produced = try await next(message, context)
                if !produced.isEmpty {
                    let delivery = message.metadata[GitHubSource.deliveryKey]
                    let now = time.now
                    for event in produced where JournalMessage.isNoted(event) {
                        journal.note(JournalMessage(event, route: number, at: now, delivery: delivery))
                    }
                }
                return produced
            }
        case .sink:
            return { message, context in
                if context.attempts == 0 {
                    journal.note(JournalMessage(message, route: number, at: time.now, delivery: nil))
                }
                return try await next(message, context)
            }
        }
    }
}
