import Sluice

// What is taken in must be what sinks can read later: a sender can be told of a fault, the queue cannot.

extension Event {
    /// The event as it travels: the hash in lowercase, an author and a commit's message that are too long cut, as their
    /// properties say.
    /// - Throws: ``SourceError`` that names the field which has what it cannot have.
    func checked() throws(SourceError) -> Event {
        switch self {
        case .commitPushed(let push): .commitPushed(try push.checked())
        case .commitDeployed(let deployment): .commitDeployed(try deployment.checked())
        case .deploymentFailed(let deployment): .deploymentFailed(try deployment.checked())
        case .incidentOpened(let incident): .incidentOpened(try incident.checked())
        case .incidentResolved(let incident): .incidentResolved(try incident.checked())
        }
    }

    /// Looks whether a message holds an event, all of whose fields can be kept as they are.
    /// - Throws: ``SourceError`` that names what is wrong.
    static func check(_ message: Message) throws(SourceError) {
        if let excess = MetadataLimits.excess(of: message.metadata) {
            throw SourceError("\(excess)", reason: excess.reason)
        }
        _ = try Event(unchecked: message).checked()
    }
}

extension CommitPushed {
    fileprivate func checked() throws(SourceError) -> CommitPushed {
        CommitPushed(
            id: try EventCheck.commit(id), message: EventField.message(message),
            author: EventField.author(author) ?? "unknown", occurredOn: try EventCheck.time(occurredOn),
            repository: try EventCheck.optional(repository, "repository", EventCheck.plainText, EventField.name),
            ref: try EventCheck.optional(
                ref, "ref", "at most \(EventField.maximumRef) bytes of plain text", EventField.ref),
            url: try EventCheck.optional(
                url, "url", "an http or https address of at most \(EventField.maximumURL) characters", EventField.url))
    }
}

extension Deployment {
    fileprivate func checked() throws(SourceError) -> Deployment {
        guard let env = EventField.name(env) else { throw EventCheck.error("env", EventCheck.plainText) }
        return Deployment(
            id: try EventCheck.commit(id), env: env, occurredOn: try EventCheck.time(occurredOn),
            service: try EventCheck.optional(service, "service", EventCheck.plainText, EventField.name),
            repository: try EventCheck.optional(repository, "repository", EventCheck.plainText, EventField.name))
    }
}

extension Incident {
    fileprivate func checked() throws(SourceError) -> Incident {
        guard EventField.identifier(id) != nil else { throw EventCheck.error("id", EventCheck.plainText) }
        guard EventField.name(service) != nil else { throw EventCheck.error("service", EventCheck.plainText) }
        return Incident(
            id: id, service: service, openedAt: openedAt, occurredOn: try EventCheck.time(occurredOn))
    }
}

/// What the fields of events are refused with.
enum EventCheck {
    static let plainText = "1 to \(EventField.maximumName) bytes of plain text"

    static func error(_ field: String, _ expected: String) -> SourceError {
        SourceError("the event's \(field) is not \(expected)", reason: "malformed_event")
    }

    static func commit(_ text: String) throws(SourceError) -> String {
        guard let commit = EventField.commit(text) else {
            throw error("id", "a commit's hash (4 to 64 hexadecimal digits)")
        }
        return commit
    }

    static func time(_ time: Timestamp) throws(SourceError) -> Timestamp {
        guard RFC3339.range.contains(time.millisecondsSince1970) else {
            throw error("occurred_on", "in the years 1 to 9999")
        }
        return time
    }

    /// Nothing at all, and the empty text, are what the source did not say.
    static func optional(
        _ text: String?, _ field: String, _ expected: String, _ rule: (String) -> String?
    ) throws(SourceError) -> String? {
        guard let text, !text.isEmpty else { return nil }
        guard let kept = rule(text) else { throw error(field, expected) }
        return kept
    }
}
