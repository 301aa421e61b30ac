public import Sluice

/// A commit that went live in an environment, or should have.
public struct Deployment: Sendable, Hashable {
    /// The commit's hash in lowercase hexadecimal, 4 to 64 digits: deploy tools may shorten it.
    public var id: String
    /// The environment, such as `production`; 1 to 255 bytes without control characters.
    public var env: String
    /// When it went live, or failed; in the years 1 to 9999.
    public var occurredOn: Timestamp
    /// What was deployed, at most 255 bytes without control characters; nil when the source did not say.
    public var service: String?
    /// `owner/name`, at most 255 bytes without control characters; nil when the source did not say.
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
