import CoreMetrics
import Sluice
import SluiceMetrics
import SluicePrometheus
import SluiceTesting
import Synchronization
import Testing

struct PrometheusBackendTests {
    @Test func showsWhatAMetricIs() throws {
        let backend = PrometheusBackend()
        let counter = backend.instruments.counter(.messagesReceived, [("handler_name", "r")])
        let histogram = backend.instruments.histogram(
            .handlerExecutionTime, [("handler_name", "r"), ("success", "true")])
        counter.increment()
        histogram.observe(0.003, correlationID: "abc")
        let body = backend.registry.exposition(.openMetrics)
        var checker = ExpositionChecker(format: .openMetrics)
        #expect(checker.check(body) == [])
        let shown = Exposition(body, format: .openMetrics)
        let families = Dictionary(grouping: shown.families, by: \.name)
        #expect(families["sluice_messages_received"]?.first?.help == Metric.messagesReceived.help)
        let times = try #require(families["handler_execution_time_seconds"]?.first)
        #expect(times.unit == "seconds")
        let bounds = times.samples.compactMap { $0["le"] }
        #expect(bounds == Metric.handlerExecutionTime.buckets.map { NumberFormat.plain($0) } + ["+Inf"])
        #expect(String(decoding: body, as: UTF8.self).contains(#"# {correlation_id="abc"} 0.003"#))
    }

    @Test func refreshesWhatIsReadBeforeEachScrape() {
        let backend = PrometheusBackend()
        let gauge = backend.instruments.gauge(.deliveriesInFlight, [("handler_name", "r")])
        backend.instruments.onRefresh { gauge.set(7) }
        let shown = Exposition(of: backend)
        #expect(shown.value("sluice_deliveries_in_flight", ["handler_name": "r"]) == 7)
    }

    @Test func showsTheProcessUnlessToldNotTo() {
        func shows(_ backend: PrometheusBackend) -> Bool {
            Exposition(of: backend).value("process_open_fds") != nil
        }
        #expect(shows(PrometheusBackend()) && !shows(PrometheusBackend(includesProcess: false)))
    }

    @Test func countsWhatOtherLibrariesMeasure() {
        let backend = PrometheusBackend()
        CoreMetrics.Counter(label: "theirs", dimensions: [("a", "b")], factory: backend.factory).increment()
        let shown = Exposition(of: backend)
        #expect(shown.value("theirs_total", ["a": "b"]) == 1)
    }

    @Test func saysWhichMetricCannotBeShown() throws {
        let conflicts = Mutex<[MetricConflict]>([])
        var configuration = PrometheusRegistry.Configuration()
        configuration.onConflict = { conflict in conflicts.withLock { $0.append(conflict) } }
        let backend = try PrometheusBackend(configuration: configuration)
        _ = backend.instruments.counter(.messagesReceived, [("another", "label")])
        #expect(conflicts.withLock { $0.map(\.reason) } == [.labels])
    }
}

private enum NumberFormat {
    /// As Prometheus writes a bound.
    static func plain(_ value: Double) -> String { "\(value)" }
}
