internal import NIOHTTP1
internal import Sluice
internal import Synchronization

/// What a path leads to, and the metrics of its requests.
final class InboundRoute: Sendable {
    let path: String
    let method: HTTPMethod
    let endpoint: HTTPEndpoint?
    let resource: HTTPResource?
    let observe: @Sendable (HTTPExchange) -> Void

    private let subscription = Mutex<Subscription?>(nil)

    init(_ endpoint: HTTPEndpoint, observer: HTTPObserver) {
        path = endpoint.path
        method = HTTPMethod(rawValue: endpoint.method)
        self.endpoint = endpoint
        resource = nil
        observe = observer.observe(endpoint.path)
    }

    init(_ resource: HTTPResource, observer: HTTPObserver) {
        path = resource.path
        method = HTTPMethod(rawValue: resource.method)
        endpoint = nil
        self.resource = resource
        observe = observer.observe(resource.path)
    }

    func allows(_ method: HTTPMethod) -> Bool {
        method == self.method || (method == .HEAD && self.method == .GET && resource != nil)
    }

    var allowed: String {
        resource != nil && method == .GET ? "GET, HEAD" : method.rawValue
    }

    enum Offer {
        case taken
        case full
        case nobody
    }

    func offer(_ delivery: Delivery) -> Offer {
        guard let subscription = subscription.withLock(\.self) else { return .nobody }
        if subscription.offer(delivery) { return .taken }
        return subscription.isEnded ? .nobody : .full
    }

    /// - Returns: nil when a subscription exists already.
    func subscribe() -> Subscription? {
        let created = Subscription(
            capacity: endpoint?.capacity ?? 1, redelivery: .source,
            onEnd: { [weak self] in self?.subscription.withLock { if $0?.isEnded == true { $0 = nil } } })
        return subscription.withLock { current in
            guard current?.isEnded ?? true else { return nil }
            current = created
            return created
        }
    }

    func end() {
        subscription.withLock(\.self)?.cancel()
    }
}

/// How the head of a request is answered when a settlement is not 202.
extension HTTPInboundResponse {
    init(settling settlement: Settlement, retryAfter: Duration) {
        guard case .rejected(let rejection) = settlement else {
            self = .accepted
            return
        }
        guard let error = rejection.error else {
            self = .unavailable(
                "the message was not handled; send it again", retryAfter: rejection.delay ?? retryAfter)
            return
        }
        switch Disposition(of: error).kind {
        case .poison(let reason), .discard(let reason):
            self = .error(400, reason)
        case .hold(_, let duration):
            self = .unavailable(
                "the message cannot be handled for now; send it again", retryAfter: rejection.delay ?? duration)
        case .retry(let after):
            self = .unavailable(
                "handling the message failed; send it again", retryAfter: rejection.delay ?? after ?? retryAfter)
        }
    }
}
