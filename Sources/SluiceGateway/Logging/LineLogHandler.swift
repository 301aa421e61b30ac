public import Logging
import Sluice

/// A backend of swift-log that writes each entry as one structured line.
///
/// ```swift
/// let output = LogOutput(format: .json)
/// LoggingSystem.bootstrap { LineLogHandler(label: $0, output: output) }
/// ```
public struct LineLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    public var logLevel: Logger.Level

    private let label: String
    private let output: LogOutput

    /// - Parameters:
    ///   - label: of the logger.
    ///   - output: shared by all handlers.
    ///   - level: what is below it is not logged. Default `.info`.
    ///   - metadataProvider: adds metadata to each line. Default: none.
    public init(
        label: String, output: LogOutput, level: Logger.Level = .info, metadataProvider: Logger.MetadataProvider? = nil
    ) {
        self.label = label
        self.output = output
        self.metadataProvider = metadataProvider
        logLevel = level
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get(), !provided.isEmpty {
            all.merge(provided) { _, provided in provided }
        }
        if let entry = event.metadata { all.merge(entry) { _, entry in entry } }
        if let error = event.error {
            all["error"] = .string(String(describing: error))
            all["error_type"] = .string(String(describing: type(of: error)))
        }
        output.write(
            LogLine(
                time: .now(), level: event.level, label: label, message: event.message.description, metadata: all))
    }
}
