import Sluice
import SluiceSQLite

/// What a replay would send: how many events, from when to when, and how many of them the sink had before.
struct ReplayPreview: Sendable, Equatable {
    private(set) var count: Int64 = 0
    private(set) var delivered: Int64 = 0
    /// The sink's own filter leaves them out.
    private(set) var unwanted: Int64 = 0
    /// How many the job goes through, with those that it passes over.
    private(set) var total: Int64 = 0
    private(set) var first: Timestamp?
    private(set) var last: Timestamp?

    /// - Throws: ``EventFilterError``, and what the queue refuses.
    init(_ job: RedriveJob, _ sink: RedriveDesk.Sink, _ store: any RedriveStore) async throws {
        let filter = job.only.isEmpty ? nil : try EventFilter(words: job.only)
        guard let route = sink.routes.first else { return }
        var found = (count: Int64(0), delivered: Int64(0), unwanted: Int64(0), total: Int64(0))
        var (first, last): (Timestamp?, Timestamp?) = (nil, nil)
        try await store.readEvents(of: job) { partition, read in
            let wanted = read.filter { logged in
                guard let event = try? Event(logged.message), filter?.matches(event) ?? true else { return false }
                found.total += 1
                let isWanted = sink.only?.matches(event) ?? true
                if !isWanted { found.unwanted += 1 }
                return isWanted
            }
            let delivered = try await store.delivered(among: wanted, in: partition, by: route)
            for (logged, isDelivered) in zip(wanted, delivered) {
                if isDelivered { found.delivered += 1 }
                if isDelivered, job.skipsDelivered { continue }
                found.count += 1
                // Partitions come one after the other.
                first = min(first ?? logged.timestamp, logged.timestamp)
                last = max(last ?? logged.timestamp, logged.timestamp)
            }
        }
        (count, delivered, unwanted, total) = found
        (self.first, self.last) = (first, last)
    }

    func text(_ job: RedriveJob, _ sink: RedriveDesk.Sink) -> String {
        var words = "\(count) events"
        if let first, let last { words += " from \(RFC3339.format(first)) to \(RFC3339.format(last))" }
        let again =
            job.skipsDelivered ? "\(delivered) delivered before are left out" : "\(delivered) of them delivered before"
        words += ": \(again)"
        if unwanted > 0 { words += "; \(unwanted) that \(sink.name) does not want are left out" }
        let rates = [job.rate, sink.rate].compactMap(\.self)
        if let rate = rates.min(), rate > 0 {
            words +=
                "; at \(RateText.write(rate)) it takes about \(DurationText.rounded(seconds: Double(count) / rate))"
        } else {
            words += "; no rate bounds it: as fast as \(sink.name) takes them"
        }
        return words
    }

    var json: [UInt8] {
        JSONWriter.object { json in
            json.member("count", count)
            json.member("delivered", delivered)
            json.member("unwanted", unwanted)
            json.member("first", ifPresent: first.map(RFC3339.format))
            json.member("last", ifPresent: last.map(RFC3339.format))
        }
    }
}

extension DurationText {
    /// `2h5m`, `3m20s`, `12s`: what a person wants to know of a time that is guessed.
    static func rounded(seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e12 else { return "for ever" }
        let whole = Int64(max(0, seconds).rounded(.up))
        let (days, hours, minutes) = (whole / 86_400, whole % 86_400 / 3_600, whole % 3_600 / 60)
        if days > 0 { return "\(days)d\(hours)h" }
        if hours > 0 { return "\(hours)h\(minutes)m" }
        return minutes > 0 ? "\(minutes)m\(whole % 60)s" : "\(whole)s"
    }
}
