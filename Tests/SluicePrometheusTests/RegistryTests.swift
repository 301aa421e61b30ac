import CoreMetrics
import SluicePrometheus
import SluiceTesting
import Testing

struct RegistryTests {
    @Test func theSameLabelsGiveTheSameSeriesInAnyOrder() {
        let registry = PrometheusRegistry()
        let first = registry.counter("c_total", [("a", "1"), ("b", "2"), ("c", "")])
        #expect(registry.counter("c", [("b", "2"), ("a", "1")]) === first)
        #expect(registry.counter("c", [("b", "1"), ("a", "1")]) !== first)
    }

    @Test func swiftMetricsObjectsBecomeTheRightKinds() {
        let registry = PrometheusRegistry()
        let factory = PrometheusMetricsFactory(registry)
        Counter(label: "http.requests", dimensions: [("some-label", "x")], factory: factory).increment(by: 2)
        FloatingPointCounter(label: "joules", factory: factory).increment(by: 1.5)
        Gauge(label: "depth", factory: factory).record(4)
        let meter = Meter(label: "level", factory: factory)
        meter.set(4)
        meter.increment(by: 2.5)
        meter.decrement(by: 1)
        Recorder(label: "sizes", factory: factory).record(3)
        Timer(label: "wait_seconds", factory: factory).recordMilliseconds(250)
        let exposition = registry.read()
        #expect(exposition.value("http_requests_total", ["some_label": "x"]) == 2)
        #expect(exposition.value("joules_total") == 1.5)
        #expect(exposition.value("depth") == 4)
        #expect(exposition.value("level") == 5.5)
        #expect(exposition.value("sizes_bucket", ["le": "2.5"]) == 0)
        #expect(exposition.value("sizes_bucket", ["le": "5.0"]) == 1)
        #expect(exposition.value("wait_seconds_sum") == 0.25)
        #expect(exposition.value("wait_seconds_bucket", ["le": "0.25"]) == 1)
        #expect(exposition.families.first { $0.name == "http_requests_total" }?.help == "http.requests")
    }

    @Test func bothCountersOfOneNameShareTheSeries() {
        let registry = PrometheusRegistry()
        let factory = PrometheusMetricsFactory(registry)
        Counter(label: "c", factory: factory).increment(by: 2)
        FloatingPointCounter(label: "c", factory: factory).increment(by: 0.5)
        #expect(registry.text().hasSuffix("\nc_total 2.5\n"))
    }

    @Test func aSeriesGoesWithItsLastUser() {
        let registry = PrometheusRegistry()
        let factory = PrometheusMetricsFactory(registry)
        let first = Counter(label: "c", factory: factory)
        let second = FloatingPointCounter(label: "c", factory: factory)
        first.increment()
        first.destroy()
        #expect(registry.read().value("c_total") == 1)
        second.destroy()
        #expect(registry.text() == "")
        first.increment()
        let third = Counter(label: "c", factory: factory)
        #expect(registry.read().value("c_total") == 0)
        first.destroy()
        #expect(registry.read().value("c_total") == 0)
        third.destroy()
        Gauge(label: "g", factory: factory).destroy()
        Meter(label: "g", factory: factory).destroy()
        Recorder(label: "h", factory: factory).destroy()
        Timer(label: "h", factory: factory).destroy()
        #expect(registry.text() == "")
    }

    @Test func removesEverySeriesThatHasTheLabels() {
        let registry = PrometheusRegistry()
        for topic in ["a", "b"] {
            for partition in ["0", "1"] {
                _ = registry.gauge("lag", [("topic", topic), ("partition", partition)])
                _ = registry.counter("c_total", [("topic", topic), ("partition", partition)])
            }
        }
        #expect(registry.remove("lag", labels: [("topic", "a")]) == 2)
        #expect(registry.remove("lag", labels: [("partition", "1"), ("topic", "b")]) == 1)
        #expect(registry.remove("c_total", labels: [("topic", "b")]) == 2)
        #expect(registry.remove("nothing", labels: []) == 0)
        #expect(registry.read().samples.count == 3)
    }

    @Test func aNameOfAnotherKindGivesADetachedHandle() {
        let (registry, conflicts) = makeRegistry()
        registry.counter("x").increment(by: Int64(1))
        registry.gauge("x").set(7.0)
        registry.histogram("x").record(7.0)
        #expect(conflicts.all.map(\.reason) == [.kind, .kind])
        #expect(registry.read().samples.count == 1)
    }

    @Test(arguments: [
        (MetricKind.counter, "x", MetricKind.gauge, "x_total"),
        (.counter, "x", .gauge, "x_created"),
        (.histogram, "x", .gauge, "x_sum"),
        (.histogram, "x", .gauge, "x_bucket"),
        (.histogram, "x", .counter, "x_count"),
        (.gauge, "x_count", .histogram, "x"),
        (.gauge, "x_total", .counter, "x"),
        (.histogram, "x_total", .counter, "x"),
    ])
    func namesOfSamplesDoNotCollide(
        first: MetricKind, firstName: String, second: MetricKind, secondName: String
    ) {
        let (registry, conflicts) = makeRegistry()
        make(first, firstName, in: registry)
        make(second, secondName, in: registry)
        // A counter `x_count` exposes `x_count_total`, but its OpenMetrics family is `x_count`.
        #expect(conflicts.all.map(\.reason) == [.name])
        for format in [ExpositionFormat.text, .openMetrics] {
            #expect(registry.read(format).families.count == 1)
        }
    }

