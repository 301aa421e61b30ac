public import Sluice

extension Event {
    /// The metadata that names the kind of event.
    public static let typeKey = "event_type"
    /// The metadata that names the event's ``orderingKey``.
    public static let repositoryKey = "repository"

    /// The event as it travels: JSON, its kind and its key in the metadata, its identity as the id. An incident travels as a fact.
    public func message() -> Message {
        if let incident { return Fact.incident(incident).message() }
        return Message(
            id: messageID, metadata: [Self.typeKey: kind.rawValue, Self.repositoryKey: orderingKey], payload: payload())
    }

    /// The event of a message, written by any program. What is not known (`repository`, `ref`, `url`, `service`) may be
    /// missing.
    /// - Throws: ``SourceError`` that asks for the poison queue when there is no such event in it. Routes let kinds that
    ///   this version does not know pass before they come here (`KnownEvents`).
    public init(_ message: Message) throws(SourceError) {
        if Fact.isFact(message) {
            guard case .incident(let incident) = try Fact(message), let event = Event(incident) else {
                throw SourceError("the message holds a fact that is no event", reason: "unknown_event_type")
            }
            self = event
            return
        }
        switch try Self.kind(of: message) {
        case .commitPushed: self = try .commitPushed(CommitPushed(payload: message.payload))
        case .commitDeployed: self = try .commitDeployed(Deployment(payload: message.payload))
        case .deploymentFailed: self = try .deploymentFailed(Deployment(payload: message.payload))
        case .incidentOpened, .incidentResolved: throw Self.unknownKind
        }
    }

    private static let unknownKind = SourceError("the message's event_type is not known", reason: "unknown_event_type")

    /// The event of a message as it is written, whatever its fields have.
    /// - Throws: ``SourceError`` when there is no event in it.
    init(unchecked message: Message) throws(SourceError) {
        let kind = try Self.kind(of: message)
        var fields = EventFields()
        try fields.read(message.payload)
        let (id, time) = (fields.id ?? "", try fields.time())
        switch kind {
        case .commitPushed:
            self = .commitPushed(
                CommitPushed(
                    id: id, message: fields.message ?? "", author: fields.author ?? "", occurredOn: time,
                    repository: fields.repository, ref: fields.ref, url: fields.url))
        case .commitDeployed, .deploymentFailed:
            let deployment = Deployment(
                id: id, env: fields.env ?? "", occurredOn: time, service: fields.service,
                repository: fields.repository)
            self = kind == .commitDeployed ? .commitDeployed(deployment) : .deploymentFailed(deployment)
        case .incidentOpened, .incidentResolved: throw Self.unknownKind
        }
    }

    private static func kind(of message: Message) throws(SourceError) -> Kind {
        guard let type = message.metadata[typeKey] else {
            throw SourceError("the message has no event_type", reason: "unknown_event_type")
        }
        guard let kind = Kind(rawValue: type) else { throw unknownKind }
        return kind
    }

    private func payload() -> [UInt8] {
        JSONWriter.object(capacity: 512) { json in
            switch self {
            case .commitPushed(let event):
                json.member("id", event.id)
                json.member("message", event.message)
                json.member("author", event.author)
                json.member("occurred_on", RFC3339.format(event.occurredOn))
                json.member("repository", ifPresent: event.repository)
                json.member("ref", ifPresent: event.ref)
                json.member("url", ifPresent: event.url)
            case .commitDeployed(let event), .deploymentFailed(let event):
                json.member("id", event.id)
                json.member("env", event.env)
                json.member("occurred_on", RFC3339.format(event.occurredOn))
                json.member("service", ifPresent: event.service)
                json.member("repository", ifPresent: event.repository)
            case .incidentOpened, .incidentResolved:
                incident?.write(to: &json)
            }
        }
    }
}

extension CommitPushed {
    fileprivate init(payload: [UInt8]) throws(SourceError) {
        var fields = EventFields()
        try fields.read(payload)
        self.init(
            id: try fields.commit(), message: EventField.message(fields.message ?? ""),
            author: EventField.author(fields.author) ?? "unknown", occurredOn: try fields.time(),
            repository: fields.repository.flatMap(EventField.name), ref: EventField.ref(fields.ref),
            url: EventField.url(fields.url))
    }
}

extension Deployment {
    fileprivate init(payload: [UInt8]) throws(SourceError) {
        var fields = EventFields()
        try fields.read(payload)
        guard let env = fields.env.flatMap(EventField.name) else {
            throw SourceError("the event's env is not 1 to \(EventField.maximumName) bytes of plain text")
        }
        self.init(
            id: try fields.commit(), env: env, occurredOn: try fields.time(),
            service: fields.service.flatMap(EventField.name), repository: fields.repository.flatMap(EventField.name))
    }
}

/// The members of both kinds of events, as they were read.
private struct EventFields {
    var id: String?
    var message: String?
    var author: String?
    var occurredOn: String?
    var repository: String?
    var ref: String?
    var url: String?
    var env: String?
    var service: String?

    mutating func read(_ payload: [UInt8]) throws(SourceError) {
        do {
            try JSONReader.fields(of: payload) { (reader) throws(JSONError) in
                try reader.fieldOrSkip("id", &id)
                try reader.fieldOrSkip("message", &message)
                try reader.fieldOrSkip("author", &author)
                try reader.fieldOrSkip("occurred_on", &occurredOn)
                try reader.fieldOrSkip("repository", &repository)
                try reader.fieldOrSkip("ref", &ref)
                try reader.fieldOrSkip("url", &url)
                try reader.fieldOrSkip("env", &env)
                try reader.fieldOrSkip("service", &service)
            }
        } catch {
            throw SourceError("the event is not valid JSON: \(error)")
        }
    }

    func commit() throws(SourceError) -> String {
        guard let commit = id.flatMap(EventField.commit) else {
            throw SourceError("the event's id is not a commit's hash (4 to 64 hexadecimal digits)")
        }
        return commit
    }

    func time() throws(SourceError) -> Timestamp {
        guard let time = occurredOn.flatMap(RFC3339.parse) else {
            throw SourceError("the event's occurred_on is not an RFC 3339 time")
        }
        return time
    }
}
