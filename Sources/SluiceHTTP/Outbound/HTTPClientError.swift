public import Sluice

/// A request that got no complete answer.
///
/// It holds nothing of the request but its target: no URL, host, header or body can be read from it.
public struct HTTPClientError: DispositionError, CustomStringConvertible {
    /// What went wrong, as a short stable word.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        public let word: String
        public var description: String { word }

        /// The URL is not an absolute one of http or https.
        public static let invalidURL = Code(word: "invalid_url")
        /// The request cannot be written: a method or a header with a character that it cannot hold.
        public static let invalidRequest = Code(word: "invalid_request")
        public static let dnsFailed = Code(word: "dns_failed")
        /// The host is at no public address, and the request asks for one
        /// (``HTTPClient/Request/requiresPublicAddress``).
        public static let addressRefused = Code(word: "address_refused")
        public static let connectFailed = Code(word: "connect_failed")
        public static let connectTimeout = Code(word: "connect_timeout")
        public static let tlsFailed = Code(word: "tls_failed")
        /// The proxy did not let the request through.
        public static let proxyRefused = Code(word: "proxy_refused")
        /// The total timeout.
        public static let timeout = Code(word: "timeout")
        /// The connection ended before the first byte of an answer.
        public static let connectionReset = Code(word: "connection_reset")
        /// The connection ended in the middle of the answer.
        public static let responseTruncated = Code(word: "response_truncated")
        public static let responseMalformed = Code(word: "response_malformed")
        public static let bodyTooLarge = Code(word: "body_too_large")
        public static let headersTooLarge = Code(word: "headers_too_large")
        /// The task was cancelled.
        public static let cancelled = Code(word: "cancelled")
        /// The client is closed, or was before the answer came.
        public static let closed = Code(word: "closed")
        /// Anything else, such as memory that ran out.
        public static let failed = Code(word: "http_failed")
    }

    public let code: Code
    /// The request's.
    public let target: String
    /// Whether the server may have processed the request all the same. False when it certainly never got it.
    public let outcomeUnknown: Bool
    /// The status, when the answer came that far.
    public let status: Int?
    /// libcurl's fixed text for the failure; it names no host.
    public let detail: String?

    package init(_ code: Code, target: String, outcomeUnknown: Bool = false, status: Int? = nil, detail: String? = nil)
    {
        self.code = code
        self.target = target
        self.outcomeUnknown = outcomeUnknown
        self.status = status
        self.detail = detail
    }

    /// Transient, but for a header that cannot be written and an address that is not public, which are the message's fault,
    /// and for an address that is none and an answer above the limits, which are not: these hold the destination.
    public var disposition: Disposition {
        switch code {
        case .invalidRequest, .addressRefused: .poison(reason)
        case .invalidURL, .bodyTooLarge, .headersTooLarge: .hold(reason)
        default: .retry()
        }
    }

    /// Whether it speaks against the connections that are open to the same host.
    var endsConnections: Bool {
        switch code {
        case .connectionReset, .responseTruncated, .timeout: outcomeUnknown
        default: false
        }
    }

    public var reason: String { code.word }

    public var description: String {
        var text = "request to \(target) failed: \(code.word)"
        if let detail { text += " (\(detail))" }
        if outcomeUnknown { text += "; it may have been processed" }
        return text
    }
}
