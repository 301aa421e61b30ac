public import Sluice

/// What the gateway knows of the world, in the one format that all sources are turned into and all sinks read.
///
/// An enum that consumers switch over: a new kind of event must make every sink decide what it means there.
public enum Event: Sendable, Hashable {
    case commitPushed(CommitPushed)
    case commitDeployed(CommitDeployed)

    /// The name in the metadata `event_type`.
    public var type: String {
        switch self {
        case .commitPushed: CommitPushed.type
        case .commitDeployed: CommitDeployed.type
        }
    }

    /// The commit that it is about.
    public var commit: String {
        switch self {
        case .commitPushed(let event): event.id
        case .commitDeployed(let event): event.id
        }
    }

    public var occurredOn: Timestamp {
        switch self {
        case .commitPushed(let event): event.occurredOn
        case .commitDeployed(let event): event.occurredOn
        }
    }

    public var repository: String? {
        switch self {
        case .commitPushed(let event): event.repository
        case .commitDeployed(let event): event.repository
        }
    }

    /// What keeps its order: the repository; without one the service, `deployments` or `commits`.
    public var orderingKey: String {
        switch self {
        case .commitPushed(let event): event.repository ?? "commits"
        case .commitDeployed(let event): event.repository ?? event.service ?? "deployments"
        }
    }
}

/// Somebody pushed a commit.
public struct CommitPushed: Sendable, Hashable {
    public static let type = "commitPushed"

    /// The commit's hash in lowercase hexadecimal, 4 to 64 digits.
    public var id: String
    /// All of the commit's message, at most 65,536 bytes.
    public var message: String
    /// The author's user name where the source knows it, else the name.
    public var author: String
    /// When the commit was made, by its author's clock.
    public var occurredOn: Timestamp
    /// `owner/name`; nil when the source did not say.
    public var repository: String?
    /// Where it was pushed to, such as `refs/heads/main`.
    public var ref: String?
    /// Where to look at it; http or https.
    public var url: String?

    public init(
        id: String, message: String, author: String, occurredOn: Timestamp, repository: String? = nil,
        ref: String? = nil, url: String? = nil
    ) {
        self.id = id
        self.message = message
        self.author = author
        self.occurredOn = occurredOn
        self.repository = repository
        self.ref = ref
        self.url = url
    }
}

/// A commit went live in an environment.
public struct CommitDeployed: Sendable, Hashable {
    public static let type = "commitDeployed"

    /// The commit's hash in lowercase hexadecimal, 4 to 64 digits: deploy tools may shorten it.
    public var id: String
    /// The environment, such as `production`; 1 to 255 bytes without control characters.
    public var env: String
    public var occurredOn: Timestamp
    /// What was deployed; nil when the source did not say.
    public var service: String?
    /// `owner/name`; nil when the source did not say.
    public var repository: String?

    public init(
        id: String, env: String, occurredOn: Timestamp, service: String? = nil, repository: String? = nil
    ) {
        self.id = id
        self.env = env
        self.occurredOn = occurredOn
        self.service = service
        self.repository = repository
    }
}
