import Foundation

/// `make bench`: prints figures for this machine, now. Compare within one run only.
///
/// Arguments choose subjects, all by default; `SCALE=0.1` in the environment makes them shorter. The last table has what is wanted
/// beside what was measured. `CHECK=1` takes the median of five runs, the subjects in turn, and ends with 1 where a figure
/// misses what is wanted by more than a fifth.
@main
struct SluiceBenchmarks {
    private static let subjects: [(String, @Sendable (Double) async throws -> Void)] = [
        ("route", RouteBenchmarks.run), ("middlewares", MiddlewareBenchmarks.run), ("journal", JournalBenchmarks.run),
        ("log", LogBenchmarks.run), ("status", StatusBenchmarks.run), ("json", JSONBenchmarks.run),
        ("metrics", MetricsBenchmarks.run), ("webhooks", WebhookBenchmarks.run), ("outage", OutageBenchmarks.run),
        ("kafka-publish", KafkaPublishBenchmarks.run), ("kafka-consume", KafkaConsumeBenchmarks.run),
        ("amqp", AMQPBenchmarks.run), ("kafka-to-amqp", KafkaToAMQPBenchmarks.run),
    ]

    /// Off the main actor, which only a slow change of threads leads away from.
    @concurrent static func main() async throws {
        let scale = ProcessInfo.processInfo.environment["SCALE"].flatMap(Double.init) ?? 1
        let chosen = Set(CommandLine.arguments.dropFirst())
        guard chosen.isSubset(of: subjects.map(\.0)) else {
            print("subjects are \(subjects.map(\.0).joined(separator: ", "))")
            return
        }
        let isChecked = ProcessInfo.processInfo.environment["CHECK"] == "1"
        for _ in 0..<(isChecked ? 5 : 1) {
            for (name, run) in subjects where chosen.isEmpty || chosen.contains(name) { try await run(scale) }
        }
        if !Goals.report(), isChecked { exit(1) }
    }
}
