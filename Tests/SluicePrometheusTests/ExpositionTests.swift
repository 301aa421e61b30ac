import SluicePrometheus
import SluiceTesting
import Testing

struct ExpositionTests {
    @Test func writesThePlainTextFormat() {
        #expect(
            makeSmall().text() == """
                # HELP a_info Build.
                # TYPE a_info gauge
                a_info 1
                # HELP b_seconds Busy \\\\ with "it"\\nand more.
                # TYPE b_seconds histogram
                b_seconds_bucket{k="v",le="0.005"} 1
                b_seconds_bucket{k="v",le="1.0"} 2
                b_seconds_bucket{k="v",le="1e+06"} 2
                b_seconds_bucket{k="v",le="+Inf"} 3
                b_seconds_sum{k="v"} 2000000.505
                b_seconds_count{k="v"} 3
                # HELP c_total c
                # TYPE c_total counter
                c_total{x="1",y="\\\\\\"\\n"} 2
                c_total{x="2"} 0.5

                """)
    }

    @Test func writesOpenMetrics() throws {
        let text = makeSmall().text(.openMetrics)
        let line = try #require(text.split(separator: "\n").first { $0.contains(" # ") })
        let start = "b_seconds_bucket{k=\"v\",le=\"1.0\"} 2 # {trace_id=\"t\"} 0.5 "
        try #require(line.hasPrefix(start))
        #expect(line.dropFirst(start.count).wholeMatch(of: /[0-9]{10}\.[0-9]{3}/) != nil)
        let withoutExemplars = text.replacing(/\ # \{.*/, with: "")
        #expect(
            withoutExemplars == """
                # TYPE a_info gauge
                # HELP a_info Build.
                a_info 1
                # TYPE b_seconds histogram
                # UNIT b_seconds seconds
                # HELP b_seconds Busy \\\\ with \\"it\\"\\nand more.
                b_seconds_bucket{k="v",le="0.005"} 1
                b_seconds_bucket{k="v",le="1.0"} 2
                b_seconds_bucket{k="v",le="1e+06"} 2
                b_seconds_bucket{k="v",le="+Inf"} 3
                b_seconds_sum{k="v"} 2000000.505
                b_seconds_count{k="v"} 3
                # TYPE c counter
                # HELP c c
                c_total{x="1",y="\\\\\\"\\n"} 2
                c_total{x="2"} 0.5
                # EOF

                """)
    }

    @Test func anEmptyRegistryIsAValidExposition() {
        #expect(PrometheusRegistry().text() == "")
        #expect(PrometheusRegistry().text(.openMetrics) == "# EOF\n")
    }

    @Test func leavesOutAUnitThatTheNameDoesNotEndIn() {
        let registry = PrometheusRegistry()
        registry.describe(MetricDescription("wait", kind: .gauge, help: "h", unit: "seconds"))
        registry.describe(MetricDescription("busy_seconds_total", kind: .counter, help: "h", unit: "seconds"))
        registry.gauge("wait").set(1.0)
        registry.counter("busy_seconds").increment(by: 1.0)
        let text = registry.text(.openMetrics)
        #expect(!text.contains("# UNIT wait"))
        #expect(text.contains("# UNIT busy_seconds seconds\n"))
    }

    @Test func aHistogramWithNegativeBucketsHasNoSumInOpenMetrics() {
        let registry = PrometheusRegistry()
        registry.describe(MetricDescription("offset", kind: .histogram, help: "h", buckets: [-1, 1]))
        registry.histogram("offset").record(-3.0)
        #expect(registry.text().contains("offset_sum -3\noffset_count 1\n"))
        #expect(!registry.text(.openMetrics).contains("offset_sum"))
        #expect(!registry.text(.openMetrics).contains("offset_count"))
    }

    @Test func theOrderDoesNotDependOnTheOrderOfUse() {
        let labels = (0..<50).map { [("z", "\($0)"), ("a", "\($0 % 7)")] }
        let forward = PrometheusRegistry()
        let backward = PrometheusRegistry()
        for label in labels { _ = forward.counter("c", label) }
        for label in labels { _ = forward.gauge("b", label) }
        for label in labels.reversed() { _ = backward.gauge("b", label.reversed()) }
        for label in labels.reversed() { _ = backward.counter("c", label.reversed()) }
        #expect(forward.text() == backward.text())
        #expect(forward.text() == forward.text())
    }

    @Test func hooksRunBeforeEachExposition() {
        let registry = PrometheusRegistry()
        let gauge = registry.gauge("now")
        let hook = registry.beforeScrape { gauge.increment(by: 1) }
        #expect(registry.read().value("now") == 1)
        #expect(registry.read(.openMetrics).value("now") == 2)
        registry.cancel(hook)
        #expect(registry.read().value("now") == 2)
    }

    @Test func aHookMayMakeAndRemoveSeries() {
        let registry = PrometheusRegistry()
        registry.beforeScrape { [weak registry] in
            registry?.gauge("lag", [("partition", "1")]).set(3.0)
            registry?.remove("lag", labels: [("partition", "0")])
        }
        registry.gauge("lag", [("partition", "0")]).set(9.0)
        #expect(registry.read().samples.map(\.identity) == ["lag{partition=\"1\",}"])
    }

    private func makeSmall() -> PrometheusRegistry {
        let registry = PrometheusRegistry()
        registry.describe(
            MetricDescription(
                "b_seconds", kind: .histogram, help: "Busy \\ with \"it\"\nand more.", unit: "seconds",
                buckets: [1, 1_000_000, 0.005, .infinity, 1, .nan]))
        registry.describe(MetricDescription("a_info", kind: .gauge, help: "Build."))
        registry.counter("c", [("x", "2"), ("empty", "")]).increment(by: 0.5)
        registry.counter("c", [("y", "\\\"\n"), ("x", "1")]).increment(by: Int64(2))
        let histogram = registry.histogram("b_seconds", [("k", "v")])
        histogram.recordNanoseconds(5_000_000)
        histogram.record(0.5, exemplarLabel: "trace_id", exemplarValue: "t")
        histogram.record(2_000_000.0)
        registry.gauge("a_info").set(Int64(1))
        return registry
    }
}
