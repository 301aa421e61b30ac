extension HTTPClient {
    /// A name and a value, in a request or a response. Names compare without regard to case.
    public struct Header: Sendable, Hashable {
        public var name: String
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// What to send, and what logs and errors call its destination.
    ///
    /// Printing it shows its method and target, never its URL, headers or body: the URL of a webhook is a secret.
    public struct Request: Sendable {
        /// A token such as `POST` (RFC 9110, section 9).
        public var method: String
        /// Absolute, `http` or `https`. Credentials inside it (`https://user:password@host`) are sent as Basic.
        public var url: String
        /// Names the destination in errors and labels, such as `chat`.
        public var target: String
        /// Sent in this order. `Content-Length` and `Transfer-Encoding` are the client's and refused here.
        public var headers: [Header]
        /// Nil for none; a POST without one sends `Content-Length: 0`.
        public var body: [UInt8]?
        public var credentials: Credentials?
        /// From the call of `send` to the last byte of the response, waiting for a connection included. Nil is the
        /// client's ``HTTPClient/Configuration/totalTimeout``.
        public var timeout: Duration?
        /// Whether a response body above the client's limit is cut off there instead of being an error. For callers
        /// that want the status. Default false.
        public var acceptsTruncatedBody: Bool
        /// Whether it goes to the public internet alone, for a URL that others had a hand in: the address that is connected to
        /// must be no loopback, private, link-local or otherwise reserved one, whatever the host's name resolves to. Behind a proxy, which
        /// resolves names itself, such a request is refused. Default false.
        public var requiresPublicAddress: Bool
        /// Whether nothing is sent: it succeeds, with the status 0, once it is connected, TLS included. Default false.
        package var connectsOnly = false

        public init(
            _ method: String, _ url: String, target: String, headers: KeyValuePairs<String, String> = [:],
            body: [UInt8]? = nil, credentials: Credentials? = nil, timeout: Duration? = nil,
            acceptsTruncatedBody: Bool = false, requiresPublicAddress: Bool = false
        ) {
            self.method = method
            self.url = url
            self.target = target
            self.headers = headers.map { Header(name: $0.key, value: $0.value) }
            self.body = body
            self.credentials = credentials
            self.timeout = timeout
            self.acceptsTruncatedBody = acceptsTruncatedBody
            self.requiresPublicAddress = requiresPublicAddress
        }

        /// Whether sending it twice means no more than sending it once (RFC 9110, section 9.2.2).
        var isIdempotent: Bool {
            switch method {
            case "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE": true
            default: false
            }
        }
    }
}

extension HTTPClient.Request: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "\(method) to \(target)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["method": method, "target": target]) }
}

extension HTTPClient.Request {
    var hasWellFormedURL: Bool { hasWebScheme && url.utf8.allSatisfy { !$0.isControl && $0 != 0x20 } }

    /// Whether every other part can be written on the wire without becoming another part.
    var isWellFormed: Bool {
        guard !method.isEmpty, method.utf8.allSatisfy(\.isTokenCharacter) else { return false }
        for header in headers {
            guard !header.name.isEmpty, header.name.utf8.allSatisfy(\.isTokenCharacter) else { return false }
            guard header.value.utf8.allSatisfy({ !$0.isControl || $0 == 0x09 }) else { return false }
            switch header.name.utf8.count {
            case 14, 17:
                let name = header.name.lowercased()
                if name == "content-length" || name == "transfer-encoding" { return false }
            default: break
            }
        }
        return credentials?.isWritable ?? true
    }

    private var hasWebScheme: Bool {
        guard let end = url.utf8.firstIndex(of: UInt8(ascii: ":")) else { return false }
        let scheme = url[..<end].lowercased()
        // A third slash is an empty host, which libcurl would skip to take the path for one.
        return (scheme == "http" || scheme == "https") && url[end...].hasPrefix("://") && !url[end...].hasPrefix(":///")
    }

    /// The part of the URL that decides which connections can be shared: scheme, host and port, without credentials.
    var origin: String {
        let bytes = url.utf8
        var index = bytes.startIndex
        var slashes = 0
        var start = index
        while index < bytes.endIndex {
            let byte = bytes[index]
            if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#") {
                slashes += 1
                if slashes > 2 || byte != UInt8(ascii: "/") { break }
                start = bytes.index(after: index)
            } else if byte == UInt8(ascii: "@") {
                start = bytes.index(after: index)
            }
            index = bytes.index(after: index)
        }
        let scheme = url.prefix { $0 != ":" }
        return "\(scheme)://\(url[start..<index])".lowercased()
    }
}

extension UInt8 {
    /// `tchar` of RFC 9110, section 5.6.2.
    var isTokenCharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
