import Sluice
import SluiceSQLite

/// What `sluice log topics` shows of a topic.
struct LogTopicRow: Sendable {
    var topic: String
    var messages: Int64
    /// How many have come in the last hour and in the last day; nil where the broker does not tell.
    var lastHour: Int64?
    var lastDay: Int64?
    /// Nil where the broker does not tell.
    var bytes: Int64?
    /// Whether ``bytes`` was counted, or estimated from some of the messages.
    var isMeasured = true
    var oldest: Timestamp?
    var newest: Timestamp?
    /// The offset of the oldest message, and of the last one that was given out; nil where partitions have their own.
    var offsets: (first: Int64?, last: Int64)?
    var partitions: Int?

    var json: [UInt8] { JSONWriter.object(write) }

    func write(_ json: inout JSONWriter) {
        json.member("topic", topic)
        json.member("messages", messages)
        if let lastHour { json.member("messages_last_hour", lastHour) }
        if let lastDay { json.member("messages_last_day", lastDay) }
        if let bytes {
            json.member("bytes", bytes)
            json.member("bytes_estimated", !isMeasured)
        }
        json.member("oldest", ifPresent: oldest.map(RFC3339.format))
        json.member("newest", ifPresent: newest.map(RFC3339.format))
        if let first = offsets?.first { json.member("first_offset", first) }
        if let last = offsets?.last { json.member("last_offset", last) }
        if let partitions { json.member("partitions", Int64(partitions)) }
    }

    static let heads = [
        "TOPIC", "MESSAGES>", "LAST HOUR>", "LAST DAY>", "SIZE>", "OLDEST", "NEWEST", "OFFSETS",
    ]

    func cells(_ now: Timestamp) -> [String] {
        [
            topic, ProgressUnit.grouped(messages), count(lastHour), count(lastDay),
            bytes.map { (isMeasured ? "" : "~") + StatusWords.bytes($0) } ?? "-", age(oldest, now), age(newest, now),
            place,
        ]
    }

    private func count(_ number: Int64?) -> String { number.map(ProgressUnit.grouped) ?? "-" }

    private func age(_ time: Timestamp?, _ now: Timestamp) -> String {
        guard let time else { return "-" }
        let distance = StatusWords.distance(time, now)
        return time > now ? "in \(distance)" : "\(distance) ago"
    }

    private var place: String {
        if let partitions { return partitions == 1 ? "1 partition" : "\(partitions) partitions" }
        guard let offsets else { return "-" }
        return offsets.first.map { "\($0)…\(offsets.last)" } ?? "none; the next is \(offsets.last.addingSaturated(1))"
    }
}

extension LogTopicRow {
    /// - Parameter bytes: where every message was looked at.
    init(_ summary: SQLiteTopicSummary, bytes: Int64? = nil) {
        self.init(
            topic: summary.topic.name, messages: summary.messages, lastHour: summary.since.first,
            lastDay: summary.since.dropFirst().first, bytes: bytes ?? summary.bytes,
            isMeasured: bytes != nil || summary.isMeasured, oldest: summary.oldest, newest: summary.newest,
            offsets: (summary.first, summary.last))
    }
}
