import CoreMetrics
import Foundation
import SluiceTesting
import Testing

@testable import SluicePrometheus

struct ConcurrencyTests {
    @Test(.timeLimit(.minutes(10)), arguments: [ExpositionFormat.text, .openMetrics])
    func countsNeverFallAndAlwaysAgreeWhileManyThreadsUpdate(format: ExpositionFormat) async {
        let registry = PrometheusRegistry()
        let factory = PrometheusMetricsFactory(registry)
        let writers = 8
        let rounds = 20_000
        let done = Recording<Int>()
        await withTaskGroup { group in
            for writer in 0..<writers {
                group.addTask {
                    let counter = Counter(label: "c", factory: factory)
                    let float = FloatingPointCounter(label: "f", factory: factory)
                    let histogram = registry.histogram("h", [("k", "v")])
                    for round in 0..<rounds {
                        counter.increment()
                        float.increment(by: 0.5)
                        histogram.record(
                            Double((round + writer) % 12), exemplarLabel: "trace_id", exemplarValue: "\(round)")
                        if round % 500 == 0 {
                            // Series come and go meanwhile, and names clash.
                            Gauge(label: "g", dimensions: [("writer", "\(round % 7)")], factory: factory).destroy()
                            _ = registry.counter("h")
                            _ = registry.counter("c", [("round", "\(round)")])
                        }
                    }
                    done.append(writer)
                }
            }
            group.addTask {
                var checker = ExpositionChecker(format: format)
                var scrapes = 0
                while done.all.count < writers || scrapes == 0 {
                    #expect(checker.check(registry.exposition(format)) == [])
                    scrapes += 1
                }
                #expect(checker.check(registry.exposition(format)) == [])
            }
        }
        let exposition = registry.read(format)
        let total = Double(writers * rounds)
        #expect(exposition.samples.first { $0.name == "c_total" && $0.labels.isEmpty }?.value == total)
        #expect(exposition.value("f_total") == total / 2)
        #expect(exposition.value("h_count") == total)
        var sum = 0
        for writer in 0..<writers {
            for round in 0..<rounds { sum += (round + writer) % 12 }
        }
        #expect(exposition.value("h_sum") == Double(sum))
    }

    /// Nothing but scrapes of one histogram, as often as possible, while another thread does nothing but observe.
    @Test(.timeLimit(.minutes(10)))
    func theCountIsThatOfTheLastBucketInEveryScrape() {
        let registry = PrometheusRegistry()
        let histogram = registry.histogram("h")
        let isOver = registry.gauge("over")
        // Threads of their own: the cooperative pool may have but one.
        Thread.detachNewThread {
            while isOver.value == 0 { histogram.record(20.0) }
        }
        while histogram.count == 0 {}
        var differences = 0
        for _ in 0..<3_000 {
            let lines = registry.text().split(separator: "\n")
            let last = lines.first { $0.hasPrefix("h_bucket{le=\"+Inf\"} ") }?.split(separator: " ").last
            let count = lines.first { $0.hasPrefix("h_count ") }?.split(separator: " ").last
            if last != count || count == nil { differences += 1 }
        }
        isOver.set(1.0)
        #expect(differences == 0)
    }

    @Test func noAdditionIsLostInOneCell() {
        let cells = SharedCells()
        let gauge = PrometheusRegistry().gauge("g")
        let counter = PrometheusRegistry().counter("c")
        let threads = 4
        let rounds = 1_000_000
        DispatchQueue.concurrentPerform(iterations: threads) { thread in
            for round in 0..<rounds {
                cells.cells.add(1, to: 0, in: 0)
                cells.cells.accumulate(0.5, to: 1, in: 0)
                gauge.increment(by: 2)
                gauge.decrement(by: 1)
                counter.advance(to: Double(round * threads + thread))
            }
        }
        #expect(cells.cells.total(of: 0) == UInt64(threads * rounds))
        #expect(cells.cells.doubleTotal(of: 1) == Double(threads * rounds) / 2)
        #expect(gauge.value == Double(threads * rounds))
        #expect(counter.value == Double(threads * rounds - 1))
    }

    private final class SharedCells: Sendable {
        let cells = Cells(count: 2, striped: true)
    }

    @Test func oneSeriesHasOneHandleWhicheverTaskAsksFirst() async {
        let registry = PrometheusRegistry()
        let handles = await withTaskGroup(of: [PrometheusCounter].self) { group in
            for _ in 0..<8 {
                group.addTask { (0..<200).map { registry.counter("c", [("n", "\($0)")]) } }
            }
            return await group.reduce(into: [[PrometheusCounter]]()) { $0.append($1) }
        }
        for index in 0..<200 {
            #expect(Set(handles.map { ObjectIdentifier($0[index]) }).count == 1)
        }
    }
}
