import CoreMetrics
import SluicePrometheus
import SluiceTesting
import Testing

struct HandleTests {
    @Test func aCounterIgnoresWhatWouldMakeItFall() {
        let registry = PrometheusRegistry()
        let counter = registry.counter("c")
        counter.increment(by: Int64(-1))
        counter.increment(by: Int64.min)
        counter.increment(by: -1.0)
        counter.increment(by: Double.nan)
        counter.increment(by: -Double.infinity)
        #expect(counter.value == 0)
        counter.increment(by: Int64(5))
        counter.advance(to: 3)
        counter.advance(to: 2)
        #expect(counter.value == 8)
        counter.reset()
        #expect(counter.value == 0)
    }

    @Test func countersAreExactBeyondTheMantissaOfADouble() {
        let registry = PrometheusRegistry()
        let counter = registry.counter("c")
        counter.increment(by: Int64.max)
        #expect(registry.text().hasSuffix("c_total 9223372036854775807\n"))
        counter.increment(by: Int64.max)
        counter.increment(by: Int64.max)
        counter.increment(by: Double.infinity)
        #expect(registry.text().hasSuffix("c_total +Inf\n"))
    }

    @Test(arguments: [
        (0.0, "1.0"), (0.999, "1.0"), (1.0, "1.0"), (1.0000001, "2.0"), (2.0, "2.0"), (2.5, "3.0"), (3.0, "3.0"),
        (3.1, "+Inf"), (Double.infinity, "+Inf"), (-5.0, "1.0"), (-Double.infinity, "1.0"),
    ])
    func aValueFallsIntoTheFirstBucketThatHoldsIt(value: Double, bound: String) {
        for buckets in [[1.0, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5]] {
            let registry = PrometheusRegistry()
            registry.describe(MetricDescription("h", kind: .histogram, help: "h", buckets: buckets))
            registry.histogram("h").record(value)
            let counts = registry.read().samples.filter { $0.name == "h_bucket" }
            let expected = bound == "+Inf" && value < 4 ? "4.0" : bound
            let first = counts.first { $0.value == 1 }?["le"]
            #expect(first == (buckets.count == 3 ? bound : expected))
            #expect(registry.read().value("h_sum") == (value < 0 ? 0 : value))
            #expect(registry.read().value("h_count") == 1)
        }
    }

    @Test(arguments: [0, 1, 2, 3, 5, 6, 11, 16, 31])
    func everyNumberOfBucketsFindsEveryBucket(count: Int) {
        let registry = PrometheusRegistry()
        let buckets = (0..<count).map { Double($0) * 2 }
        registry.describe(MetricDescription("h", kind: .histogram, help: "h", buckets: buckets))
        let histogram = registry.histogram("h")
        // A value on each bound, and one between each pair of bounds: bucket 0 takes one, the others two.
        for value in 0..<max(count * 2, 1) { histogram.record(Int64(value)) }
        let counts = registry.read().samples.filter { $0.name == "h_bucket" }.map(\.value)
        var expected = (0..<count).map { Double($0 * 2 + 1) }
        expected.append(Double(max(count * 2, 1)))
        #expect(counts == expected)
    }

    @Test func notANumberIsNotObserved() {
        let registry = PrometheusRegistry()
        let histogram = registry.histogram("h")
        histogram.record(Double.nan)
        histogram.record(.nan, exemplarLabel: "a", exemplarValue: "b")
        #expect(histogram.count == 0)
        histogram.recordNanoseconds(.max)
        histogram.recordNanoseconds(.min)
        #expect(histogram.count == 2)
        #expect(histogram.sum == Double(Int64.max) / 1e9)
    }

    @Test func aTimerOnABoundFallsIntoItsBucket() {
        let registry = PrometheusRegistry()
        for bound in [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.3, 0.5, 1, 2.5, 5, 10] {
            registry.describe(MetricDescription("h\(bound)", kind: .histogram, help: "h", buckets: [bound]))
            registry.histogram("h\(bound)").recordNanoseconds(Int64((bound * 1e9).rounded()))
        }
        #expect(registry.read().samples.filter { $0.name.hasSuffix("_bucket") }.allSatisfy { $0.value == 1 })
    }

