public import SluiceMetrics
import SluicePrometheus

extension Exposition {
    /// What `backend` shows now, read back:
    ///
    ///     #expect(Exposition(of: backend).value("orders_by_type_total", ["type": "book"]) == 1)
    public init(of backend: PrometheusBackend) {
        self.init(backend.registry.exposition(.text))
    }
}
