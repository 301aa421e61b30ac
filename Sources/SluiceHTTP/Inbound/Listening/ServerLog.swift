import Logging
import Synchronization

/// What Hummingbird's server would log. Its errors are kept for the listener's own, which is thrown and says the same, so that
/// one trouble is one line; a server that is cancelled has none at all.
final class ServerLog: Sendable {
    private let base: Logger
    private let last = Mutex<String?>(nil)

    init(passingOnTo base: Logger) {
        self.base = base
    }

    var logger: Logger {
        Logger(label: base.label) { _ in Handler(log: self, logLevel: .warning) }
    }

    /// What the server complained of last.
    var complaint: String? { last.withLock(\.self) }

    private struct Handler: LogHandler {
        let log: ServerLog
        var logLevel: Logger.Level
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            guard event.level < .error else {
                log.base.debug("\(event.message)")
                return log.last.withLock { $0 = "\(event.message)" }
            }
            log.base.log(level: event.level, "\(event.message)", metadata: event.metadata)
        }
    }
}