    @Test func refusesAnUndescribedLabel() {
        let (registry, conflicts) = makeRegistry()
        registry.describe(MetricDescription("c", kind: .counter, help: "h", labels: ["a", "b"]))
        _ = registry.counter("c", [("a", "1")])
        _ = registry.counter("c", [("a", "1"), ("message_id", "1")])
        #expect(conflicts.all.map(\.reason) == [.labels])
        #expect(registry.read().samples.map(\.identity) == ["c_total{a=\"1\",}"])
    }

    @Test func theFirstDescriptionStands() {
        let (registry, conflicts) = makeRegistry()
        let description = MetricDescription("c", kind: .counter, help: "first")
        registry.describe(description)
        registry.describe(description)
        #expect(conflicts.all.isEmpty)
        registry.describe(MetricDescription("c", kind: .counter, help: "second"))
        registry.describe(MetricDescription("c", kind: .gauge, help: "third"))
        #expect(conflicts.all.map(\.reason) == [.description, .kind])
        _ = registry.counter("c")
        #expect(registry.text().contains("# HELP c_total first\n"))
    }

    @Test func valuesBeyondTheCapBecomeOtherAndAreCounted() {
        let (registry, _) = makeRegistry { $0.cappedLabelsCounter = "capped" }
        registry.describe(MetricDescription("c", kind: .counter, help: "h", caps: ["service": 2]))
        #expect(registry.read().value("capped_total", ["metric": "c", "label": "service"]) == 0)
        for service in ["a", "b", "c", "a", "d", "other"] {
            registry.counter("c", [("service", service), ("code", service)]).increment(by: Int64(1))
        }
        let exposition = registry.read()
        #expect(exposition.value("c_total", ["service": "a"]) == 2)
        #expect(exposition.value("c_total", ["service": "other", "code": "c"]) == 1)
        #expect(exposition.value("c_total", ["service": "other", "code": "d"]) == 1)
        #expect(exposition.value("capped_total", ["metric": "c", "label": "service"]) == 2)
    }

    @Test(arguments: [
        ("", "_"), ("a.b-c/d", "a_b_c_d"), ("1st", "_1st"), ("ünï", "_n_"), ("a:b", "a_b"), ("😀", "_"),
        ("a b\n", "a_b_"),
        ("ok_Name9", "ok_Name9"),
    ])
    func namesAreSanitised(text: String, name: String) {
        let registry = PrometheusRegistry()
        registry.gauge(text, [("x", "1")]).set(1.0)
        #expect(registry.read().samples.map(\.name) == [name])
    }

    @Test func labelNamesAreSanitised() {
        let registry = PrometheusRegistry()
        _ = registry.gauge("g", [("__name__", "a"), ("é", "b"), ("x.y", "c"), ("x_y", "d"), ("le", "e"), ("0", "f")])
        #expect(registry.read().samples.first?.identity == "g{_=\"b\",_0=\"f\",_name__=\"a\",le=\"e\",x_y=\"d\",}")
        _ = registry.histogram("h", [("le", "e")])
        #expect(registry.read().samples.last?["exported_le"] == "e")
        #expect(registry.read().problems.isEmpty)
    }

    private func make(_ kind: MetricKind, _ name: String, in registry: PrometheusRegistry) {
        switch kind {
        case .counter: _ = registry.counter(name)
        case .gauge: _ = registry.gauge(name)
        default: _ = registry.histogram(name)
        }
    }

    /// Nothing is clamped in silence.
    @Test func aConfigurationThatCannotBeIsRefusedByItsField() {
        let wrong: [(field: String, change: (inout PrometheusRegistry.Configuration) -> Void)] = [
            ("compressionLevel", { $0.compressionLevel = 0 }), ("compressionLevel", { $0.compressionLevel = 10 }),
            ("defaultBuckets", { $0.defaultBuckets = [] }), ("defaultBuckets", { $0.defaultBuckets = [2, 1] }),
            ("defaultBuckets", { $0.defaultBuckets = [1, .infinity] }),
        ]
        for (field, change) in wrong {
            var configuration = PrometheusRegistry.Configuration()
            change(&configuration)
            let error = #expect(throws: PrometheusRegistry.InvalidConfiguration.self) {
                try PrometheusRegistry(configuration: configuration)
            }
            #expect(error?.fields.map(\.field) == [field])
        }
        let error = #expect(throws: PrometheusRegistry.InvalidConfiguration.self) {
            try PrometheusRegistry(configuration: .init(compressionLevel: 12))
        }
        #expect("\(error.map { "\($0)" } ?? "")" == "PrometheusRegistry.compressionLevel: expected from 1 to 9, not 12")
        let both = #expect(throws: PrometheusRegistry.InvalidConfiguration.self) {
            try PrometheusRegistry(configuration: .init(defaultBuckets: [], compressionLevel: 12))
        }
        #expect(both?.fields.map(\.field) == ["compressionLevel", "defaultBuckets"])
    }
}
