import Logging
public import Sluice
import SluiceKafka
import SluiceSQLite

/// `sluice log tail`: the newest messages of a topic as readable lines, and those that come.
public struct LogTailTool: Sendable {
    /// How many lines there are at most without ``follows``.
    public static let mostLines = 100_000
    private static let piece: Int64 = 512
    /// How many are read at once where few are wanted: each look at the file costs as much as many messages.
    private static let longPiece: Int64 = 8_192

    private let location: LogLocation
    private let topic: Topic
    /// Which events; nil for every message.
    public var only: EventFilter? { didSet { sieve = only.map(EventSieve.init) } }
    private var sieve: EventSieve?
    /// How many of the newest messages; nil for all since ``since``.
    public var lines: Int? = 10
    /// Only what is not older.
    public var since: Timestamp?
    /// Whether to go on with what comes.
    public var follows = false
    public var format: MessageFormat = .lines
    public var colours: Colours = .none

    /// - Parameters:
    ///   - location: where the log is.
    ///   - topic: nil for the events.
    public init(_ location: LogLocation, topic: Topic?) {
        self.location = location
        self.topic = topic ?? Topic(location.events)
    }

    /// Hands over lines until there are no more, or the task is cancelled.
    /// - Throws: `SQLiteLogError`; `KafkaError`; ``ToolError``; what `write` throws.
    public func run(write: @escaping @Sendable ([UInt8]) throws -> Void) async throws {
        switch location {
        case .file(let path): try await run(SQLiteLogView(path: path), write)
        case .kafka(let kafka): try await run(kafka, write)
        }
    }

    // MARK: The embedded log

    private func run(_ view: SQLiteLogView, _ write: @escaping @Sendable ([UInt8]) throws -> Void) async throws {
        guard let last = try view.lastOffset(in: topic) else {
            throw ToolError("the log \(view.path) has no topic \(topic)")
        }
        for message in try newest(of: view, through: last) {
            try write(line(message.message, message.origin) ?? [])
        }
        guard follows else { return }
        try await follow(LoggedMessages(view, topic, after: last, from: nil), write)
    }

    /// Those that match, oldest first. It reads backwards, and no further than it has to.
    private func newest(of view: SQLiteLogView, through last: Int64) throws -> [LoggedMessage] {
        let first: Int64?
        if let since {
            first = try view.offset(of: since, in: topic)
        } else {
            first = try view.messages(in: topic, limit: 1).first?.offset
        }
        guard let first, first <= last else { return [] }
        let most = lines ?? Self.mostLines
        let bar = ProgressBar("searching", total: last.subtractingSaturated(first).addingSaturated(1))
        defer { bar.finish() }
        var found: [LoggedMessage] = []
        var end = last
        while found.count < most, end >= first, !Task.isCancelled {
            // The newest are most likely all that is wanted.
            let length = end == last ? Self.piece : Self.longPiece
            let start = max(first, end.subtractingSaturated(length - 1))
            let piece = try messages(of: view, start...end)
            for message in piece.reversed() where found.count < most && isWanted(message.message) {
                found.append(message)
            }
            end = start - 1
            bar.update(last.subtractingSaturated(end))
        }
        return found.reversed()
    }

    private func messages(of view: SQLiteLogView, _ offsets: ClosedRange<Int64>) throws -> [LoggedMessage] {
        var messages: [LoggedMessage] = []
        var after = offsets.lowerBound - 1
        // Fewer come where they are large.
        while after < offsets.upperBound {
            let piece = try view.messages(in: topic, after: after, limit: Int(offsets.upperBound - after))
            guard let last = piece.last?.offset else { break }
            messages += piece.filter { $0.offset <= offsets.upperBound }
            after = last
        }
        return messages
    }

    // MARK: Kafka

    private func run(
        _ kafka: GatewayConfiguration.Kafka, _ write: @escaping @Sendable ([UInt8]) throws -> Void
    ) async throws {
        guard lines == nil else {
            throw ToolError(
                "-n: on Kafka each partition has an end of its own; begin with --since, or with what comes: -f")
        }
        guard since != nil || follows else {
            throw ToolError("on Kafka a tail begins with --since, or with what comes: -f")
        }
        var options = ConsumeOptions()
        options.start = since.map { .time($0) } ?? .end
        let source = try await BrokerAddress.kafka(kafka.client).messages(of: topic, options)
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await follow(source, write))
        } catch {
            outcome = .failure(error)
        }
        await source.close()
        try outcome.get()
    }

    // MARK: Lines

    private func follow(
        _ source: any MessageSource, _ write: @escaping @Sendable ([UInt8]) throws -> Void
    ) async throws {
        var tool = ConsumeTool()
        // Kafka does not say where the end was when it began.
        if !follows { tool.idle = .seconds(1) }
        tool.line = { message in line(message.message, message.origin) }
        _ = try await tool.run(from: source, write: write)
    }

    private func isWanted(_ message: Message) -> Bool {
        guard let only else { return true }
        guard sieve?.mayMatch(message) != false else { return false }
        return (try? Event(message)).map(only.matches) ?? false
    }

    /// Nil for what is not wanted.
    private func line(_ message: Message, _ origin: Delivery.Origin) -> [UInt8]? {
        guard isWanted(message) else { return nil }
        switch format {
        case .json: return format.encode(message, origin, topic: topic)
        case .lines:
            let text = LogMessageLine(colours: colours).text(of: message, try? Event(message), at: origin.timestamp)
            return Array(text.utf8)
        }
    }
}

extension LoggedMessage {
    var origin: Delivery.Origin { Delivery.Origin(partition: 0, offset: offset, timestamp: timestamp, key: key) }
}
