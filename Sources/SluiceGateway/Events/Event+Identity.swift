public import Sluice

extension Event {
    /// The id of the event's message, made of what the event is about, so that a program that reports the same thing twice
    /// (a redelivered webhook, a commit that reaches a second branch) makes the same id.
    ///
    /// A UUIDv8 (RFC 9562, section 5.8) of a SHA-256. A push is its repository and commit; a deployment its
    /// repository, service, environment, commit and time; an incident its service, id and times.
    public var messageID: MessageID {
        switch self {
        case .commitPushed(let event):
            MessageID(hashOf: "sluice/commitPushed/1", event.repository ?? "", event.id)
        case .commitDeployed(let event), .deploymentFailed(let event):
            MessageID(
                hashOf: "sluice/\(kind.rawValue)/1", event.repository ?? "", event.service ?? "", event.env, event.id,
                String(event.occurredOn.millisecondsSince1970))
        case .incidentOpened(let event), .incidentResolved(let event):
            incident.map { Fact.incident($0).messageID } ?? MessageID(hashOf: event.service, event.id)
        }
    }
}
