public import Sluice

/// What the gateway knows of the world, in the one format that all sources are turned into and all sinks read.
///
/// An enum that consumers switch over: a new kind of event must make every sink decide what it means there.
public enum Event: Sendable, Hashable {
    /// Somebody pushed a commit.
    case commitPushed(CommitPushed)
    /// A commit went live in an environment.
    case commitDeployed(Deployment)
    /// A commit should have gone live in an environment, and did not.
    case deploymentFailed(Deployment)

    /// The kinds of events, as the metadata `event_type` names them.
    public enum Kind: String, Sendable, CaseIterable {
        case commitPushed, commitDeployed, deploymentFailed
    }

    public var kind: Kind {
        switch self {
        case .commitPushed: .commitPushed
        case .commitDeployed: .commitDeployed
        case .deploymentFailed: .deploymentFailed
        }
    }

    /// The commit that it is about.
    public var commit: String {
        switch self {
        case .commitPushed(let push): push.id
        case .commitDeployed(let deployment), .deploymentFailed(let deployment): deployment.id
        }
    }

    public var occurredOn: Timestamp {
        switch self {
        case .commitPushed(let push): push.occurredOn
        case .commitDeployed(let deployment), .deploymentFailed(let deployment): deployment.occurredOn
        }
    }

    public var repository: String? {
        switch self {
        case .commitPushed(let push): push.repository
        case .commitDeployed(let deployment), .deploymentFailed(let deployment): deployment.repository
        }
    }

    /// What keeps its order: the repository; without one the service, `deployments` or `commits`.
    public var orderingKey: String {
        switch self {
        case .commitPushed(let push):
            push.repository ?? "commits"
        case .commitDeployed(let deployment), .deploymentFailed(let deployment):
            deployment.repository ?? deployment.service ?? "deployments"
        }
    }
}
