import Foundation
import Sluice
import SluiceSQLite

/// `sluice poison`: what could not be delivered, why, and what becomes of it. It is read from the files, whether a gateway runs or
/// not, and makes nothing; what changes something is asked of the gateway.
public struct PoisonTool: Sendable {
    /// How messages are put back.
    public struct Retry: Sendable {
        /// Of so many messages is seen first whether they fail again.
        public var canaries: Int?
        /// Such as `5/s`.
        public var rate: String?
        /// Such as `20%`.
        public var failureShare: String?
        public var isForced = false
        public var isDry = false
        /// Messages that were exported, instead of those in the poison queue.
        public var file: String?

        public init() {}
    }

    private let directory: String
    private let path: String
    private let client: ControlClient

    /// - Parameter directory: the data directory, or a log's file.
    public init(directory: String) {
        self.directory = directory
        path = DataDirectory.logFile(at: directory)
        let parent = URL(fileURLWithPath: path).deletingLastPathComponent().relativePath
        client = ControlClient(directory: path == directory ? parent : directory)
    }

    // MARK: Reading

    /// The messages by their causes: a table for people, or a JSON object a line.
    /// - Throws: ``ToolError`` where there is no log.
    public func list(_ filter: PoisonFilter, asJSON: Bool) async throws -> String {
        // Kafka's is known to a gateway; the embedded log's is in the files.
        let request = ControlRequest(.listPoison, filter.arguments.mapValues { $0 })
        if let answer = try? await client.askLeader(request), answer.leads {
            if asJSON { return answer.items.map { String(decoding: $0, as: UTF8.self) + "\n" }.joined() }
            return answer.text ?? ""
        }
        var groups = PoisonGroup.grouped(try read(filter) { message, _ in message })
        let view = try view()
        let jobs = try LogRedriveStore.records(inFile: view).filter { !$0.progress.state.isFinal }
        let notes = try view.facts(prefix: PoisonNote.prefix)
        for index in groups.indices {
            groups[index].note = notes[PoisonNote.prefix + groups[index].cause.key].flatMap(PoisonNote.decode)
            groups[index].explain(jobs)
        }
        if asJSON {
            return groups.map { String(decoding: JSONWriter.object($0.write), as: UTF8.self) + "\n" }.joined()
        }
        return PoisonText.list(groups, filter)
    }

    /// Everything about one message.
    /// - Parameter id: the message's, or its offset in the poison queue.
    public func show(_ id: String) throws -> String {
        var filter = PoisonFilter()
        filter.ids = [id]
        let found = try read(filter) { PoisonText.message($0, $1) }
        guard !found.isEmpty else { throw ToolError("no message of the poison queue has this id or offset") }
        return found.joined(separator: "\n")
    }

    /// The messages, a JSON object a line, as ``Retry/file`` takes them back.
    /// - Returns: how many.
    public func export(_ filter: PoisonFilter, to write: ([UInt8]) throws -> Void) throws -> Int {
        let lines = try read(filter) { _, logged in
            MessageFormat.json.encode(
                logged.message,
                Delivery.Origin(offset: logged.offset, timestamp: logged.timestamp, key: logged.key),
                topic: SQLiteQueue.poisonTopic)
        }
        for line in lines { try write(line) }
        return lines.count
    }

    private func read<Value>(
        _ filter: PoisonFilter, _ body: (PoisonedMessage, LoggedMessage) -> Value
    ) throws -> [Value] {
        try view().unsettled(in: SQLiteQueue.poisonTopic, by: SQLiteQueue.poisonGroup) { logged in
            let message = PoisonedMessage(logged)
            return filter.matches(message) ? body(message, logged) : nil
        }
    }

    private func view() throws(ToolError) -> SQLiteLogView {
        guard FileManager.default.fileExists(atPath: path) else {
            throw ToolError("\(directory): there is no log of a gateway (\(path))")
        }
        return SQLiteLogView(path: path)
    }

    // MARK: Acting

    /// Puts messages back to where they failed.
    /// - Returns: what was begun, in words, and the jobs.
    /// - Throws: ``NoGatewayError``, ``CommandError``.
    public func retry(_ filter: PoisonFilter, _ options: Retry) async throws -> (text: String, jobs: [Int64]) {
        var arguments: [String: String?] = filter.arguments.mapValues { $0 }
        arguments["canary"] = options.canaries.map { "\($0)" }
        arguments["rate"] = options.rate
        arguments["failure_share"] = options.failureShare
        arguments["force"] = options.isForced ? "yes" : nil
        arguments["dry_run"] = options.isDry ? "yes" : nil
        arguments["file"] = options.file.map { URL(fileURLWithPath: $0).path }
        guard let answer = try await client.askLeader(ControlRequest(.retryPoison, arguments)) else {
            throw NoGatewayError(directory)
        }
        return (answer.text ?? "", answer.items.compactMap { RedriveRecord(json: $0)?.job.id })
    }

