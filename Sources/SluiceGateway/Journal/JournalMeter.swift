import Sluice

/// Shows how the journal fares.
final class JournalMeter: Sendable {
    private let attempts: CounterHandle
    private let lost: CounterHandle

    init(_ instruments: Instruments, _ state: JournalState) {
        attempts = instruments.counter(.journalAttempts)
        lost = instruments.counter(.journalDropped)
        let (bytes, oldest) = (instruments.gauge(.journalBytes), instruments.gauge(.journalOldest))
        instruments.onRefresh(for: self) {
            let extent = state.extent
            bytes.set(Double(extent.bytes))
            oldest.set(extent.oldest.map { Double($0.millisecondsSince1970) / 1_000 } ?? 0)
        }
    }

    func wrote(_ count: Int) { attempts.increment(by: Int64(count)) }
    func dropped(_ count: Int) { lost.increment(by: Int64(count)) }
}

extension Metric {
    static let journalArea = Area(
        "Journal", "Where there is one (`JOURNAL_RETENTION`).",
        [journalAttempts, journalDropped, journalBytes, journalOldest])

    static let journalAttempts = counter(
        "sluice_journal_attempts_total", help: "Attempts that were written into the journal.")
    static let journalDropped = counter(
        "sluice_journal_dropped_total",
        help:
            "Records that the journal could not keep: they came faster than they could be written, or its file could not be used. No message is lost by it."
    )
    static let journalBytes = gauge(
        "sluice_journal_bytes", help: "How much the journal takes up on the disk, with its write-ahead log.")
    static let journalOldest = gauge(
        "sluice_journal_oldest_timestamp_seconds",
        help: "When the oldest attempt or message in the journal was, in seconds since 1970; 0 when there is none.")
}
