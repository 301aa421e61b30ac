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

    /// The bytes of long bodies that are held.
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

    func reserve(_ bytes: Int) -> Bool {
        if buffered.add(bytes, ordering: .relaxed).newValue <= configuration.maxBufferedBytes { return true }
        release(bytes)
        return false
    }

    func release(_ bytes: Int) {
        buffered.subtract(bytes, ordering: .relaxed)
    }
}
