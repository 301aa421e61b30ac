import Foundation
import GatewayTestSupport
import Logging
import Sluice
import SluiceTesting
import Synchronization

@testable import SluiceGateway

/// A journal with its thread and nothing around it.
struct JournalUnderTest: Sendable {
    let journal: Journal
    let metrics: MetricsRecorder
    let recorder: LogRecorder
    let route: Int

    var reader: JournalReader { journal.reader }

    var notes: [String] {
        var readiness = Readiness()
        journal.report(to: &readiness)
        return readiness.notes
    }

    func value(_ name: String) -> Double? { metrics.read().value("sluice_journal_\(name)") }

    /// - Parameters:
    ///   - bytes: how much it may take up.
    ///   - pace: short waits unless said otherwise.
    init(
        in directory: String, bytes: Int64 = 256 << 20, retention: Duration = .seconds(86_400),
        change: (inout JournalPace) -> Void = { _ in }
    ) {
        var pace = JournalPace()
        pace.interval = .milliseconds(5)
        pace.sweep = .milliseconds(50)
        change(&pace)
        metrics = MetricsRecorder()
        recorder = LogRecorder()
        journal = Journal(
            path: "\(directory)/journal.sqlite", bytes: bytes, retention: retention, pace: pace, metrics.instruments,
            isDoubted: { false }, logger: recorder.logger(at: .debug))
        route = journal.begin("log-to-slack", to: "slack")
    }

    /// Runs the thread around `body`; everything is written when it returns.
    func whileWriting<Result>(_ body: () async throws -> Result) async throws -> Result {
        let thread = try WorkerThread(name: "journal") { [journal, recorder] in
            JournalLoop(journal, isDoubted: { false }, logger: recorder.logger(at: .debug)).run()
        }
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        journal.state.end()
        journal.signal.raise()
        await thread.end()
        return try result.get()
    }

    /// Notes an attempt that has just ended, or some time ago.
    func attempt(
        _ message: MessageID = MessageID(), _ number: Int = 1, _ result: AttemptResult? = .success,
        reason: String? = nil, retryAfter: Duration? = nil, ago: Duration = .zero, offset: Int64? = nil
    ) {
        let end = MonotonicTime.now().advanced(by: .zero - ago)
        let start = end.advanced(by: .milliseconds(-20))
        journal.ended(
            AttemptEnd(
                route: route, message: message, attempt: number, offset: offset,
                arrival: start.advanced(by: .milliseconds(-300)), start: start, end: end,
                waits: .init(throttle: 100_000_000, backoff: 150_000_000), result: result, reason: reason,
                retryAfter: retryAfter))
    }

    /// How many rows a table of the file has; 0 where it cannot be read.
    func count(_ table: String) async throws -> Int {
        let result = try await runTool(
            ["sqlite3", journal.file.path, "SELECT count(*) FROM \(table)"], in: TemporaryDirectory())
        return Int(result.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }
}
