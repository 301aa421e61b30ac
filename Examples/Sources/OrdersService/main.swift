import Logging
import Orders
import ServiceLifecycle
import Sluice
import SluiceHTTP
import SluiceMetrics
import SluiceSQLite

// The queue: a file here, and a change of two lines where it is Kafka or RabbitMQ.
let log = try SQLiteLog.open(.init(path: "orders.sqlite"))

// `/metrics` in three lines, with help texts, buckets and exemplars.
let backend = PrometheusBackend()
let router = Router(middlewares: Invoicing.middlewares(poison: log.publisher()), instruments: backend.instruments)
let metrics = try HTTPListener(port: 9464, resources: .metrics(backend))

/// Stands for a client of the real one.
struct FullWarehouse: Warehouse {
    func reserve(_ items: [Order.Item], for order: Int) async throws {}
}

try router.add(Invoicing(FullWarehouse()).route(from: log.subscriber(group: "invoicing"), to: log.publisher()))

// SIGTERM and Ctrl-C let messages in hand finish. Services stop in the opposite order: the router, then what it uses.
try await ServiceGroup(
    configuration: .init(
        services: [.init(service: log), .init(service: metrics), .init(service: router)],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "orders"))
).run()
