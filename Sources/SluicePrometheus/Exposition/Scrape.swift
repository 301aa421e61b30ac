/// The answer to a scrape: a body, and the response headers that belong to it.
public struct Scrape: Sendable {
    public let body: [UInt8]
    /// The value of `Content-Type`.
    public let contentType: String
    /// The value of `Content-Encoding`; nil to leave the header out.
    public let contentEncoding: String?
    /// The value of `Vary`: caches must keep the formats apart.
    public let vary = "Accept, Accept-Encoding"
}
