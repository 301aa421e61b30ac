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
    /// Nil where it is read from the files, or from the gateway.
    private let brokers: BrokerPoisonReader?

    /// - Parameters:
    ///   - directory: the data directory, or a log's file.
    ///   - place: where to read from instead; nothing else is done there.
    public init(directory: String, from place: LogLocation? = nil) {
        var directory = directory
        switch place {
        case .kafka(let kafka): brokers = BrokerPoisonReader(kafka: kafka)
        case .file(let path):
            brokers = nil
            directory = path
        case nil: brokers = nil
        }
        self.directory = directory
        path = DataDirectory.logFile(at: directory)
        let parent = URL(fileURLWithPath: path).deletingLastPathComponent().relativePath
        client = ControlClient(directory: path == directory ? parent : directory)
    }

    // MARK: Reading

    /// The messages by their causes: a table for people, or a JSON object a line.
    /// - Throws: ``ToolError`` where there is no log.
    public func list(_ filter: PoisonFilter, asJSON: Bool) async throws -> String {
        if let brokers {
            let (jobs, notes) = try await brokers.jobs()
            let messages = try await brokers.read(filter) { message, _ in message } ?? []
            let groups = PoisonGroup.grouped(messages.sorted { $0.poisonedAt < $1.poisonedAt }, jobs, notes)
            return Self.text(groups, filter, asJSON)
        }
        // Kafka's is known to a gateway; the embedded log's is in the files.
        let request = ControlRequest(.listPoison, filter.arguments.mapValues { $0 })
        if let answer = try await client.askLeader(request), answer.leads {
            if asJSON { return answer.items.map { String(decoding: $0, as: UTF8.self) + "\n" }.joined() }
            return answer.text ?? ""
        }
        try requireFiles()
        let view = try view()
        let groups = PoisonGroup.grouped(
            try FilePoisonReader(view: view).read(filter) { message, _ in message } ?? [],
            try LogRedriveStore.records(inFile: view),
            LogRedriveStore.notes(try view.facts(prefix: PoisonNote.prefix)))
        return Self.text(groups, filter, asJSON)
    }

    private static func text(_ groups: [PoisonGroup], _ filter: PoisonFilter, _ asJSON: Bool) -> String {
        guard asJSON else { return PoisonText.list(groups, filter) }
        return groups.map { String(decoding: JSONWriter.object($0.write), as: UTF8.self) + "\n" }.joined()
    }

    /// Everything about one message.
    /// - Parameter id: the message's, or its offset in the poison queue; on Kafka `partition:offset`.
    public func show(_ id: String) async throws -> String {
        var filter = PoisonFilter()
        filter.ids = [id]
        let found = try await read(filter) { PoisonText.message($0, $1) }
        guard !found.isEmpty else { throw ToolError("no message of the poison queue has this id or offset") }
        return found.joined(separator: "\n")
    }

    /// The messages, a JSON object a line, as ``Retry/file`` takes them back.
    /// - Returns: how many.
    public func export(_ filter: PoisonFilter, to write: ([UInt8]) throws -> Void) async throws -> Int {
        let lines = try await read(filter) { message, logged in
            MessageFormat.json.encode(
                logged.message,
                Delivery.Origin(
                    partition: message.partition, offset: logged.offset, timestamp: logged.timestamp, key: logged.key),
                topic: SQLiteQueue.poisonTopic)
        }
        for line in lines { try write(line) }
        return lines.count
    }

    /// From the brokers where that is asked for; from the gateway that runs, where Kafka is its queue; otherwise from the files.
    private func read<Value>(
        _ filter: PoisonFilter, _ body: (PoisonedMessage, LoggedMessage) -> Value
    ) async throws -> [Value] {
        if let brokers { return try await brokers.read(filter, body) ?? [] }
        if let found = try await GatewayPoisonReader(client: client).read(filter, body) { return found }
        try requireFiles()
        return try FilePoisonReader(view: try view()).read(filter, body) ?? []
    }

    /// - Throws: ``NoGatewayError`` where the poison queue is Kafka's, of which only a gateway knows.
    private func requireFiles() throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        if QueueMemory.saysKafka(try view().facts(prefix: QueueMemory.prefix)) { throw NoGatewayError(directory) }
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
        try requireFiles()
        return try await withStore { store, by in try await store.drop(filter, isDry: isDry, by: by) }
    }

    /// Notes something about a cause; an empty text is forgotten.
    /// - Returns: what was done, in words.
    public func note(_ cause: String, _ text: String) async throws -> String {
        let request = ControlRequest(.notePoison, ["cause": cause, "text": text])
        if let answer = try await client.askLeader(request) { return answer.text ?? "" }
        try requireFiles()
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
