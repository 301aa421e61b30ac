import NIOHTTP1

/// A request as authenticators, message formats and resources see it.
public struct HTTPInboundRequest: Sendable {
    /// As sent, in capitals: `POST`.
    public let method: String
    /// The target without its query, as sent (not percent-decoded): `/webhooks/deploys`.
    public let path: String
    /// What follows the `?`, as sent; nil without one.
    public let query: String?
    /// The host, with a port or without, of a target in absolute form (`http://host:port/path`), as proxies send it; nil
    /// for other targets. It overrides the header `Host` (RFC 9112, section 3.2.2).
    public let authority: String?
    public let headers: HTTPInboundHeaders
    /// Where it came from.
    public let connection: HTTPConnection
    /// To an authenticator the bytes as they were transmitted, afterwards what they inflate to.
    public internal(set) var body: [UInt8]
}

/// A connection, which lives as long as it is open: hold it weakly to learn whether requests came the same way.
public final class HTTPConnection: Sendable {
    /// The IP address of the other end, without a port: `127.0.0.1`, `fe80::1`. An IPv4 address that reaches a socket of
    /// IPv6 is written as IPv4. Nil where the other end has none.
    public let peer: String?

    init(peer: String?) {
        let mapped = "::ffff:"
        if let peer, peer.hasPrefix(mapped), peer.utf8.contains(UInt8(ascii: ".")) {
            self.peer = String(peer.dropFirst(mapped.count))
        } else {
            self.peer = peer
        }
    }
}
