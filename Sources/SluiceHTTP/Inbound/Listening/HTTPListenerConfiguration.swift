import Sluice

extension HTTPListener {
    /// Where to listen, and how much of everything to bear.
    public struct Configuration: Sendable {
        /// A name or an address. `*` means all interfaces, by IPv6 and IPv4, or by IPv4 where there is no IPv6;
        /// `0.0.0.0` means IPv4 alone, and `::` both. Default: `127.0.0.1`.
        public var host: String

        /// As ``host``: all interfaces.
        public static let everywhere = "*"

        /// From 0 to 65,535; 0 lets the system choose. Default: 8080.
        public var port: Int

        /// The largest body in bytes as transmitted; more gets 413. Default: 25,000,000, the most that webhooks have.
        public var maxBodyBytes: Int

        /// The target, the names and the values of a request's head together, in bytes; more gets 431.
        /// Default: 32 KiB.
        public var maxHeaderBytes: Int

        /// How many header fields a request may have; more get 431. Default: 100.
        public var maxHeaders: Int

        /// How many complete requests may be worked on or wait for their settlement at once; more get 503 at once.
        /// Default: 4,096.
        public var maxConcurrentRequests: Int

        /// How many connections may be open. One more closes the one that has been idle for longest; when none is idle,
        /// it gets 503. The limit on open files lowers it. Default: 16,384.
        public var maxConnections: Int

        /// How many connections beyond `maxConnections` may be open for a moment, to be told so or until another has
        /// closed. Further ones wait in the system's queue. At least 1. Default: 64.
        public var spareConnections: Int

        /// The bytes that bodies may hold together, as they were sent and as they were inflated, from their arrival until
        /// their messages are settled; a request that would exceed it gets 503. A quarter is kept for bodies up to
        /// 64 KiB. Default: 64 MiB. At least `maxBodyBytes`.
        public var maxBufferedBytes: Int

        /// How long a client may take to send a request, from its first byte to its last; then it gets 408 and the
        /// connection ends. Default: 30 s.
        public var requestTimeout: Duration

        /// How long a connection may be open without a request, whether it had one before or not. Longer than a load
        /// balancer keeps one, or it would send a request into a connection that is about to close. Default: 75 s.
        public var idleTimeout: Duration

        /// How long a connection without a request stays open after shutdown has begun: a request that is on its way
        /// then gets 503 instead of a reset. Default: 100 ms.
        public var drainLinger: Duration

        public init(
            host: String = "127.0.0.1",
            port: Int = 8080,
            maxBodyBytes: Int = 25_000_000,
            maxHeaderBytes: Int = 32 * 1024,
            maxHeaders: Int = 100,
            maxConcurrentRequests: Int = 4096,
            maxConnections: Int = 16_384,
            spareConnections: Int = 64,
            maxBufferedBytes: Int = 64 * 1024 * 1024,
            requestTimeout: Duration = .seconds(30),
            idleTimeout: Duration = .seconds(75),
            drainLinger: Duration = .milliseconds(100)
        ) {
            self.host = host
            self.port = port
            self.maxBodyBytes = maxBodyBytes
            self.maxHeaderBytes = maxHeaderBytes
            self.maxHeaders = maxHeaders
            self.maxConcurrentRequests = maxConcurrentRequests
            self.maxConnections = maxConnections
            self.spareConnections = spareConnections
            self.maxBufferedBytes = maxBufferedBytes
            self.requestTimeout = requestTimeout
            self.idleTimeout = idleTimeout
            self.drainLinger = drainLinger
        }

        func validate() throws(ConfigurationError) {
            try ConfigurationCheck.all(of: "HTTPListener") { check in
                check("host", !host.isEmpty, expected: "a name or an address")
                check("port", port, in: 0...65_535)
                check("maxBodyBytes", maxBodyBytes, in: 0...Int(Int32.max - 1))
                check("maxHeaderBytes", maxHeaderBytes, in: 256...)
                check("maxHeaders", maxHeaders, in: 1...)
                check("maxConcurrentRequests", maxConcurrentRequests, in: 1...)
                check("maxConnections", maxConnections, in: 1...)
                check("spareConnections", spareConnections, in: 1...)
                check(
                    "maxBufferedBytes", maxBufferedBytes >= maxBodyBytes, expected: "at least maxBodyBytes",
                    value: "\(maxBufferedBytes)")
                check("requestTimeout", requestTimeout, above: .zero)
                check("idleTimeout", idleTimeout, above: .zero)
                check("drainLinger", drainLinger, in: .zero...)
            }
        }
    }
}

/// A listener could not start, or ended by itself.
public struct HTTPListenerError: Error, CustomStringConvertible {
    /// What kind of failure it is.
    public struct Code: Sendable, Hashable {
        private let name: String
        public static let cannotListen = Code(name: "cannotListen")
        public static let stopped = Code(name: "stopped")
        public static let duplicatePath = Code(name: "duplicatePath")
        public static let unknownPath = Code(name: "unknownPath")
        public static let alreadySubscribed = Code(name: "alreadySubscribed")
        public static let alreadyRunning = Code(name: "alreadyRunning")
    }

    public let code: Code
    public let underlying: (any Error)?
    public let description: String

    init(_ code: Code, _ description: String, underlying: (any Error)? = nil) {
        self.code = code
        self.underlying = underlying
        self.description = description
    }
}
