public import Sluice

/// A service's incident, as sinks are told of it that ask for such events (``EventFilter``).
public struct Incident: Sendable, Hashable {
    /// What its source calls it; 1 to 255 bytes without control characters.
    public var id: String
    /// 1 to 255 bytes without control characters.
    public var service: String
    /// When it was opened; nil at its end where that was not heard of.
    public var openedAt: Timestamp?
    /// When it was opened, or at its end when it was over; in the years 1 to 9999.
    public var occurredOn: Timestamp

    public init(id: String, service: String, openedAt: Timestamp?, occurredOn: Timestamp) {
        self.id = id
        self.service = service
        self.openedAt = openedAt
        self.occurredOn = occurredOn
    }

    /// For how long it was open, where that is known.
    var duration: Duration? {
        openedAt.flatMap { $0 < occurredOn ? .milliseconds(occurredOn.milliseconds(since: $0)) : nil }
    }
}

extension Event {
    /// What a fact tells sinks; nil where that is nothing.
    init?(_ incident: IncidentFact) {
        if let resolved = incident.resolvedAt {
            self = .incidentResolved(
                Incident(
                    id: incident.id, service: incident.service, openedAt: incident.openedAt, occurredOn: resolved))
        } else if let opened = incident.openedAt {
            self = .incidentOpened(
                Incident(id: incident.id, service: incident.service, openedAt: opened, occurredOn: opened))
        } else {
            return nil
        }
    }

    /// The fact that is told so; nil for what is on the topic of events.
    var incident: IncidentFact? {
        switch self {
        case .commitPushed, .commitDeployed, .deploymentFailed: nil
        case .incidentOpened(let incident):
            IncidentFact(id: incident.id, service: incident.service, openedAt: incident.occurredOn, resolvedAt: nil)
        case .incidentResolved(let incident):
            IncidentFact(
                id: incident.id, service: incident.service, openedAt: incident.openedAt, resolvedAt: incident.occurredOn
            )
        }
    }
}
