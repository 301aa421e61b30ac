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
        let there = try await PoisonedMessage.read(desk.store.log)
        if let path = arguments["file"] {
            let byOffset = Dictionary(there.map { ($0.offset, $0) }) { first, _ in first }
            for (number, line) in try PoisonFile.read(path).enumerated() {
                let message = PoisonedMessage(line)
                guard filter.matches(message) else { continue }
                guard line.message.metadata[PoisonMetadata.handler] != nil else {
                    throw ControlFailure(.invalid, "line \(number + 1) of the file does not say where it failed")
                }
                // What is still there is taken from there, so that it cannot be in two places.
                if let known = byOffset[message.offset], known.id == message.id {
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
    static func read(_ path: String) throws -> [LoggedMessage] {
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
        var messages: [LoggedMessage] = []
        for (number, line) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
            do {
                let message = try MessageFormat.json.decode([UInt8](line))
                messages.append(
                    LoggedMessage(message: message, offset: try offset([UInt8](line)), timestamp: .now(), key: nil))
            } catch {
                throw ControlFailure(.invalid, "line \(number + 1) of the file: \(error)")
            }
        }
        return messages
    }

    private static func offset(_ line: [UInt8]) throws(JSONError) -> Int64 {
        var offset: Int64?
        try JSONReader.fields(of: line) { (reader) throws(JSONError) in
            try reader.field("offset", &offset)
        }
        return offset ?? 0
    }
}

extension LogRedriveStore {
    /// Lets go of what matches.
    /// - Returns: what was done, in words.
    func drop(_ filter: PoisonFilter, isDry: Bool, by: String) async throws -> String {
        let found = try await PoisonedMessage.read(log).filter(filter.matches)
        guard !found.isEmpty else { throw ControlFailure(.invalid, "no message of the poison queue matches") }
        let causes = PoisonGroup.grouped(found)
        let words = causes.prefix(10).map { "\($0.count) of \($0.cause.key) (\($0.cause.route): \($0.cause.reason))" }
            .joined(separator: "; ")
        guard !isDry else { return "would drop \(found.count) messages: \(words)" }
        do {
            try await drop(found.map(\.offset), words, by: by)
        } catch let error as SQLiteLogError {
            switch error.code {
            case .groupInUse: throw ControlFailure(.failed, "another process reads the poison queue: \(error)")
            case .diskFull, .readOnly: throw ControlFailure(.cannotWrite, "\(error)")
            default: throw error
            }
        }
        return "\(found.count) messages are dropped: \(words)"
    }

    /// - Parameter cause: its key, or the beginning of it.
    /// - Returns: what was done, in words.
    func note(cause: String, _ text: String, by: String) async throws -> String {
        let keys = Set(try await PoisonedMessage.read(log).map(\.cause.key)).filter { $0.hasPrefix(cause.lowercased()) }
        guard let key = keys.first, keys.count == 1 else {
            throw ControlFailure(
                .invalid, keys.isEmpty ? "no message of the poison queue has this cause" : "several causes begin so")
        }
        let text = text.replacingUnsafeCharacters()
        try await note(key, text, by: by)
        return text.isEmpty ? "the note about \(key) is gone" : "noted about \(key)"
    }
}
