import Logging
import Synchronization

/// Keeps what is logged, as text.
final class LogRecorder: Sendable {
    private let list = Mutex<[String]>([])

    var lines: [String] { list.withLock(\.self) }

    var logger: Logger { Logger(label: "recorded") { _ in Handler(recorder: self) } }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            recorder.list.withLock { $0.append("\(event.level) \(event.message) \(all)") }
        }
    }
}
