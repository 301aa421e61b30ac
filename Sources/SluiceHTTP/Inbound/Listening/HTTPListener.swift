import HummingbirdCore
public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
import Sluice
import Synchronization
public import Tracing

/// Listens on one address and answers HTTP/1.1: the requests to the endpoints of its subscribers, and its resources.
///
/// ```swift
/// let listener = try HTTPListener(port: 8080, resources: [])
/// let orders = try HTTPSubscriber(listener: listener, endpoints: [HTTPEndpoint("/orders", authenticator: .bearer(token))])
/// ```
///
/// On graceful shutdown it stops accepting; requests that wait for their settlement get their answers, others 503
/// with `Connection: close`, and `run()` returns when the last connection has ended.
public final class HTTPListener: Service {
    let shared: InboundShared
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var running = false
        var outcome: Result<Int, HTTPListenerError>?
        var waiters = WaitList<Result<Int, HTTPListenerError>>()
    }

    /// - Parameters:
    ///   - configuration: address, deadlines and limits.
    ///   - resources: what is answered without a route, such as the metrics.
    ///   - observer: is told of each request.
    ///   - logger: what is wrong with connections goes there.
    ///   - authenticator: who may ask for resources that are not open, and for paths that lead nowhere; nil is
    ///     everyone. Endpoints have their own.
    ///   - tracer: what makes a span for each request that becomes a message. The sender's span, as `traceparent` names it
    ///     with W3C Trace Context, is its parent, and the message carries the trace on in its metadata. Default: nil, which
    ///     traces nothing.
    /// - Throws: `ConfigurationError` for a value out of its range, ``HTTPListenerError`` when two resources have the same
    ///   path.
    public init(
        configuration: Configuration = Configuration(), resources: [HTTPResource] = [],
        authenticator: HTTPAuthenticator? = nil, observer: HTTPObserver = .none,
        tracer: (any Tracer)? = nil, logger: Logger = Logger(label: "sluice.http")
    ) throws {
        try configuration.validate()
        shared = InboundShared(
            configuration, authenticator: authenticator, observer: observer, tracer: tracer, logger: logger)
        self.logger = logger
        try shared.add(resources.map { InboundRoute($0, observer: observer) })
    }

    /// A listener that needs a port and what to serve there, such as the metrics:
    ///
    ///     let listener = try HTTPListener(port: 9464, resources: .metrics(backend))
    ///
    /// - Parameters:
    ///   - resources: what is served.
    ///   - logger: what is wrong with connections goes there.
    ///   - host: as ``Configuration/host``: loopback unless given, `*` for all interfaces.
    ///   - port: as ``Configuration/port``; 0 lets the system choose.
    ///   - authenticator: who may ask; nil is everyone.
    /// - Throws: as ``init(configuration:resources:authenticator:observer:tracer:logger:)``.
    public convenience init(
        host: String = "127.0.0.1", port: Int, resources: [HTTPResource], authenticator: HTTPAuthenticator? = nil,
        logger: Logger = Logger(label: "sluice.http")
    ) throws {
        var configuration = Configuration()
        configuration.host = host
        configuration.port = port
        try self.init(
            configuration: configuration, resources: resources, authenticator: authenticator, logger: logger)
    }

    /// Adds a path; may be called while the listener runs.
    public func add(_ resource: HTTPResource) throws(HTTPListenerError) {
        try shared.add([InboundRoute(resource, observer: shared.observer)])
    }

    /// Whether it accepts connections.
    public var isListening: Bool {
        state.withLock { state in
            if case .success = state.outcome { true } else { false }
        }
    }

    /// How many connections are open.
    public var openConnections: Int { shared.openConnections }

    /// How many requests to endpoints are complete and not answered.
    public var openRequests: Int { shared.openRequests }

    /// Waits until the listener accepts connections.
    /// - Returns: the port, also where the configuration left it to the system.
    /// - Throws: ``HTTPListenerError`` when it could not start.
    public func port() async throws -> Int {
        try await state.waitThrough(in: \.waiters) { $0.outcome }.get()
    }

    /// Listens until graceful shutdown or cancellation.
    /// - Throws: ``HTTPListenerError``, which names the address, when it cannot listen or stops by itself.
    public func run() async throws {
        let first = state.withLock { state in
            defer { state.running = true }
            return !state.running
        }
        guard first else { throw HTTPListenerError(.alreadyRunning, "the listener on \(address) runs already") }
        if let openFiles = OpenFiles.raiseLimit() { shared.limitConnections(openFiles: openFiles) }
        let log = ServerLog(passingOnTo: logger)
        let host = shared.configuration.host == Configuration.everywhere ? IPv6.everywhere : shared.configuration.host
        let server = Server(
            childChannelSetup: InboundChannel(shared: shared),
            configuration: ServerConfiguration(
                address: .hostname(host, port: shared.configuration.port), backlog: 1024),
            onServerRunning: { channel in await self.started(on: channel) },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: log.logger)
        do {
            try await server.run()
            await shared.closeConnections()
        } catch {
            await shared.closeConnections()
            let failure = HTTPListenerError(
                .cannotListen, "cannot listen on \(address): \(Self.reason(of: error))", underlying: error)
            conclude(.failure(failure))
            throw failure
        }
        let why = log.complaint.map { ": \($0)" } ?? ""
        let stopped = HTTPListenerError(.stopped, "the listener on \(address) stopped\(why)")
        conclude(.failure(stopped))
        guard Task.isShuttingDownGracefully || Task.isCancelled else { throw stopped }
    }

    private var address: String {
        let host = shared.configuration.host
        if host == Configuration.everywhere { return ":\(shared.configuration.port)" }
        return "\(host.contains(":") ? "[\(host)]" : host):\(shared.configuration.port)"
    }

    private func started(on channel: any Channel) async {
        // Hummingbird's server would end at the first error of accept.
        try? await channel.pipeline.addHandler(
            AcceptBackoff(most: shared.mostAccepted, makeRoom: { [shared] in shared.makeRoom() }, logger: logger),
            position: .first
        ).get()
        let port = channel.localAddress?.port ?? shared.configuration.port
        let host = channel.localAddress?.ipAddress ?? shared.configuration.host
        logger.info("listening", metadata: ["host": "\(host)", "port": "\(port)"])
        conclude(.success(port))
    }

    private func conclude(_ outcome: Result<Int, HTTPListenerError>) {
        let waiters = state.withLock { state in
            state.outcome = outcome
            return state.waiters.removeAll()
        }
        for waiter in waiters { waiter.resume(returning: outcome) }
    }

    private static func reason(of error: any Error) -> String {
        switch error {
        case let error as IOError: OpenFiles.text(ofErrno: error.errnoCode)
        case is SocketAddressError: "the host is not known"
        default: "\(error)"
        }
    }
}
