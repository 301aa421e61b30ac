import NIOHTTP1
import Sluice

/// What a path leads to, and the metrics of its requests.
final class InboundRoute: Sendable {
    let path: String
    let method: HTTPMethod
    let endpoint: HTTPEndpoint?
    let resource: HTTPResource?
    let observe: @Sendable (HTTPExchange) -> Void

    private let slot: SubscriptionSlot

    /// The endpoint's own path, then its aliases: all of them lead to the same subscription.
    /// - Parameter capacityBytes: what the messages that wait for a handler may hold together.
    static func routes(_ endpoint: HTTPEndpoint, capacityBytes: Int, observer: HTTPObserver) -> [InboundRoute] {
        let slot = SubscriptionSlot(capacity: endpoint.capacity, capacityBytes: capacityBytes)
        return ([endpoint.path] + endpoint.aliases).map { path in
            InboundRoute(endpoint, path: path, slot: slot, observer: observer)
        }
    }

    private init(_ endpoint: HTTPEndpoint, path: String, slot: SubscriptionSlot, observer: HTTPObserver) {
        self.path = path
        self.slot = slot
        method = HTTPMethod(rawValue: endpoint.method)
        self.endpoint = endpoint
        resource = nil
        observe = observer.observe(path)
    }

    init(_ resource: HTTPResource, observer: HTTPObserver) {
        path = resource.path
        method = HTTPMethod(rawValue: resource.method)
        endpoint = nil
        slot = SubscriptionSlot(capacity: 1, capacityBytes: 1)
        self.resource = resource
        observe = observer.observe(resource.path)
    }

    /// Whether the listener's own authenticator is asked.
    var isGuarded: Bool { resource.map { !$0.isOpen } ?? false }

    func allows(_ method: HTTPMethod) -> Bool {
        method == self.method || (method == .HEAD && self.method == .GET && resource != nil)
    }

    var allowed: String {
        resource != nil && method == .GET ? "GET, HEAD" : method.rawValue
    }

    func offer(_ delivery: Delivery) -> SubscriptionSlot.Offer { slot.offer(delivery) }

    /// - Returns: nil when a subscription exists already.
    func subscribe() -> Subscription? { slot.subscribe() }

    func end() { slot.end() }
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
        case .retry(let after), .throttled(let after):
            self = .unavailable(
                "handling the message failed; send it again", retryAfter: rejection.delay ?? after ?? retryAfter)
        }
    }
}
