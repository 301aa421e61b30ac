import Logging
import NIOCore
import Synchronization
import Tracing

/// What the connections of one listener share: limits, what is used of them, and the routes.
final class InboundShared: Sendable {
    let configuration: HTTPListener.Configuration
    let requestTimeout: TimeAmount
    let idleTimeout: TimeAmount
    let drainLinger: TimeAmount
    let observer: HTTPObserver
    let tracer: InboundTracer?
    let unmatched: @Sendable (HTTPExchange) -> Void

    private let routes = Mutex<[String: InboundRoute]>([:])
    private let maxConnections: Atomic<Int>
    private let connections = Atomic<Int>(0)
    private let requests = Atomic<Int>(0)
    private let buffered = Atomic<Int>(0)
    let authenticator: HTTPAuthenticator?
    /// The open connections; nil once there may be none.
    private let channels = Mutex<[ObjectIdentifier: Kept]?>([:])
    private let logger: Logger
    private let crowded = Mutex<ContinuousClock.Instant?>(nil)

    private struct Kept: Sendable {
        let channel: any Channel
        let standing: ConnectionStanding
    }

    init(
        _ configuration: HTTPListener.Configuration, authenticator: HTTPAuthenticator?, observer: HTTPObserver,
        tracer: (any Tracer)?, logger: Logger
    ) {
        self.configuration = configuration
        self.authenticator = authenticator
        self.observer = observer
        self.tracer = tracer.map(InboundTracer.init)
        self.logger = logger
        requestTimeout = TimeAmount(configuration.requestTimeout)
        idleTimeout = TimeAmount(configuration.idleTimeout)
        drainLinger = TimeAmount(configuration.drainLinger)
        unmatched = observer.observe(Self.unmatchedRoute)
        maxConnections = Atomic(configuration.maxConnections)
    }

    static let unmatchedRoute = "unmatched"

    // MARK: Routes

    func route(_ path: String) -> InboundRoute? {
        routes.withLock { routes in
            if let route = routes[path] { return route }
            return path.utf8.last == UInt8(ascii: "/") ? routes[String(path.dropLast())] : nil
        }
    }

    func add(_ added: [InboundRoute]) throws(HTTPListenerError) {
        let duplicate = routes.withLock { routes -> String? in
            var next = routes
            for route in added where next.updateValue(route, forKey: route.path) != nil { return route.path }
            routes = next
            return nil
        }
        if let duplicate { throw HTTPListenerError(.duplicatePath, "two endpoints have the path \(duplicate)") }
    }

    // MARK: Connections

    /// Keeps a connection in mind until it ends.
    /// - Returns: nil when the listener has ended: close the connection.
    func keep(_ channel: any Channel) -> ConnectionStanding? {
        let id = ObjectIdentifier(channel)
        let standing = ConnectionStanding()
        let isWanted = channels.withLock { channels in
            channels?[id] = Kept(channel: channel, standing: standing)
            return channels != nil
        }
        guard isWanted else { return nil }
        channel.closeFuture.whenComplete { _ in self.channels.withLock { _ = $0?.removeValue(forKey: id) } }
        return standing
    }

    /// Closes the connection that has been idle for longest, or else one that has been sending its request for long.
    /// - Returns: false when every connection is busy.
    func makeRoom() -> Bool {
        let now = NIODeadline.now()
        let chosen = channels.withLock { channels -> (any Channel)? in
            let candidates = (channels ?? [:]).values.compactMap { kept in
                kept.standing.rank(at: now).map { (rank: $0, kept: kept) }
            }
            guard let last = candidates.min(by: { $0.rank < $1.rank })?.kept else { return nil }
            last.standing.isWaiting()
            return last.channel
        }
        guard let chosen else { return false }
        chosen.close(promise: nil)
        let isNews = crowded.withLock { told in
            let now = ContinuousClock.now
            if let told, now - told < .seconds(60) { return false }
            defer { told = now }
            return true
        }
        if isNews {
            logger.warning(
                "no more connections can be open; idle ones are closed to make room",
                metadata: ["limit": "\(maxConnections.load(ordering: .relaxed))"])
        }
        return true
    }

    /// Closes every connection, now and later. Hummingbird's server, when it is cancelled, closes those that it has
    /// handed on, and forgets those that it had only accepted, some of them before they were active.
    func closeConnections() async {
        let left = channels.withLock { $0.take() } ?? [:]
        for kept in left.values { kept.channel.close(promise: nil) }
        for kept in left.values { try? await kept.channel.closeFuture.get() }
    }

    // MARK: Limits

    /// Leaves descriptors for everything else in the process: logs, databases, outgoing connections.
    func limitConnections(openFiles: Int) {
        maxConnections.store(
            max(1, min(configuration.maxConnections, openFiles - min(256, openFiles / 4))), ordering: .relaxed)
    }

    /// How many connections may be accepted at all: further ones wait in the system's queue.
    var mostAccepted: Int { maxConnections.load(ordering: .relaxed) + configuration.spareConnections }

    /// - Returns: false when the connection is one too many.
    func openConnection() -> Bool {
        connections.add(1, ordering: .relaxed).newValue <= maxConnections.load(ordering: .relaxed) || makeRoom()
    }

    func closeConnection() {
        connections.subtract(1, ordering: .relaxed)
    }

    /// How many connections are open.
    var openConnections: Int { connections.load(ordering: .relaxed) }

    /// How many complete requests have no answer yet.
    var openRequests: Int { requests.load(ordering: .relaxed) }

    /// The bytes of bodies that are held.
    var bufferedBytes: Int { buffered.load(ordering: .relaxed) }

    var hasRoomForRequests: Bool {
        requests.load(ordering: .relaxed) < configuration.maxConcurrentRequests
    }

    func openRequest() -> Bool {
        if requests.add(1, ordering: .relaxed).newValue <= configuration.maxConcurrentRequests { return true }
        closeRequest()
        return false
    }

    func closeRequest() {
        requests.subtract(1, ordering: .relaxed)
    }

    /// - Parameter isLong: long bodies leave a quarter to short ones, of which there is always room for some.
    func reserve(_ bytes: Int, isLong: Bool) -> Bool {
        let limit = configuration.maxBufferedBytes
        let share = isLong ? max(configuration.maxBodyBytes, limit / 4 * 3) : limit
        if buffered.add(bytes, ordering: .relaxed).newValue <= share { return true }
        release(bytes)
        return false
    }

    func release(_ bytes: Int) {
        buffered.subtract(bytes, ordering: .relaxed)
    }
}
