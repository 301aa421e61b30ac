extension HTTPListener {
    /// Where to listen, and how much of everything to bear.
    public struct Configuration: Sendable {
        /// A name or an address. `*` means all interfaces, by IPv6 and IPv4, or by IPv4 where there is no IPv6;
        /// `0.0.0.0` means IPv4 alone, and `::` both. Default: `127.0.0.1`.
        public var host = "127.0.0.1"

        /// As ``host``: all interfaces.
        public static let everywhere = "*"

        /// From 0 to 65,535; 0 lets the system choose. Default: 8080.
        public var port = 8080

        /// The largest body in bytes as transmitted; more gets 413. Default: 25,000,000, the most that webhooks have.
        public var maxBodyBytes = 25_000_000

        /// The target, the names and the values of a request's head together, in bytes; more gets 431.
        /// Default: 32 KiB.
        public var maxHeaderBytes = 32 * 1024

        /// How many header fields a request may have; more get 431. Default: 100.
        public var maxHeaders = 100

        /// How many complete requests may be worked on or wait for their settlement at once; more get 503 at once.
        /// Default: 4,096.
        public var maxConcurrentRequests = 4096

        /// How many connections may be open. One more closes the one that has been idle for longest; when none is idle,
        /// it gets 503. The limit on open files lowers it. Default: 16,384.
        public var maxConnections = 16_384

        /// How many connections beyond `maxConnections` may be open for a moment, to be told so or until another has
        /// closed. Further ones wait in the system's queue. At least 1. Default: 64.
        public var spareConnections = 64

        /// The bytes that bodies may hold together, as they were sent and as they were inflated, from their arrival until
        /// their messages are settled; a request that would exceed it gets 503. A quarter is kept for bodies up to
        /// 64 KiB. Default: 64 MiB. At least `maxBodyBytes`.
        public var maxBufferedBytes = 64 * 1024 * 1024

        /// How long a client may take to send a request, from its first byte to its last; then it gets 408 and the
        /// connection ends. Default: 30 s.
        public var requestTimeout: Duration = .seconds(30)

        /// How long a connection may be open without a request, whether it had one before or not. Longer than a load
        /// balancer keeps one, or it would send a request into a connection that is about to close. Default: 75 s.
        public var idleTimeout: Duration = .seconds(75)

        /// How long a connection without a request stays open after shutdown has begun: a request that is on its way
        /// then gets 503 instead of a reset. Default: 100 ms.
        public var drainLinger: Duration = .milliseconds(100)

        public init() {}

        func validate() throws(HTTPListenerError) {
            func require(_ condition: Bool, _ text: String) throws(HTTPListenerError) {
                if !condition { throw HTTPListenerError(.invalidConfiguration, text) }
            }
            try require(!host.isEmpty, "host must be a name or an address")
            try require((0...65_535).contains(port), "port must be from 0 to 65535")
            try require(maxBodyBytes >= 0 && maxBodyBytes < Int(Int32.max), "maxBodyBytes must be from 0 to 2 GiB")
            try require(maxHeaderBytes >= 256, "maxHeaderBytes must be at least 256")
            try require(maxHeaders >= 1, "maxHeaders must be at least 1")
            try require(maxConcurrentRequests >= 1, "maxConcurrentRequests must be at least 1")
            try require(maxConnections >= 1, "maxConnections must be at least 1")
            try require(spareConnections >= 1, "spareConnections must be at least 1")
            try require(maxBufferedBytes >= maxBodyBytes, "maxBufferedBytes must be at least maxBodyBytes")
            try require(requestTimeout > .zero, "requestTimeout must be positive")
            try require(idleTimeout > .zero, "idleTimeout must be positive")
            try require(drainLinger >= .zero, "drainLinger must not be negative")
        }
    }
}

/// A listener could not start, or ended by itself.
public struct HTTPListenerError: Error, CustomStringConvertible {
    /// What kind of failure it is.
    public struct Code: Sendable, Hashable {
        private let name: String
        public static let invalidConfiguration = Code(name: "invalidConfiguration")
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