    @Test func keepsTheNewestExemplarOfEachBucket() throws {
        var registry = PrometheusRegistry()
        var histogram = registry.histogram("h")
        // A bucket keeps what it has for 100 ms: again until nothing has come between the records.
        var before: ContinuousClock.Instant
        repeat {
            registry = PrometheusRegistry()
            histogram = registry.histogram("h")
            before = .now
            histogram.record(0.003, exemplarLabel: "trace_id", exemplarValue: "low")
            histogram.record(7, exemplarLabel: "trace_id", exemplarValue: "high")
            histogram.record(700, exemplarLabel: "trace id", exemplarValue: "highest")
            histogram.record(0.004, exemplarLabel: "trace_id", exemplarValue: "too soon")
        } while ContinuousClock.now - before > .milliseconds(80)
        let exemplars = registry.read(.openMetrics).samples.filter { $0.exemplar != nil }
        try #require(exemplars.map { $0["le"] } == ["0.005", "10.0", "+Inf"])
        #expect(exemplars.map { $0.exemplar?.value } == [0.003, 7, 700])
        #expect(exemplars.last?.exemplar?.labels == ["trace_id": "highest"])
        #expect(exemplars.first?.exemplar?.labels == ["trace_id": "low"])
        #expect(!registry.text().contains("trace_id"))
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline, !registry.text(.openMetrics).contains("later") {
            histogram.record(0.002, exemplarLabel: "trace_id", exemplarValue: "later")
        }
        #expect(registry.read(.openMetrics).samples.first?.exemplar?.labels == ["trace_id": "later"])
        #expect(registry.read(.openMetrics).samples.first?.exemplar?.value == 0.002)
        let timestamp = try #require(registry.read(.openMetrics).samples.first?.exemplar?.timestamp)
        #expect(timestamp > 1_500_000_000 && timestamp < 10_000_000_000)
    }

    @Test func dropsAnExemplarThatIsTooLong() {
        let registry = PrometheusRegistry()
        let counter = registry.counter("c")
        counter.increment(by: 1, exemplarLabel: "id", exemplarValue: String(repeating: "é", count: 127))
        #expect(!registry.text(.openMetrics).contains("{id="))
        counter.increment(by: 2, exemplarLabel: "id", exemplarValue: String(repeating: "é", count: 126))
        #expect(registry.text(.openMetrics).contains("c_total 3 # {id=\"é"))
        #expect(registry.read(.openMetrics).problems.isEmpty)
    }

    @Test(arguments: ["nul\0", "\n", "\r", "\u{7F}", "a\"b", "a\\"])
    func dropsAnExemplarThatSomeParserCannotRead(text: String) {
        let registry = PrometheusRegistry()
        let counter = registry.counter("c")
        counter.increment(by: 1, exemplarLabel: "id", exemplarValue: text)
        #expect(registry.text(.openMetrics).hasSuffix("\nc_total 1\n# EOF\n"))
        counter.increment(by: 1, exemplarLabel: "id", exemplarValue: "é 😀 {}#,=")
        #expect(registry.text(.openMetrics).contains("\nc_total 2 # {id=\"é 😀 {}#,=\"} 1 "))
    }

    @Test func handlesOfTheFactoryTakeExemplars() throws {
        let registry = PrometheusRegistry()
        let factory = PrometheusMetricsFactory(registry)
        let timer = try #require(factory.makeTimer(label: "t_seconds", dimensions: []) as? PrometheusHistogram)
        timer.recordNanoseconds(20_000_000, exemplarLabel: "trace_id", exemplarValue: "x")
        #expect(registry.text(.openMetrics).contains("t_seconds_bucket{le=\"0.025\"} 1 # {trace_id=\"x\"} 0.02 "))
    }
}
