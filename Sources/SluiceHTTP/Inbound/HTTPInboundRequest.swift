internal import NIOHTTP1

/// A request as authenticators, message formats and resources see it.
public struct HTTPInboundRequest: Sendable {
    /// As sent, in capitals: `POST`.
    public let method: String
    /// The target without its query, as sent (not percent-decoded): `/webhooks/github`.
    public let path: String
    /// What follows the `?`, as sent; nil without one.
    public let query: String?
    public let headers: HTTPInboundHeaders
    /// To an authenticator the bytes as they were transmitted, afterwards what they inflate to.
    public internal(set) var body: [UInt8]
}

/// The header fields of a request.
public struct HTTPInboundHeaders: Sendable {
    let fields: HTTPHeaders

    init(_ fields: HTTPHeaders) {
        self.fields = fields
    }

    /// The first value under this name, whose case does not matter; nil when there is none. Bytes that are no UTF-8
    /// are replaced by U+FFFD.
    public subscript(name: String) -> String? {
        fields.first(name: name)
    }
}
