import SluiceTesting
import Testing

@testable import SluicePrometheus

/// Each Prometheus sees a new series at 0 once, all others the true value.
struct ScraperTests {
    private final class Connection: Sendable {}

    private static let second: UInt64 = 1_000_000_000
    private static let start: UInt64 = 1_000 * second

    private func scraper(_ connection: Connection, address: String = "10.0.0.1", timeout: String? = "10") throws
        -> Scraper
    {
        try #require(
            Scraper(address: address, userAgent: "Prometheus/2.42.0", scrapeTimeout: timeout, connection: connection))
    }

    private func shown(_ registry: PrometheusRegistry, _ scraper: Scraper?, at seconds: UInt64) -> Double? {
        let text = registry.exposition(.text, scraper: scraper, at: Self.start + seconds * Self.second)
        return Exposition(text, format: .text).value("late_total", [:])
    }

    private func late(_ registry: PrometheusRegistry, at seconds: UInt64) -> PrometheusCounter {
        let counter = registry.counter("late")
        counter.startAtZero(at: Self.start + seconds * Self.second)
        counter.increment(by: Int64(3))
        return counter
    }

    @Test func eachPrometheusSeesTheZeroOnceAndOthersTheTruth() throws {
        let registry = PrometheusRegistry()
        let (one, two) = (Connection(), Connection())
        #expect(shown(registry, try scraper(one), at: 0) == nil)
        #expect(shown(registry, try scraper(two), at: 1) == nil)
        let counter = late(registry, at: 5)
        for second in 6..<10 { #expect(shown(registry, nil, at: UInt64(second)) == 3) }
        #expect(shown(registry, try scraper(one), at: 15) == 0)
        #expect(shown(registry, try scraper(one), at: 30) == 3)
        #expect(shown(registry, try scraper(two), at: 31) == 0)
        counter.increment(by: Int64(1))
        #expect(shown(registry, try scraper(two), at: 46) == 4)
        #expect(shown(registry, nil, at: 47) == 4)
    }

    @Test func onlyPrometheusIsPrometheus() {
        let connection = Connection()
        func isOne(_ agent: String?, _ timeout: String?) -> Bool {
            Scraper(address: "a", userAgent: agent, scrapeTimeout: timeout, connection: connection) != nil
        }
        #expect(isOne("Prometheus/2.42.0", nil) && isOne("vm_promscrape", "10") && isOne(nil, "10.000000"))
        #expect(!isOne("curl/8", nil) && !isOne(nil, nil) && !isOne("Mozilla/5.0 Prometheus/1", nil))
        for odd in ["x", "-1", "nan", "1e300", ""] { #expect(isOne("a", odd)) }
    }

    @Test func aSeriesThatWasThereFromTheStartIsShownAsItIs() throws {
        let registry = PrometheusRegistry()
        let counter = registry.counter("late")
        counter.increment(by: Int64(2))
        // Too late: it has been seen.
        counter.startAtZero(at: Self.start)
        #expect(shown(registry, try scraper(Connection()), at: 1) == 2)
    }

    @Test func aHistogramIsShownEmptyAndWithoutExemplars() throws {
        let registry = PrometheusRegistry()
        let histogram = registry.histogram("late")
        histogram.startAtZero(at: Self.start)
        histogram.record(0.3, exemplarLabel: "trace_id", exemplarValue: "abc")
        let scraper = try scraper(Connection())
        for (second, count) in [(1, 0.0), (16, 1.0)] {
            let text = registry.exposition(
                .openMetrics, scraper: scraper, at: Self.start + UInt64(second) * Self.second)
            var checker = ExpositionChecker(format: .openMetrics)
            #expect(checker.check(text) == [])
            let shown = Exposition(text, format: .openMetrics)
            #expect(shown.value("late_count", [:]) == count)
            #expect(shown.value("late_sum", [:]) == count * 0.3)
            #expect(shown.value("late_bucket", ["le": "+Inf"]) == count)
            #expect(String(decoding: text, as: UTF8.self).contains("abc") == (count > 0))
        }
    }

    @Test func aServerThatConnectsAgainIsTheSame() throws {
        let registry = PrometheusRegistry()
        var connection = Connection()
        #expect(shown(registry, try scraper(connection), at: 0) == nil)
        _ = late(registry, at: 5)
        #expect(shown(registry, try scraper(connection), at: 15) == 0)
        for second in stride(from: 30, to: 90, by: 15) {
            connection = Connection()
            #expect(shown(registry, try scraper(connection), at: UInt64(second)) == 3)
        }
    }

    /// Two servers behind one address that connect anew for each scrape: only their rhythm tells them apart.
    @Test(arguments: [1, 4, 6, 7, 9, 11, 14])
    func serversWithoutLastingConnectionsAreToldApartByTheirTurns(_ offset: UInt64) throws {
        let registry = PrometheusRegistry()
        func scrape(at seconds: UInt64) throws -> Double? { shown(registry, try scraper(Connection()), at: seconds) }
        // They settle.
        for round in 0..<4 {
            #expect(try scrape(at: UInt64(round) * 15) == nil)
            #expect(try scrape(at: UInt64(round) * 15 + offset) == nil)
        }
        _ = late(registry, at: 59)
        #expect(try scrape(at: 60) == 0)
        #expect(try scrape(at: 60 + offset) == 0)
        for round in 5..<8 {
            #expect(try scrape(at: UInt64(round) * 15) == 3)
            #expect(try scrape(at: UInt64(round) * 15 + offset) == 3)
        }
    }

    @Test func toAServerThatIsNewAnOldSeriesIsNoNews() throws {
        let registry = PrometheusRegistry()
        _ = late(registry, at: 0)
        #expect(shown(registry, try scraper(Connection()), at: 300) == 0)
        #expect(shown(registry, try scraper(Connection(), address: "10.0.0.2"), at: 301) == 3)
    }

    @Test func theBookIsBounded() throws {
        var book = ScraperBook()
        let connections = (0..<500).map { _ in Connection() }
        let own = Connection()
        _ = book.visit(try scraper(own, address: "own"), at: Self.start)
        for (index, connection) in connections.enumerated() {
            _ = book.visit(try scraper(connection, address: "flood"), at: Self.start + UInt64(index) + 1)
        }
        // One address takes nothing away from another.
        #expect(book.count == 1 + ScraperBook.mostOfOneIdentity)
        #expect(book.visit(try scraper(own, address: "own"), at: Self.start + Self.second).since == Self.start)
        for (index, connection) in connections.enumerated() {
            _ = book.visit(try scraper(connection, address: "\(index)"), at: Self.start + 2 * Self.second)
        }
        #expect(book.count == ScraperBook.most)
    }

    @Test func aValueThatIsGoneMakesRoomUnderItsCap() {
        let registry = PrometheusRegistry()
        registry.describe(MetricDescription("capped", kind: .counter, help: "h", labels: ["l"], caps: ["l": 1]))
        let first = registry.counter("capped", [("l", "first")])
        _ = registry.counter("capped", [("l", "second")])
        registry.release(.counter(first))
        _ = registry.counter("capped", [("l", "third")])
        let values = Exposition(registry.exposition(.text), format: .text).samples.map { $0["l"] }
        #expect(values == ["other", "third"])
    }
}
