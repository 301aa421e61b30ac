public import Sluice

/// What the gateway knows of the world, in the one format that all sources are turned into and all sinks read.
///
/// An enum that consumers switch over: a new kind of event must make every sink decide what it means there.
public enum Event: Sendable, Hashable {
    /// A commit was pushed.
    case commitPushed(CommitPushed)
    /// A commit went live in an environment.
    case commitDeployed(Deployment)
    /// A commit should have gone live in an environment, and did not.
    case deploymentFailed(Deployment)
    /// A service has an incident. A fact: sinks get it that ask for it by name.
    case incidentOpened(Incident)
    /// An incident of a service is over. A fact, too.
    case incidentResolved(Incident)

    /// The kinds of events, as filters and, of what is on the topic of events, the metadata `event_type` name them.
    public enum Kind: String, Sendable, CaseIterable {
        case commitPushed, commitDeployed, deploymentFailed, incidentOpened, incidentResolved

        /// Whether such an event is on the topic of facts, and for those alone that ask for it.
        var isOfFacts: Bool { self == .incidentOpened || self == .incidentResolved }
    }

    public var kind: Kind {
        switch self {
        case .commitPushed: .commitPushed
        case .commitDeployed: .commitDeployed
        case .deploymentFailed: .deploymentFailed
        case .incidentOpened: .incidentOpened
        case .incidentResolved: .incidentResolved
        }
    }

    /// The commit that it is about; the empty text for an incident.
    public var commit: String {
        switch self {
        case .commitPushed(let push): push.id
        case .commitDeployed(let deployment), .deploymentFailed(let deployment): deployment.id
        case .incidentOpened, .incidentResolved: ""
        }
    }

    public var occurredOn: Timestamp {
        switch self {
        case .commitPushed(let push): push.occurredOn
        case .commitDeployed(let deployment), .deploymentFailed(let deployment): deployment.occurredOn
        case .incidentOpened(let incident), .incidentResolved(let incident): incident.occurredOn
        }
    }

    public var repository: String? {
        switch self {
        case .commitPushed(let push): push.repository
        case .commitDeployed(let deployment), .deploymentFailed(let deployment): deployment.repository
        case .incidentOpened, .incidentResolved: nil
        }
    }

    /// What keeps its order: the repository; without one the service, `deployments` or `commits`.
    public var orderingKey: String {
        switch self {
        case .commitPushed(let push):
            push.repository ?? "commits"
        case .commitDeployed(let deployment), .deploymentFailed(let deployment):
            deployment.repository ?? deployment.service ?? "deployments"
        case .incidentOpened(let incident), .incidentResolved(let incident):
            incident.service
        }
    }
}
