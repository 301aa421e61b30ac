import Sluice
public import Tracing

extension HTTPClient {
    /// Limits and times of a client.
    public struct Configuration: Sendable {
        /// Until name lookup, connection and TLS handshake are through. Default 5 s, above 0.
        public var connectTimeout: Duration

        /// From the call of `send` to the last byte of the response, waiting for a connection included; a request may
        /// name its own. Default 30 s, above 0.
        public var totalTimeout: Duration

        /// How long `close` lets requests finish. Default 10 s.
        public var closeTimeout: Duration

        /// Requests at once to one scheme, host and port, and so its connections; more wait their turn, first come
        /// first served, without holding up other hosts. Default 16, at least 1.
        public var limitPerHost: Int

        /// Requests at once, and open connections, idle ones included. Default 256, at least 1.
        public var limit: Int

        /// Bytes of a response body. Default 1 MiB, at least 0.
        public var maximumBodySize: Int

        /// Bytes of a response's status line and headers together. Default 64 KiB, at least 256.
        public var maximumHeaderSize: Int

        /// Idle time after which the system probes a connection (TCP keepalive), and the time between probes.
        /// Default 30 s, at least 1 s.
        public var keepAliveInterval: Duration

        /// File of certificates in PEM format that are trusted instead of the system's, for servers under a private
        /// authority. Verification itself cannot be turned off. Default nil.
        public var trustedCertificates: String?

        /// File of certificates in PEM format that are trusted beside those above: the authority of a company, for its own
        /// servers or for a proxy that looks into connections. Read once, when the client is made. Default nil.
        public var additionalCertificates: String?

        /// Default none, whatever the environment says.
        public var proxy: Proxy

        /// The `User-Agent` header, unless a request brings its own. Default `sluice`.
        public var userAgent: String

        /// Has each request name the span that it is sent within (`ServiceContext.current`), as `traceparent` with W3C Trace
        /// Context, so that the other side goes on with the trace. No span is made for it. Default nil: requests name none.
        public var tracer: (any Tracer)?

        /// Called once at the end of each request, on the task that sent it. It must not block. Default nothing.
        public var observe: @Sendable (Observation) -> Void

        public init(
            connectTimeout: Duration = .seconds(5),
            totalTimeout: Duration = .seconds(30),
            closeTimeout: Duration = .seconds(10),
            limitPerHost: Int = 16,
            limit: Int = 256,
            maximumBodySize: Int = 1 << 20,
            maximumHeaderSize: Int = 64 << 10,
            keepAliveInterval: Duration = .seconds(30),
            trustedCertificates: String? = nil,
            additionalCertificates: String? = nil,
            proxy: Proxy = .none,
            userAgent: String = "sluice",
            tracer: (any Tracer)? = nil,
            observe: @escaping @Sendable (Observation) -> Void = { _ in }
        ) {
            self.connectTimeout = connectTimeout
            self.totalTimeout = totalTimeout
            self.closeTimeout = closeTimeout
            self.limitPerHost = limitPerHost
            self.limit = limit
            self.maximumBodySize = maximumBodySize
            self.maximumHeaderSize = maximumHeaderSize
            self.keepAliveInterval = keepAliveInterval
            self.trustedCertificates = trustedCertificates
            self.additionalCertificates = additionalCertificates
            self.proxy = proxy
            self.userAgent = userAgent
            self.tracer = tracer
            self.observe = observe
        }
    }

    /// How one request went, for metrics.
    public struct Observation: Sendable {
        public let target: String
        /// Nil when no answer came.
        public let status: Int?
        /// Nil when an answer came.
        public let error: HTTPClientError.Code?
        /// What is known of the failure, in words that name no host; nil where the code says it all.
        public let detail: String?
        /// From the moment the request was given to a connection to its end.
        public let duration: Duration
        /// How long it waited before that for a free connection.
        public let wait: Duration
        /// The trace that the request belongs to, where it is sampled: for exemplars.
        public internal(set) var traceID: String? = nil

        /// For the label `code`: `200`, or a word such as `connect_failed`.
        public var code: String { error?.word ?? status.map { String($0) } ?? "unknown" }
    }

    /// A client cannot be made on this machine.
    public struct SetupError: Error, CustomStringConvertible {
        public let description: String

        init(_ description: String) {
            self.description = description
        }
    }
}

extension HTTPClient.Configuration {
    func validate() throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "HTTPClient") { check in
            check("connectTimeout", connectTimeout, above: .zero)
            check("totalTimeout", totalTimeout, above: .zero)
            check("closeTimeout", closeTimeout, in: .zero...)
            check("limitPerHost", limitPerHost, in: 1...65_535)
            check("limit", limit, in: 1...65_535)
            check("maximumBodySize", maximumBodySize, in: 0...)
            check("maximumHeaderSize", maximumHeaderSize, in: 256...)
            check("keepAliveInterval", keepAliveInterval, in: .seconds(1)...)
            check("proxy", proxy.isWritable, expected: "free of control characters")
            for (field, file) in [
                ("trustedCertificates", trustedCertificates), ("additionalCertificates", additionalCertificates),
            ] {
                guard let file else { continue }
                check.include { () throws(ConfigurationError) in try CertificateBundle.certificates(in: file, field) }
            }
            check("userAgent", userAgent.utf8.allSatisfy { !$0.isControl }, expected: "free of control characters")
        }
    }
}
