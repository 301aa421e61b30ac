import Foundation
import Sluice
public import SluiceSQLite

/// `sluice groups`: lists, moves and removes the groups of a data directory's log. A gateway that runs there is asked to;
/// without one the files are enough.
public struct GroupsTool: Sendable {
    private let path: String
    private let directory: String
    private let client: ControlClient

    /// - Parameter directory: the data directory, or a log's file.
    public init(directory: String) {
        self.directory = directory
        path = DataDirectory.logFile(at: directory)
        let parent = URL(fileURLWithPath: path).deletingLastPathComponent().relativePath
        client = ControlClient(directory: path == directory ? parent : directory)
    }

    /// All groups, by the files alone. Only reads, and makes nothing.
    /// - Throws: ``ToolError`` when there is no log.
    public func groups() throws -> [SQLiteGroup] {
        try requireLog()
        return try SQLiteLog.groups(inFile: path)
    }

    /// The groups as a table for people, by the files alone.
    public func table() throws -> String { GroupRow.table(try groups().map(GroupRow.init)) }

    /// One JSON object a line, by the files alone.
    public func lines() throws -> String { GroupRow.lines(try groups().map(GroupRow.init)) }

    /// The groups as a table for people, or as one JSON object a line: as a gateway knows them that runs, else by the
    /// files.
    public func listing(asJSON: Bool) async throws -> String {
        let rows: [GroupRow]
        if let answer = try? await client.askLeader(ControlRequest(.listGroups)) {
            rows = try answer.items.map { item throws(JSONError) in try GroupRow(json: item) }
        } else {
            rows = try groups().map(GroupRow.init)
        }
        return asJSON ? GroupRow.lines(rows) : GroupRow.table(rows)
    }

    /// Moves a group. A route that reads it drains, and goes on from there.
    /// - Parameters:
    ///   - group: its name.
    ///   - topic: nil finds it by the group's name.
    ///   - text: `beginning`, `end`, an RFC 3339 time, or an offset.
    /// - Returns: what was done, in words.
    public func seek(_ group: String, topic: String?, to text: String) async throws -> String {
        let position = try Self.position(text)
        let request = ControlRequest(.seekGroup, ["group": group, "topic": topic, "to": text])
        if let text = try await client.askLeader(request)?.text { return text }
        let topic = try find(group, topic)
        return try await withLog { log in
            let settled = try await log.seek(group: group, topic: topic, to: position)
            let waiting = try await log.backlog(group: group, topic: topic).messages
            return "group \(group) of topic \(topic) goes on behind offset \(settled): \(waiting) messages wait"
        }
    }

    /// Forgets a group. The route of one that is read drains, and begins where it is configured to begin.
    /// - Returns: what was done, in words.
    public func remove(_ group: String, topic: String?) async throws -> String {
        let request = ControlRequest(.removeGroup, ["group": group, "topic": topic])
        if let text = try await client.askLeader(request)?.text { return text }
        let topic = try find(group, topic)
        return try await withLog { log in
            try await log.remove(group: group, topic: topic)
            return "group \(group) of topic \(topic) is removed"
        }
    }

    /// Reads where to go on.
    /// - Throws: ``ToolError`` that says what is expected.
    public static func position(_ text: String) throws(ToolError) -> SQLiteGroupPosition {
        switch text {
        case "beginning": return .beginning
        case "end": return .end
        default:
            if text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let offset = Int64(text) { return .offset(offset) }
            if let time = RFC3339.parse(text) { return .at(time) }
            throw ToolError("expected beginning, end, an RFC 3339 time, or an offset")
        }
    }

    /// The topic that a group reads.
    /// - Parameter topic: nil finds it by the group's name.
    /// - Throws: ``ToolError`` where there is none, or several.
    static func topic(of group: String, _ topic: String?, among groups: [SQLiteGroup]) throws(ToolError) -> Topic {
        let found = groups.filter { $0.name == group && (topic == nil || $0.topic.name == topic) }
        guard let first = found.first else {
            let place = topic.map { " of topic \($0)" } ?? ""
            throw ToolError("there is no group \(group)\(place); `sluice groups list` shows all")
        }
        guard found.count == 1 else {
            let topics = found.map(\.topic.name).joined(separator: ", ")
            throw ToolError("group \(group) reads several topics (\(topics)): say which with --topic")
        }
        return first.topic
    }

    // MARK: The log

    private func requireLog() throws {
        guard !FileManager.default.fileExists(atPath: path) else { return }
        throw ToolError("\(directory): there is no log of a gateway (\(path))")
    }

    private func find(_ group: String, _ topic: String?) throws -> Topic {
        try Self.topic(of: group, topic, among: try groups())
    }

    private func withLog<Result>(_ body: (SQLiteLog) async throws -> Result) async throws -> Result {
        let log = try SQLiteLog.open(SQLiteLog.Configuration(path: path))
        do {
            let result = try await body(log)
            await log.close()
            return result
        } catch let error as SQLiteLogError where error.code == .groupInUse {
            await log.close()
            // No gateway that can be asked leads it, and yet it is read.
            throw ToolError("\(error); \(NoGatewayError(client.directory))")
        } catch {
            await log.close()
            throw error
        }
    }
}
