public import Logging
import Synchronization

/// Keeps what its loggers are given.
///
/// ```swift
/// let log = LogRecorder()
/// let router = Router(logger: log.logger(at: .info))
/// #expect(log.entries.contains { $0.level == .warning })
/// ```
public final class LogRecorder: Sendable {
    /// One line of the log.
    public struct Entry: Sendable, CustomStringConvertible {
        public let level: Logger.Level
        public let message: String
        /// The logger's own and the entry's, as text.
        public let metadata: [String: String]
        public let error: String?

        /// Level, message, and the metadata in the order of its keys: `info published count=3 topic=events`.
        public var description: String {
            let fields = metadata.sorted { $0.key < $1.key } + (error.map { [("error", $0)] } ?? [])
            return (["\(level)", message] + fields.map { "\($0)=\($1)" }).joined(separator: " ")
        }
    }

    private let recorded = Mutex<[Entry]>([])
    private let onEntry: @Sendable (Logger.Level) -> Void

    /// - Parameter onEntry: is told of each entry's level, before the entry can be seen here.
    public init(onEntry: @escaping @Sendable (Logger.Level) -> Void = { _ in }) {
        self.onEntry = onEntry
    }

    public var entries: [Entry] { recorded.withLock(\.self) }
    public var lines: [String] { entries.map(\.description) }
    public var text: String { lines.joined(separator: "\n") }

    /// A logger of the lowest level.
    public var logger: Logger { logger(at: .trace) }

    public func logger(at level: Logger.Level) -> Logger {
        Logger(label: "recorded") { _ in Handler(recorder: self, logLevel: level) }
    }

    private func add(_ entry: Entry) {
        onEntry(entry.level)
        recorded.withLock { $0.append(entry) }
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var logLevel: Logger.Level
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            recorder.add(
                Entry(
                    level: event.level, message: "\(event.message)", metadata: all.mapValues { "\($0)" },
                    error: event.error.map { "\($0)" }))
        }
    }
}
