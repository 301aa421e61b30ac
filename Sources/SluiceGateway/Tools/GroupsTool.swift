import Foundation
import Sluice
public import SluiceSQLite

/// `sluice groups`: lists, moves and removes the groups of a data directory's log.
public struct GroupsTool: Sendable {
    private let path: String
    private let directory: String

    /// - Parameter directory: the data directory, or a log's file.
    public init(directory: String) {
        self.directory = directory
        path = DataDirectory.logFile(at: directory)
    }

    /// All groups. Only reads, and makes nothing.
    /// - Throws: ``ToolError`` when there is no log.
    public func groups() throws -> [SQLiteGroup] {
        try requireLog()
        return try SQLiteLog.groups(inFile: path)
    }

    /// The groups as a table for people.
    public func table() throws -> String {
        let rows = try groups().map { group in
            [
                group.topic.name, group.name, "\(group.backlog.messages)", Self.text(group.backlog.oldestPending),
                Self.text(group.lastRead), group.reader.map(Self.text) ?? "-",
            ]
        }
        let heads = ["TOPIC", "GROUP", "BACKLOG", "OLDEST PENDING", "LAST READ", "READ BY"]
        let table = [heads] + rows
        let widths = heads.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        return table.map { row in
            let cells = row.indices.map { row[$0].padding(toLength: widths[$0], withPad: " ", startingAt: 0) }
            return cells.joined(separator: "  ").trimmedAtEnd + "\n"
        }.joined()
    }

    /// One JSON object a line.
    public func lines() throws -> String {
        try groups().map { group in
            let line = JSONWriter.object { json in
                json.member("topic", group.topic.name)
                json.member("group", group.name)
                json.member("backlog", group.backlog.messages)
                json.member("settled_through", group.settledThrough)
                if let oldest = group.backlog.oldestPending { json.member("oldest_pending", RFC3339.format(oldest)) }
                if let lastRead = group.lastRead { json.member("last_read", RFC3339.format(lastRead)) }
                if let reader = group.reader { json.member("read_by", Self.text(reader)) }
                if group.backlog.shelved > 0 { json.member("shelved", group.backlog.shelved) }
            }
            return String(decoding: line, as: UTF8.self) + "\n"
        }.joined()
    }

    /// Moves a group.
    /// - Parameters:
    ///   - topic: nil finds it by the group's name.
    ///   - text: `beginning`, `end`, an RFC 3339 time, or an offset.
    /// - Returns: what was done, in words.
    public func seek(_ group: String, topic: String?, to text: String) async throws -> String {
        let position = try Self.position(text)
        let topic = try find(group, topic)
        return try await withLog { log in
            let settled = try await log.seek(group: group, topic: topic, to: position)
            let waiting = try await log.backlog(group: group, topic: topic).messages
            return "group \(group) of topic \(topic) goes on behind offset \(settled): \(waiting) messages wait"
        }
    }

    /// Forgets a group.
    /// - Returns: what was done, in words.
    public func remove(_ group: String, topic: String?) async throws -> String {
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

    // MARK: The log

    private func requireLog() throws {
        guard !FileManager.default.fileExists(atPath: path) else { return }
        throw ToolError("\(directory): there is no log of a gateway (\(path))")
    }

    private func find(_ group: String, _ topic: String?) throws -> Topic {
        let found = try groups().filter { $0.name == group && (topic == nil || $0.topic.name == topic) }
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

    private func withLog<Result>(_ body: (SQLiteLog) async throws -> Result) async throws -> Result {
        let log = try SQLiteLog.open(SQLiteLog.Configuration(path: path))
        do {
            let result = try await body(log)
            await log.close()
            return result
        } catch {
            await log.close()
            throw error
        }
    }

    private static func text(_ time: Timestamp?) -> String { time.map(RFC3339.format) ?? "-" }

    private static func text(_ reader: SQLiteGroup.Reader) -> String {
        switch reader {
        case .thisProcess: "this process"
        case .process(let number): number.map { "process \($0)" } ?? "a process"
        }
    }
}

extension String {
    fileprivate var trimmedAtEnd: String {
        String(reversed().drop { $0 == " " }.reversed())
    }
}
