import Logging
import Sluice
import SluiceMetrics
import SluicePrometheus
import SluiceTesting
import Testing

/// Metrics of one's own, made with nothing that is not public.
@Suite(.timeLimit(.minutes(10)))
struct MetricFamilyTests {
    /// Counts the orders of a route by their type, as a user would.
    private struct CountOrders: Middleware {
        func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
            let orders = route.instruments.counter(
                "orders_by_type_total", labels: [.handler, .init("type", cap: 3)], help: "Orders taken in, by type.")
            let sizes = route.instruments.histogram(
                "order_size_bytes", labels: [.handler], buckets: [1, 10], help: "How large an order is.")
            return { message, context in
                let type = String(decoding: message.payload, as: UTF8.self)
                orders.increment(type)
                sizes.observe(Double(message.payload.count), correlationID: context.correlationID)
                return try await next(message, context)
            }
        }
    }

    @Test func aMiddlewareCountsByALabelFromOutside() async throws {
        try await VirtualTime.run { time in
            let backend = PrometheusBackend(includesProcess: false)
            let broker = MemoryBroker(time: time)
            let router = Router(
                middlewares: [CountOrders()], instruments: backend.instruments, logger: .silent, time: time)
            try router.add(Route("r", from: broker.subscriber(group: "g"), "in") { _, _ in })
            let running = time.task { try await router.run() }
            try await time.eventually { router.status.allSatisfy(\.isRunning) }
            let types = ["book", "book", "pen", "ink", "cup"]
            try await broker.publisher().publish(types.map { Message(payload: Array($0.utf8)) }, to: "in")
            try await time.eventually {
                Exposition(of: backend).value("sluice_deliveries_total", ["outcome": "acked"]) == 5
            }
            let shown = Exposition(of: backend)
            let counts = ["book", "pen", "other"].map {
                shown.value("orders_by_type_total", ["handler_name": "r", "type": $0])
            }
            // The cap is 3, and `other` one of them.
            #expect(counts == [2, 1, 2])
            #expect(shown.families.first { $0.name == "orders_by_type_total" }?.help == "Orders taken in, by type.")
            #expect(shown.value("order_size_bytes_bucket", ["handler_name": "r", "le": "10.0"]) == 5)
            router.drain()
            try await running.value
        }
    }

    @Test func aValueThatIsNotListedIsOther() {
        let backend = PrometheusBackend(includesProcess: false)
        let orders = backend.instruments.counter(
            "orders_total", labels: [.init("how", values: ["mail", "shop"])], help: "Orders taken in.")
        #expect(Exposition(of: backend).value("orders_total", ["how": "shop"]) == 0)
        orders.increment("shop", by: 2)
        orders.increment("theft")
        let shown = Exposition(of: backend)
        #expect(shown.value("orders_total", ["how": "shop"]) == 2)
        #expect(shown.value("orders_total", ["how": "other"]) == 1)
    }

    @Test func severalLabelsAreGivenInTheirOrder() {
        let backend = PrometheusBackend(includesProcess: false)
        let stock = backend.instruments.gauge(
            "stock", labels: [.init("shop", cap: 10), .init("type", values: ["book", "pen"])], help: "What there is.")
        stock.labels("here", "pen").set(7)
        #expect(stock.openLabels.map(\.name) == ["shop", "type"])
        #expect(Exposition(of: backend).value("stock", ["shop": "here", "type": "pen"]) == 7)
        backend.instruments.gauge("shops", help: "How many shops there are.").set(1)
        #expect(Exposition(of: backend).value("shops") == 1)
    }

    /// In a library neither a trap nor silence: it is counted all the same, and said once.
    @Test func aWrongNumberOfValuesLosesNothingAndIsSaidOnce() {
        let (registry, log) = (PrometheusRegistry(), LogRecorder())
        let instruments = Instruments(factory: PrometheusMetricsFactory(registry), logger: log.logger)
        let sales = instruments.counter(
            "sales_total", labels: [.init("shop", cap: 10), .init("type", cap: 10)], help: "What was sold.")
        sales.increment("here")
        sales.labels("here", "pen", "blue").increment()
        sales.labels().increment()
        let plain = instruments.counter("plain_total", help: "What has no labels.")
        plain.increment("a")
        plain.increment()
        let shown = Exposition(registry.exposition(.text), format: .text)
        #expect(shown.value("sales_total", ["shop": "here", "type": "other"]) == 1)
        #expect(shown.value("sales_total", ["shop": "here", "type": "pen"]) == 1)
        #expect(shown.value("sales_total", ["shop": "other", "type": "other"]) == 1)
        #expect(shown.value("plain_total") == 2)
        let lines = log.lines.filter { $0.contains("another number of values") }
        #expect(lines.count == 2)
        #expect(lines.first?.contains("sales_total") == true && lines.first?.contains("shop, type") == true)
    }

    /// A query for the name that the program gave would find nothing.
    @Test func aNameThatPrometheusWouldShowChangedIsSaidOnce() {
        let (registry, log) = (PrometheusRegistry(), LogRecorder())
        let instruments = Instruments(factory: PrometheusMetricsFactory(registry), logger: log.logger)
        let wrong: [(name: String, labels: [String])] = [
            ("bad name_total", []), ("orders", []), ("1st_total", []), ("größe_total", []), ("", []),
            ("labels_total", ["good", "bad-label"]), ("reserved_total", ["__name"]),
        ]
        for (name, labels) in wrong {
            for _ in 0..<3 {
                _ = instruments.part().counter(name, labels: labels.map { .init($0) }, help: "Of a test.")
            }
        }
        _ = instruments.gauge("bad gauge", help: "Of a test.")
        _ = instruments.histogram("bad histogram", buckets: [1], help: "Of a test.")
        let lines = log.entries.filter { $0.message.contains("under another name") }
        #expect(lines.compactMap { $0.metadata["metric"] } == wrong.map(\.name) + ["bad gauge", "bad histogram"])
        #expect(lines.allSatisfy { $0.level == .error })
        #expect(lines.contains { $0.message.contains("bad-label") })
    }

    @Test func namesThatAreShownAsTheyAreNeedNoWord() {
        let log = LogRecorder()
        let instruments = Instruments(factory: PrometheusMetricsFactory(PrometheusRegistry()), logger: log.logger)
        _ = instruments.counter("orders_by_type_total", labels: [.handler, .init("type", cap: 5)], help: "Of a test.")
        _ = instruments.gauge("_Queue2", help: "Of a test.")
        for metric in Metric.coreAreas.flatMap(\.metrics) where metric.kind == .counter {
            _ = instruments.counter(metric, metric.labels.map { ($0.name, "x") })
        }
        #expect(log.lines.isEmpty, "\(log.text)")
    }

    @Test func whatIsNotSaidOfALabelIsOpenOutsideOfARoute() {
        let backend = PrometheusBackend(includesProcess: false)
        backend.instruments.counter("a_total", labels: [.handler], help: "What a route did.").increment("mine")
        #expect(Exposition(of: backend).value("a_total", ["handler_name": "mine"]) == 1)
    }
}
