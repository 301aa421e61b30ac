internal import NIOCore
internal import Synchronization

/// What the connections of one listener share: limits, what is used of them, and the routes.
final class InboundShared: Sendable {
    let configuration: HTTPListener.Configuration
    let requestTimeout: TimeAmount
    let idleTimeout: TimeAmount
    let drainLinger: TimeAmount
    let observer: HTTPObserver
    let unmatched: @Sendable (HTTPExchange) -> Void

    private let routes = Mutex<[String: InboundRoute]>([:])
    private let maxConnections: Atomic<Int>
    private let connections = Atomic<Int>(0)
    private let requests = Atomic<Int>(0)
    private let buffered = Atomic<Int>(0)
    /// The open connections; nil once there may be none.
    private let channels = Mutex<[ObjectIdentifier: any Channel]?>([:])

    init(_ configuration: HTTPListener.Configuration, observer: HTTPObserver) {
        self.configuration = configuration
        self.observer = observer
        requestTimeout = TimeAmount(configuration.requestTimeout)
        idleTimeout = TimeAmount(configuration.idleTimeout)
        drainLinger = TimeAmount(configuration.drainLinger)
        unmatched = observer.observe(Self.unmatchedRoute)
        maxConnections = Atomic(configuration.maxConnections)
    }

    static let unmatchedRoute = "unmatched"

    // MARK: Routes

    func route(_ path: String) -> InboundRoute? {
        routes.withLock { $0[path] }
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
    /// - Returns: false when the listener has ended: the connection is to be closed.
    func keep(_ channel: any Channel) -> Bool {
        let id = ObjectIdentifier(channel)
        let isWanted = channels.withLock { channels in
            channels?[id] = channel
            return channels != nil
        }
        channel.closeFuture.whenComplete { _ in self.channels.withLock { _ = $0?.removeValue(forKey: id) } }
        return isWanted
    }

    /// Closes every connection, now and later. Hummingbird's server, when it is cancelled, closes those that it has
    /// handed on, and forgets those that it had only accepted, some of them before they were active.
    func closeConnections() async {
        let left = channels.withLock { $0.take() } ?? [:]
        for channel in left.values { channel.close(promise: nil) }
        for channel in left.values { try? await channel.closeFuture.get() }
    }

    // MARK: Limits

    /// Leaves descriptors for everything else in the process: logs, databases, outgoing connections.
    func limitConnections(openFiles: Int) {
        maxConnections.store(
            max(1, min(configuration.maxConnections, openFiles - min(256, openFiles / 4))), ordering: .relaxed)
    }

    func openConnection() -> Bool {
        connections.add(1, ordering: .relaxed).newValue <= maxConnections.load(ordering: .relaxed)
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
