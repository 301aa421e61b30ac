import SluiceTesting
import Testing

@testable import SluicePrometheus

struct ProcessTests {
    @Test(.enabled(if: ProcessSample.read() != nil, "needs /proc"))
    func exposesTheStandardMetrics() throws {
        let registry = PrometheusRegistry()
        registry.collectProcess()
        let first = registry.read(.openMetrics)
        #expect(try #require(first.value("process_resident_memory_bytes")) > 1_000_000)
        #expect(
            try #require(first.value("process_virtual_memory_bytes"))
                > #require(first.value("process_resident_memory_bytes")))
        #expect(try #require(first.value("process_open_fds")) >= 3)
        #expect(try #require(first.value("process_max_fds")) >= 3)
        #expect(try #require(first.value("process_threads")) >= 1)
        #expect(try #require(first.value("process_start_time_seconds")) > 1_500_000_000)
        let before = try #require(first.value("process_cpu_seconds_total"))
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline, registry.read().value("process_cpu_seconds_total") == before {}
        #expect(try #require(registry.read().value("process_cpu_seconds_total")) > before)
    }

    @Test func readsAProgramNameWithParenthesesAndSpaces() throws {
        let stat =
            "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 7 0 1000 4096000 100 18446744073709551615 0 0\n"
        let sample = try #require(
            ProcessSample.parse(stat: stat, bootTime: 1_000, ticksPerSecond: 100, pageSize: 4_096))
        #expect(sample.cpuSeconds == 3)
        #expect(sample.threads == 7)
        #expect(sample.startSeconds == 1_010)
        #expect(sample.virtualBytes == 4_096_000)
        #expect(sample.residentBytes == 409_600)
    }

    @Test(arguments: ["", "(", ")", "1 (a)", "1 (a) S", "1 (a) S x x x x x x x x x x x x x x x x x x x x x x x"])
    func aBrokenFileGivesNothing(stat: String) {
        #expect(ProcessSample.parse(stat: stat, bootTime: 0, ticksPerSecond: 100, pageSize: 1) == nil)
        #expect(ProcessSample.parseMaxFiles(limits: stat) == nil)
        #expect(ProcessSample.parseBootTime(stat: stat) == nil)
    }

    @Test func readsLimitsAndBootTime() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n"
        #expect(
            ProcessSample.parseMaxFiles(limits: limits + "Max open files            1024    4096   files\n") == 1_024)
        #expect(
            ProcessSample.parseMaxFiles(limits: limits + "Max open files            unlimited  unlimited  files\n")
                == .infinity)
        #expect(ProcessSample.parseBootTime(stat: "cpu 1 2\nbtime 1700000000\nprocesses 1\n") == 1_700_000_000)
    }
}
