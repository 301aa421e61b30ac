import Sluice
import SluiceJSON

/// What the handler asks for the goods. A protocol, so that a test can answer in its place.
public protocol Warehouse: Sendable {
    /// - Throws: ``WarehouseBusy`` when it is worth asking again.
    func reserve(_ items: [Order.Item], for order: Int) async throws
}

/// The warehouse is there, and has no time. It says nothing more, so that it is transient.
public struct WarehouseBusy: Error {
    public init() {}
}

/// Reserves what was ordered and returns the invoice to publish.
///
/// Returning acknowledges the order; throwing rejects it, and the middlewares decide what becomes of it.
public struct Invoicing: Sendable {
    let warehouse: any Warehouse

    public init(_ warehouse: any Warehouse) {
        self.warehouse = warehouse
    }

    public func handle(_ order: Order, _ context: HandlerContext) async throws -> [Message] {
        // No attempt can help: the message goes to the poison queue, with this reason.
        guard !order.items.isEmpty else {
            throw HandlerError(
                "the order has no items", reason: "empty_order", disposition: .poison("the order has no items"))
        }
        try await warehouse.reserve(order.items, for: order.number)
        let total = order.items.reduce(0) { $0 + $1.price * $1.quantity }
        context.logger.info("invoiced", metadata: ["order": "\(order.number)"])
        return [
            try .json(
                Invoice(order: order.number, customer: order.customer, total: total),
                metadata: ["customer": order.customer])
        ]
    }

    /// The route of the service, between any two brokers: what the program runs and its tests probe.
    public func route(from orders: any Subscriber, to invoices: any Publisher) -> Route {
        Route("invoicing", from: orders, "orders", to: invoices, "invoices", json: Order.self, handler: handle)
    }

    /// Around the route, the first outermost.
    public static func middlewares(poison: any Publisher) -> [any Middleware] {
        [
            CorrelationID(), HandlerMetrics(), LogSlow(over: .seconds(1)), PoisonQueue(to: poison, "poison"),
            Retry(
                maxAttempts: 3, backoff: .constant(.milliseconds(200)),
                when: { $0 is WarehouseBusy || $0 is TimeoutError }),
            Timeout(.seconds(10)),
        ]
    }
}
