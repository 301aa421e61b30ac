import Foundation
import Logging
import Sluice
import SluiceGateway
import SluicePrometheus
import SluiceTesting
import Synchronization

/// What the journal costs the message path: a route in memory without an observer, with one that does nothing, and with the
/// journal, which writes to a disk meanwhile. What matters is the path's own time, which is the wall's; its thread's comes on top
/// of the processor's.
enum JournalBenchmarks {
    static func run(scale: Double) async throws {
        let count = max(1_000, Int(1_000_000 * scale))
        Report.subject(
            "The journal, A → handler, one attempt a message",
            columns: ["journal", "messages/s", "wall", "CPU of all threads", "written", "dropped"])
        for _ in 0..<3 {
            for kind in Kind.allCases { try await row(count, kind) }
        }
        Report.subject("The journal alone: to note an attempt", columns: ["what", "ns an attempt"])
        await noting()
    }

    private enum Kind: String, CaseIterable {
        case off
        case idle = "an observer that does nothing"
        case on
    }

    /// Does what it is asked, which is nothing.
    private final class IdleObserver: RouteObserver {
        func begin(_ route: String, to destination: String) -> Int { 0 }
        func ended(_ attempt: AttemptEnd) {}
        func ended(_ delivery: DeliveryEnd) {}
        func changed(_ destination: DestinationChange) {}
    }

    private static func row(_ count: Int, _ kind: Kind) async throws {
        let logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
        let directory = try Scratch()
        let metrics = MetricsRecorder()
        let journal =
            kind == .on
            ? Journal(path: directory.path("journal.sqlite"), instruments: metrics.instruments, logger: logger) : nil
        let writing = journal.map { journal in Task { try await journal.run() } }
        let router = Router(
            instruments: Instruments(factory: PrometheusMetricsFactory(PrometheusRegistry())), logger: logger,
            observer: kind == .idle ? IdleObserver() : journal)
        let broker = try MemoryBroker(.init(capacity: 4_096))
        let done = Done()
        try router.add(
            Route("bench", from: broker.subscriber(group: "route"), "a", ordering: .serial) { _, _ in done.add() })
        let running = Task { try await router.run() }
        while router.status.contains(where: { !$0.isRunning }) { try await Task.sleep(for: .milliseconds(1)) }
        let source = broker.publisher()
        let cpu = cpuSeconds()
        let seconds = try await timed {
            for start in stride(from: 0, to: count, by: 100) {
                let batch = (start..<min(start + 100, count)).map {
                    Message(payload: [UInt8](repeating: UInt8($0 % 100), count: 16))
                }
                try await source.publish(batch, to: "a")
            }
            while done.count < count { try await Task.sleep(for: .microseconds(200)) }
        }
        let spent = cpuSeconds() - cpu
        router.drain()
        try await running.value
        writing?.cancel()
        _ = try? await writing?.value
        func figure(_ name: String) -> String {
            kind == .on ? "\(Int(metrics.read().value("sluice_journal_\(name)_total") ?? 0))" : ""
        }
        Report.row(
            kind.rawValue, Report.rate(count, seconds), Report.nanoseconds(count, seconds),
            Report.nanoseconds(count, spent), figure("attempts"), figure("dropped"))
    }

    /// Without a thread that writes: the buffer is full after 32,768, and what is measured is until then.
    private static func noting() async {
        let logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
        var least = Double.infinity
        let time = RouterTime.real.now
        for _ in 0..<9 {
            let journal = Journal(path: "/nowhere/journal.sqlite", logger: logger)
            let route = journal.begin("bench", to: "bench")
            let attempts = (0..<32_000).map { _ in
                AttemptEnd(
                    route: route, message: MessageID(), attempt: 1, arrival: time, start: time, end: time,
                    result: .success)
            }
            let seconds = await timed {
                for attempt in attempts { journal.ended(attempt) }
            }
            least = min(least, seconds * 1e9 / Double(attempts.count))
        }
        Report.row("into the buffer, uncontended, the least of nine", String(format: "%.0f ns", least))
    }

    private final class Done: Sendable {
        private let messages = Atomic<Int>(0)
        var count: Int { messages.load(ordering: .relaxed) }
        func add() { messages.wrappingAdd(1, ordering: .relaxed) }
    }
}
