package import Sluice

/// That a commit was brought to an environment, or that this failed.
package struct DeploymentFact: Sendable, Hashable {
    /// Tells it from all others: the source's own id, else the event's.
    package var id: String
    /// At most 255 bytes; the repository where the source named no service.
    package var service: String
    package var environment: String
    /// The hash in lowercase hexadecimal, 4 to 64 digits: deploy tools may shorten it.
    package var commit: String
    package var startedAt: Timestamp?
    package var finishedAt: Timestamp
    /// False for a failed rollout: it never got there.
    package var succeeded: Bool
    /// `owner/name`; nil when the source did not say.
    package var repository: String?
    package var version: String?
    package var description: String?
    /// Where to look at it; http or https.
    package var url: String?

    package init(
        id: String, service: String, environment: String, commit: String, startedAt: Timestamp? = nil,
        finishedAt: Timestamp, succeeded: Bool, repository: String? = nil, version: String? = nil,
        description: String? = nil, url: String? = nil
    ) {
        self.id = id
        self.service = service
        self.environment = environment
        self.commit = commit
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.succeeded = succeeded
        self.repository = repository
        self.version = version
        self.description = description
        self.url = url
    }
}
