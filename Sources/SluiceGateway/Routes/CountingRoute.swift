import Sluice

/// The route by which several gateways on one Kafka agree on who counts: the member of its group that owns the first partition of
/// the facts leads. What it reads is acknowledged unread; `facts-to-ledger` brings the facts to every gateway.
enum CountingRoute {
    static let name = "facts-to-metrics"

    private static let joining = Joining(by: KeySelector { _ in [0] }, maximumCount: 500, maximumBytes: 4 << 20)

    static func route(from queue: any EventQueue) throws -> Route {
        Route(
            name, from: try queue.factSubscriber(for: name, from: .now), queue.facts, ordering: .serial,
            middlewares: [CorrelationID(), HandlerMetrics()], joining: joining
        ) { _, _ in }
    }
}
