import Foundation
public import Sluice
import SluiceSQLite
import Synchronization

/// `sluice log import`: appends what ``LogExportTool`` wrote to an embedded log, with payloads, keys, metadata, ids and times as
/// they were.
public struct LogImportTool: Sendable {
    /// How many messages share a commit.
    private static let batch = 1_000
    /// How far a time may be ahead of now: the clocks of machines differ. A message from further in the future would keep the
    /// log from believing its own clock.
    private static let lead = Duration.seconds(3_600)

    private let path: String
    /// Where messages go; nil takes the topic that each line names.
    private let topic: Topic?
    /// Whether groups that read a topic may be given what is imported. Default false.
    public var delivers = false
    /// How much of the input has been read, from 0 to 1; nil where that is not known.
    public var shareRead: @Sendable () -> Double? = { nil }
    private let taken = Counter()

    private final class Counter: Sendable {
        let count = Atomic<Int>(0)
    }

    /// How many messages are in the log so far, also when it ends with an error.
    public var count: Int { taken.count.load(ordering: .relaxed) }

    /// - Throws: ``ToolError`` where the log is not an embedded one.
    public init(_ location: LogLocation, topic: Topic?) throws(ToolError) {
        path = try location.file(for: "import")
        self.topic = topic
    }

    /// Imports until the input ends. The log is made where there is none.
    /// - Parameters:
    ///   - bar: shows how far it is.
    ///   - read: the next bytes of the input as soon as there are any; empty at its end.
    /// - Throws: an error that names the line at fault; what stands before it is in the log. `SQLiteLogError`.
    public func run(showing bar: ProgressBar? = nil, read: @escaping () throws -> [UInt8]) async throws {
        let log = try open()
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await run(into: log.publisher(), bar, read))
        } catch {
            outcome = .failure(error)
        }
        await log.close()
        try outcome.get()
    }

    private func open() throws -> SQLiteLog {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw ToolError("\(directory): the directory cannot be made", exitStatus: ExitStatus.cannotWrite)
        }
        return try SQLiteLog.open(SQLiteLog.Configuration(path: path))
    }

    private func run(
        into publisher: SQLitePublisher, _ bar: ProgressBar?, _ read: @escaping () throws -> [UInt8]
    ) async throws {
        var lines = LineReader(read)
        var number = 0
        var batch = Batch()
        var known: Set<String> = []
        while let read = try lines.next() {
            for line in read {
                number += 1
                // The end of a file.
                if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
                do {
                    let (name, message) = try message(of: line)
                    if known.insert(name).inserted { try requireQuiet(Topic(name)) }
                    if batch.topic != name || batch.messages.count >= Self.batch {
                        try await commit(&batch, publisher, bar)
                    }
                    batch.topic = name
                    batch.messages.append(message)
                } catch let error as MessageFormatError {
                    try await commit(&batch, publisher, bar)
                    throw ToolError("line \(number): \(error)")
                }
            }
            try await commit(&batch, publisher, bar)
        }
    }

    private struct Batch {
        var topic = ""
        var messages: [LoggedMessage] = []
    }

    private func commit(_ batch: inout Batch, _ publisher: SQLitePublisher, _ bar: ProgressBar?) async throws {
        guard !batch.messages.isEmpty else { return }
        if Task.isCancelled { throw ToolError("ended before everything was imported") }
        try await publisher.restore(batch.messages, to: Topic(batch.topic))
        let count = taken.count.wrappingAdd(batch.messages.count, ordering: .relaxed).newValue
        batch.messages = []
        bar?.update(Int64(count), share: shareRead())
    }

    private func message(of line: [UInt8]) throws(MessageFormatError) -> (topic: String, message: LoggedMessage) {
        let exported = try MessageJSON.decodeExported(line)
        guard let name = topic?.name ?? exported.topic, !name.isEmpty else {
            throw MessageFormatError("it names no topic; name one for all lines")
        }
        let time = exported.time ?? .now()
        guard time <= Timestamp.now().advanced(by: Self.lead) else {
            throw MessageFormatError("its time is in the future")
        }
        return (
            name, LoggedMessage(message: exported.carried.message, timestamp: time, key: exported.carried.key)
        )
    }

    /// - Throws: ``ToolError`` where sinks would be given what is imported, unless that is wanted.
    private func requireQuiet(_ topic: Topic) throws {
        guard !delivers else { return }
        let readers = try SQLiteLog.groups(inFile: path).filter { $0.topic == topic }.map(\.name)
        guard let first = readers.first else { return }
        let others = readers.count > 1 ? " and \(readers.count - 1) more" : ""
        throw ToolError(
            "\(topic) is read by \(first)\(others), which would be given everything that is imported; with --deliver they are"
        )
    }
}
