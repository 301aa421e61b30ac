import Crypto

/// Decides who may send to an endpoint.
///
/// ```swift
/// HTTPEndpoint("/orders", authenticator: .bearer(token))
/// ```
///
/// It may look at the head, before a byte of the body is read, and at the complete request with the body as it was
/// transmitted, before anything is inflated. Throw ``HTTPRejection`` with status 401 and a text for the client; any
/// other error becomes a plain 401. Both closures run on an event loop for small bodies and must not block.
public struct HTTPAuthenticator: Sendable {
    let head: (@Sendable (HTTPInboundRequest) throws -> Void)?
    let body: (@Sendable (HTTPInboundRequest) throws -> Void)?

    public init(
        head: (@Sendable (HTTPInboundRequest) throws -> Void)? = nil,
        body: (@Sendable (HTTPInboundRequest) throws -> Void)? = nil
    ) {
        self.head = head
        self.body = body
    }

    /// The HMAC-SHA256 of the body as transmitted, in hexadecimal after `sha256=`, as
    /// webhooks are signed (`X-Hub-Signature-256`). Compared in constant time.
    /// - Parameters:
    ///   - secret: the key that the sender signs with.
    ///   - header: the name of the header that carries it.
    public static func hmacSHA256(header: String = "X-Hub-Signature-256", secret: String) -> HTTPAuthenticator {
        // Keyed once: each request copies the two prepared hashes instead of hashing the key again.
        let keyed = HMAC<SHA256>(key: SymmetricKey(data: Array(secret.utf8)))
        return HTTPAuthenticator(
            head: { request in
                guard let value = try request.headers.single(header), !value.isEmpty else {
                    throw HTTPRejection(401, "the header \(header) is missing: the request must be signed")
                }
                guard signature(value) != nil else {
                    throw HTTPRejection(401, "the header \(header) must be sha256= and 64 hexadecimal digits")
                }
            },
            body: { request in
                var hmac = keyed
                hmac.update(data: request.body)
                guard let given = try request.headers.single(header).flatMap(signature), hmac.finalize() == given else {
                    throw HTTPRejection(401, "the signature in \(header) does not match the body")
                }
            })
    }

    /// A token in `Authorization: Bearer …` (RFC 6750). Compared in constant time.
    public static func bearer(_ token: String) -> HTTPAuthenticator {
        // Of equal length whatever the tokens are, so that the comparison does not tell the length either.
        let expected = SHA256.hash(data: Array(token.utf8))
        return HTTPAuthenticator(head: { request in
            guard let value = try request.headers.single("Authorization"), !value.isEmpty else {
                throw HTTPRejection(
                    401, "the header Authorization with a Bearer token is missing",
                    headers: [.init("WWW-Authenticate", #"Bearer realm="sluice""#)])
            }
            guard let given = credentials(value), SHA256.hash(data: Array(given.utf8)) == expected else {
                throw HTTPRejection(
                    401, "the Bearer token is wrong",
                    headers: [.init("WWW-Authenticate", #"Bearer realm="sluice", error="invalid_token""#)])
            }
        })
    }

    private static func signature(_ value: String) -> [UInt8]? {
        let prefix = "sha256="
        guard value.utf8.count == prefix.utf8.count + 64, value.hasPrefix(prefix) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32)
        var high: UInt8?
        for digit in value.utf8.dropFirst(prefix.utf8.count) {
            guard let nibble = ASCII.hexValue(digit) else { return nil }
            if let first = high {
                bytes.append(first << 4 | nibble)
                high = nil
            } else {
                high = nibble
            }
        }
        return bytes
    }

    static func credentials(_ value: String) -> Substring? {
        credentials(value, scheme: "bearer")
    }

    /// - Parameter scheme: in lowercase.
    static func credentials(_ value: String, scheme: StaticString) -> Substring? {
        guard let space = value.firstIndex(of: " "), ASCII.equals(value[..<space], scheme) else { return nil }
        return value[space...].drop { $0 == " " }
    }
}