    /// Lets messages go. Without a gateway the files are enough.
    /// - Returns: what was done, in words.
    public func drop(_ filter: PoisonFilter, isDry: Bool) async throws -> String {
        var arguments: [String: String?] = filter.arguments.mapValues { $0 }
        arguments["dry_run"] = isDry ? "yes" : nil
        if let answer = try await client.askLeader(ControlRequest(.dropPoison, arguments)) { return answer.text ?? "" }
        return try await withStore { store, by in try await store.drop(filter, isDry: isDry, by: by) }
    }

    /// Notes something about a cause; an empty text is forgotten.
    /// - Returns: what was done, in words.
    public func note(_ cause: String, _ text: String) async throws -> String {
        let request = ControlRequest(.notePoison, ["cause": cause, "text": text])
        if let answer = try await client.askLeader(request) { return answer.text ?? "" }
        return try await withStore { store, by in try await store.note(cause: cause, text, by: by) }
    }

    private func withStore(_ body: (LogRedriveStore, String) async throws -> String) async throws -> String {
        _ = try view()
        let log = try SQLiteLog.open(SQLiteLog.Configuration(path: path))
        do {
            let text = try await body(LogRedriveStore(log: log), "uid \(geteuid())")
            await log.close()
            return text
        } catch let failure as ControlFailure {
            await log.close()
            throw CommandError(failure)
        } catch {
            await log.close()
            throw error
        }
    }
}

/// The poison queue, as people read it.
enum PoisonText {
    static func list(_ groups: [PoisonGroup], _ filter: PoisonFilter) -> String {
        guard !groups.isEmpty else { return "nothing in the poison queue\(filter.isEmpty ? "" : " matches")\n" }
        var text = ""
        for group in groups {
            let messages = group.count == 1 ? "1 message" : "\(group.count) messages"
            text += "\(group.cause.key)  \(messages)  \(group.cause.route.replacingUnsafeCharacters())\n"
            text += "  reason     \(group.cause.reason)\n"
            text += "  first      \(RFC3339.format(group.first))\n"
            text += "  last       \(RFC3339.format(group.last))\n"
            text += "  sample     \(group.sample.place): \(group.sample.id.replacingUnsafeCharacters())"
            text += (group.sample.event.map { " (\($0.replacingUnsafeCharacters()))" } ?? "") + "\n"
            if group.rounds > 0 { text += "  came back  up to \(group.rounds) times\n" }
            if group.truncated > 0 { text += "  cut down   \(group.truncated) are only a part of their message\n" }
            if let note = group.note { text += "  note       \(note.text) (\(note.by), \(RFC3339.format(note.at)))\n" }
            text += "  waits for  \(group.waitsFor)\n\n"
        }
        let count = groups.reduce(0) { $0 + $1.count }
        return text + "\(count == 1 ? "1 message" : "\(count) messages") of "
            + (groups.count == 1 ? "1 cause\n" : "\(groups.count) causes\n")
    }

    static func message(_ message: PoisonedMessage, _ logged: LoggedMessage) -> String {
        var rows: [(String, String)] = [
            ("offset", "\(message.offset)"), ("id", message.id), ("cause", message.cause.key), ("route", message.route),
            ("reason", message.reason), ("poisoned", RFC3339.format(message.poisonedAt)),
        ]
        if let attempts = message.attempts { rows.append(("attempts", "\(attempts)")) }
        if message.rounds > 0 { rows.append(("came back", "\(message.rounds) times")) }
        if let bytes = message.truncatedFrom { rows.append(("cut down", "only a part: the whole had \(bytes) bytes")) }
        for entry in logged.message.metadata where !PoisonMetadata.all.contains(entry.name) {
            rows.append((entry.name, entry.value))
        }
        for name in [PoisonMetadata.topic, PoisonMetadata.partition, PoisonMetadata.offset] {
            if let value = logged.message.metadata[name] { rows.append((name, value)) }
        }
        let width = rows.map(\.0.count).max() ?? 0
        var text = rows.map { name, value in
            let name = name.replacingUnsafeCharacters()
            return name + String(repeating: " ", count: max(0, width - name.count) + 2)
                + value.replacingUnsafeCharacters() + "\n"
        }.joined()
        let payload = String(decoding: logged.message.payload.prefix(16_384), as: UTF8.self)
        text += "\n" + payload.replacingUnsafeCharacters() + "\n"
        if logged.message.payload.count > 16_384 { text += "(cut: `sluice poison export` has all of it)\n" }
        return text
    }
}
