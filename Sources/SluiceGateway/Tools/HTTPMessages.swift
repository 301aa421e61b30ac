import Logging
import Sluice
import SluiceHTTP

/// Requests to one path, each answered 202 when its message has been written.
final class HTTPMessages: MessageSource {
    let topic: Topic
    private let listener: HTTPListener
    private let subscriber: HTTPSubscriber
    private let subscription: Subscription

    /// - Parameter address: one that only this machine can reach.
    init(_ address: BindAddress, path: String) async throws {
        var configuration = HTTPListener.Configuration()
        configuration.host = address.host ?? "127.0.0.1"
        configuration.port = Int(address.port)
        listener = try HTTPListener(configuration: configuration, logger: Logger(label: "sluice"))
        var endpoint = HTTPEndpoint(path)
        endpoint.contentTypes = []
        subscriber = try HTTPSubscriber(listener: listener, endpoints: [endpoint])
        topic = Topic(path)
        subscription = try await subscriber.subscribe(to: topic)
    }

    /// What a request holds before it is answered.
    func serve() async throws {
        try await listener.run()
    }

    func next(_ limit: Int) async throws -> [ConsumedMessage]? {
        try await subscription.next(limit).map { deliveries in
            deliveries.map { ConsumedMessage($0.message, $0.origin, delivery: $0) }
        }
    }

    func close() async {
        await subscriber.close()
    }
}
