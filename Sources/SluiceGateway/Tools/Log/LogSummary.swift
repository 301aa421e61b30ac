import Sluice
import SluiceSQLite

/// What is in the log: `sluice log topics` and `sluice log stats`.
public struct LogSummary: Sendable {
    /// Where it is, for people.
    let location: String
    /// Of the embedded log.
    let file: SQLiteFileSize?
    let topics: [LogTopicRow]
    let groups: [GroupRow]
    let time: Timestamp

    /// The topics as a table for people.
    public var topicTable: String { Self.text(topicLines) }

    /// One JSON object a line, for each topic.
    public var topicObjects: String {
        topics.map { String(decoding: $0.json, as: UTF8.self) + "\n" }.joined()
    }

    /// Everything for people.
    public var text: String {
        var head = [location]
        if let file {
            head.append(
                "\(StatusWords.bytes(file.bytes)) on the disk, \(StatusWords.bytes(file.free)) of it free to be written again"
            )
        }
        let groups = groups.isEmpty ? "no groups\n" : GroupRow.table(groups)
        return Self.text([head.joined(separator: ": ").replacingUnsafeCharacters(), ""] + topicLines + [""]) + groups
    }

    /// Everything as one JSON object.
    public var json: String {
        let bytes = JSONWriter.object { json in
            json.member("log", location)
            json.member("time", RFC3339.format(time))
            if let file {
                json.member("file_bytes", file.bytes)
                json.member("file_bytes_free", file.free)
            }
            json.name("topics")
            json.array { json in
                for topic in topics { json.object(topic.write) }
            }
            json.name("groups")
            json.array { json in
                for group in groups { json.object(group.write) }
            }
        }
        return String(decoding: bytes, as: UTF8.self) + "\n"
    }

    private var topicLines: [String] {
        var table = TextTable(LogTopicRow.heads)
        for topic in topics { table.add(topic.cells(time)) }
        return topics.isEmpty ? ["no topics"] : table.lines()
    }

    private static func text(_ lines: [String]) -> String {
        lines.map { $0 + "\n" }.joined()
    }
}
