import Foundation
import Sluice
import SluiceSQLite

/// Which messages of the poison queue go back to which route, and which do not, and why.
struct RetryPlan {
    struct Lane {
        let route: String
        let name: String
        /// In the poison queue.
        var messages: [PoisonedMessage] = []
        /// Out of a file, not in the poison queue any more.
        var returning: [Message] = []
    }

    private(set) var lanes: [Lane] = []
    /// What stays, a line each.
    private(set) var notes: [String] = []

    private var unknown: [String: Int] = [:]
    private var (truncated, worn) = (0, 0)
    private let isForced: Bool

    init(isForced: Bool) {
        self.isForced = isForced
    }

    /// - Parameter lane: the lane of a route; nil where there is none.
    mutating func add(_ message: PoisonedMessage, _ returning: Message?, _ lane: (lane: String, name: String)?) {
        guard let lane else { return unknown[message.route, default: 0] += 1 }
        guard message.truncatedFrom == nil else { return truncated += 1 }
        guard isForced || message.rounds < RedriveLimits.rounds else { return worn += 1 }
        let known = lanes.firstIndex { $0.route == lane.lane }
        if known == nil { lanes.append(Lane(route: lane.lane, name: lane.name)) }
        let index = known ?? lanes.count - 1
        if let returning { lanes[index].returning.append(returning) } else { lanes[index].messages.append(message) }
    }

    mutating func finish() {
        for (route, count) in unknown.sorted(by: { $0.key < $1.key }) {
            notes.append("\(count) stay: there is no route \(route.replacingUnsafeCharacters()) here")
        }
        if truncated > 0 { notes.append("\(truncated) stay: only a part of each message is in the poison queue") }
        if worn > 0 {
            notes.append("\(worn) stay: they have come back \(RedriveLimits.rounds) times or more; --force insists")
        }
    }
}

extension RedriveRequests {
    func plan(_ arguments: [String: String]) async throws -> RetryPlan {
        let filter = try PoisonFilter(arguments: arguments)
        var plan = RetryPlan(isForced: arguments["force"] != nil)
        let there = try await desk.store.poisoned()
        if let path = arguments["file"] {
            let byPlace = Dictionary(there.map { ($0.location, $0) }) { first, _ in first }
            for (number, (line, partition)) in try PoisonFile.read(path).enumerated() {
                let message = PoisonedMessage(line, partition: partition)
                guard filter.matches(message) else { continue }
                guard line.message.metadata[PoisonMetadata.handler] != nil else {
                    throw ControlFailure(.invalid, "line \(number + 1) of the file does not say where it failed")
                }
                // What is still there is taken from there, so that it cannot be in two places.
                if let known = byPlace[message.location], known.id == message.id {
                    plan.add(known, nil, desk.lane(of: known.route))
                } else {
                    plan.add(message, line.message, desk.lane(of: message.route))
                }
            }
        } else {
            for message in there where filter.matches(message) {
                plan.add(message, nil, desk.lane(of: message.route))
            }
        }
        guard plan.lanes.allSatisfy({ $0.messages.count + $0.returning.count <= RedriveLimits.messages }) else {
            throw ControlFailure(.invalid, "a job has at most \(RedriveLimits.messages) messages: choose fewer")
        }
        plan.finish()
        return plan
    }
}

/// A file of exported messages: a JSON object a line, as `sluice poison export` writes them.
enum PoisonFile {
    /// - Returns: the messages, each with the partition in which it was on Kafka.
    static func read(_ path: String) throws -> [(message: LoggedMessage, partition: Int32?)] {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw ControlFailure(.invalid, "\(path): the gateway cannot read it")
        }
        defer { try? file.close() }
        var status = stat()
        guard fstat(file.fileDescriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw ControlFailure(.invalid, "\(path): it is no ordinary file")
        }
        guard status.st_size <= RedriveLimits.fileBytes else {
            throw ControlFailure(.invalid, "\(path): it has more than \(RedriveLimits.fileBytes >> 20) MiB")
        }
        let data = try file.readToEnd() ?? Data()
        var messages: [(message: LoggedMessage, partition: Int32?)] = []
        for (number, line) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
            do {
                messages.append(try read(line: [UInt8](line)))
            } catch {
                throw ControlFailure(.invalid, "line \(number + 1) of the file: \(error)")
            }
        }
        return messages
    }

    /// Reads a line that `sluice poison export` wrote.
    static func read(line: [UInt8]) throws -> (message: LoggedMessage, partition: Int32?) {
        let message = try MessageFormat.json.decode(line)
        var (offset, partition): (Int64, Int32?) = (0, nil)
        var timestamp: Timestamp?
        try JSONReader.read(line) { (reader) throws(JSONError) in
            try reader.fields { (reader) throws(JSONError) in
                try reader.field("offset", &offset)
                if reader.isAt("partition") {
                    partition = try reader.number().integer().flatMap { Int32(exactly: $0) }
                }
                if reader.isAt("timestamp") { timestamp = RFC3339.parse(try reader.string()) }
            }
        }
        return (LoggedMessage(message: message, offset: offset, timestamp: timestamp ?? .now(), key: nil), partition)
    }
}
