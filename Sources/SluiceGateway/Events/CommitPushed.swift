public import Sluice

/// A commit was pushed.
public struct CommitPushed: Sendable, Hashable {
    /// The commit's hash in lowercase hexadecimal, 4 to 64 digits.
    public var id: String
    /// All of the commit's message, at most 65,536 bytes. What is longer is cut.
    public var message: String
    /// The author's user name where the source knows it, else the name; at most 255 bytes. What is longer is cut.
    public var author: String
    /// When the commit was made, by its author's clock; in the years 1 to 9999.
    public var occurredOn: Timestamp
    /// `owner/name`, at most 255 bytes without control characters; nil when the source did not say.
    public var repository: String?
    /// Where it was pushed to, such as `refs/heads/main`; at most 1,024 bytes without control characters.
    public var ref: String?
    /// Where to look at it; http or https, at most 2,048 characters of ASCII.
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
