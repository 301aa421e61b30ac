import Foundation
import Sluice
import SluiceSQLite

/// What `sluice groups list` shows of a group.
struct GroupRow: Sendable, Equatable {
    var topic = ""
    var group = ""
    var backlog: Int64 = 0
    /// Of a group of the embedded log.
    var settledThrough: Int64?
    var oldestPending: String?
    var lastRead: String?
    /// Who reads it; on Kafka "unknown" where the brokers do not say.
    var reader: String?
    /// How many of the backlog are kept behind a failing key.
    var shelved: Int64 = 0
    /// Whether its route is paused, as the gateway says.
    var isPaused = false
    /// Of a group of Kafka's.
    var partitions: [Partition] = []

    /// Where a group of Kafka's stands in a partition.
    struct Partition: Sendable, Equatable {
        var partition: Int64 = 0
        /// The offset of the next record; nil when nothing is committed.
        var position: Int64?
        var first: Int64 = 0
        var end: Int64 = 0

        /// What retention has taken does not count.
        var waiting: Int64 { max(0, end.subtractingSaturated(max(first, position ?? first))) }
    }

    init() {}

    init(_ group: SQLiteGroup) {
        topic = group.topic.name
        self.group = group.name
        backlog = group.backlog.messages
        shelved = Int64(clamping: group.backlog.shelved)
        settledThrough = group.settledThrough
        oldestPending = group.backlog.oldestPending.map(RFC3339.format)
        lastRead = group.lastRead.map(RFC3339.format)
        reader = group.reader.map { reader in
            switch reader {
            case .thisProcess: "process \(getpid())"
            case .process(let number): number.map { "process \($0)" } ?? "a process"
            }
        }
    }

    /// Reads what ``json`` wrote.
    init(json: [UInt8]) throws(JSONError) {
        var row = GroupRow()
        try JSONReader.fields(of: json) { (reader) throws(JSONError) in
            try reader.field("topic", &row.topic)
            try reader.field("group", &row.group)
            try reader.field("backlog", &row.backlog)
            try reader.field("settled_through", &row.settledThrough)
            try reader.field("oldest_pending", &row.oldestPending)
            try reader.field("last_read", &row.lastRead)
            try reader.field("read_by", &row.reader)
            try reader.field("shelved", &row.shelved)
            try reader.field("paused", &row.isPaused)
            if reader.isAt("partitions") { row.partitions = try Partition.list(&reader) }
        }
        self = row
    }

    var json: [UInt8] { JSONWriter.object(write) }

    func write(_ json: inout JSONWriter) {
        json.member("topic", topic)
        json.member("group", group)
        json.member("backlog", backlog)
        if let settledThrough { json.member("settled_through", settledThrough) }
        json.member("oldest_pending", ifPresent: oldestPending)
        json.member("last_read", ifPresent: lastRead)
        json.member("read_by", ifPresent: reader)
        if shelved > 0 { json.member("shelved", shelved) }
        if isPaused { json.member("paused", true) }
        guard !partitions.isEmpty else { return }
        json.name("partitions")
        json.array { json in
            for partition in partitions { json.object(partition.write) }
        }
    }

    /// One JSON object a line.
    static func lines(_ rows: [GroupRow]) -> String {
        rows.map { String(decoding: $0.json, as: UTF8.self) + "\n" }.joined()
    }

    /// A table for people.
    static func table(_ rows: [GroupRow]) -> String {
        let cells = rows.map { row in
            [
                row.topic, row.group, "\(row.backlog)", row.oldestPending ?? "-", row.lastRead ?? "-",
                (row.reader ?? "-") + (row.isPaused ? " (paused)" : ""),
            ]
        }
        let heads = ["TOPIC", "GROUP", "BACKLOG", "OLDEST PENDING", "LAST READ", "READ BY"]
        let table = [heads] + cells
        let widths = heads.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        return table.map { row in
            let cells = row.indices.map {
                row[$0] + String(repeating: " ", count: max(0, widths[$0] - row[$0].count))
            }
            return cells.joined(separator: "  ").trimmedAtEnd + "\n"
        }.joined()
    }
}

extension GroupRow.Partition {
    fileprivate static func list(_ reader: inout JSONReader) throws(JSONError) -> [Self] {
        var found: [Self] = []
        try reader.array { (reader) throws(JSONError) in found.append(try read(&reader)) }
        return found
    }

    fileprivate static func read(_ reader: inout JSONReader) throws(JSONError) -> Self {
        var found = Self()
        try reader.fields { (reader) throws(JSONError) in
            try reader.field("partition", &found.partition)
            try reader.field("position", &found.position)
            try reader.field("first", &found.first)
            try reader.field("end", &found.end)
        }
        return found
    }

    fileprivate func write(_ json: inout JSONWriter) {
        json.member("partition", partition)
        if let position { json.member("position", position) }
        json.member("first", first)
        json.member("end", end)
        json.member("lag", waiting)
    }
}

extension String {
    fileprivate var trimmedAtEnd: String {
        String(reversed().drop { $0 == " " }.reversed())
    }
}
