package import Sluice

extension Fact {
    /// The metadata that names the kind of fact.
    package static let typeKey = "fact_type"
    /// The metadata that names the event by which sinks are told the same, where there is one.
    package static let eventKey = "event_id"
    /// What a fact's message holds at most: less than what Kafka takes by default, with its metadata.
    package static let maximumBytes = 786_432

    /// The fact as it travels: JSON, its kind and its key in the metadata, its identity as the id. A push that is larger than
    /// a message may be loses its oldest commits, and says so.
    /// - Parameter event: the id of the event by which sinks are told the same.
    package func message(event: MessageID? = nil) -> Message {
        let fact = bounded
        var message = Message(
            id: fact.messageID, metadata: [Self.typeKey: kind.rawValue, Event.repositoryKey: orderingKey],
            payload: fact.payload)
        if let event { message.metadata[Self.eventKey] = event.description }
        return message
    }

    /// The fact as it travels beside events that tell sinks of the same.
    func message(of events: [Event]) -> Message {
        // Of pushes the commits themselves say that.
        if case .deployment = self { message(event: events.first?.messageID) } else { message() }
    }

    /// Whether a message says that it is a fact.
    static func isFact(_ message: Message) -> Bool { message.metadata[typeKey] != nil }

    /// What keeps its order: the repository, or the service.
    package var orderingKey: String {
        let key =
            switch self {
            case .push(let push): push.repository
            case .deployment(let deployment): deployment.repository ?? deployment.service
            case .incident(let incident): incident.service
            }
        return key.isEmpty ? kind.rawValue : key
    }

    private var bounded: Fact {
        guard case .push(let push) = self else { return self }
        return .push(push.bounded(toBytes: Self.maximumBytes))
    }

    private var payload: [UInt8] {
        JSONWriter.object(capacity: 512) { json in
            switch self {
            case .push(let push): push.write(to: &json)
            case .deployment(let deployment): deployment.write(to: &json)
            case .incident(let incident): incident.write(to: &json)
            }
        }
    }

    /// The fact of a message.
    /// - Throws: ``SourceError`` that asks for the poison queue when there is no such fact in it. Readers let kinds that this
    ///   version does not know pass before they come here (``KnownFacts``).
    package init(_ message: Message) throws(SourceError) {
        guard let type = message.metadata[Self.typeKey] else {
            throw SourceError("the message has no fact_type", reason: "unknown_fact_type")
        }
        guard let kind = Kind(rawValue: type) else {
            throw SourceError("the message's fact_type is not known", reason: "unknown_fact_type")
        }
        do {
            self = try JSONReader.read(message.payload) { (reader) throws(JSONError) -> Result<Fact, SourceError> in
                switch kind {
                case .push: try PushFact.read(&reader).map { .push($0) }
                case .deployment: try DeploymentFact.read(&reader).map { .deployment($0) }
                case .incident: try IncidentFact.read(&reader).map { .incident($0) }
                }
            }.get()
        } catch let error as SourceError {
            throw error
        } catch {
            throw SourceError("the fact is not valid JSON: \(error)", reason: Self.malformed)
        }
    }

    static let malformed = "malformed_fact"

    static func missing(_ member: String, _ expected: String) -> SourceError {
        SourceError("the fact's \(member) is not \(expected)", reason: malformed)
    }
}
