import Foundation

/// `make bench`: prints figures for this machine, now. Compare within one run only.
///
/// Arguments choose subjects (`route`, `log`, `metrics`, `webhooks`, `memory`; all by default); `SCALE=0.1` in the environment makes them shorter.
@main
struct SluiceBenchmarks {
    /// Off the main actor, which only a slow change of threads leads away from.
    @concurrent static func main() async throws {
        let scale = ProcessInfo.processInfo.environment["SCALE"].flatMap(Double.init) ?? 1
        let chosen = Set(CommandLine.arguments.dropFirst())
        let subjects: [(String, (Double) async throws -> Void)] = [
            ("route", RouteBenchmarks.run), ("log", LogBenchmarks.run), ("metrics", MetricsBenchmarks.run),
            ("webhooks", WebhookBenchmarks.run), ("memory", MemoryBenchmarks.run),
        ]
        for (name, run) in subjects where chosen.isEmpty || chosen.contains(name) { try await run(scale) }
    }
}
