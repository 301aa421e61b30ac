import Logging
import Sluice

/// Takes what the gateway's log would say into the trace.
struct ScenarioLog: LogHandler {
    let recorder: ScenarioRecorder
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    init(_ recorder: ScenarioRecorder) {
        self.recorder = recorder
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// What the trace says itself, and in more words.
    private static let said: Set<String> = [
        "message failed", "message rejected", "message moved to the poison queue", "route started", "route drains",
        "route stopped",
    ]

    func log(event: LogEvent) {
        let text = "\(event.message)"
        guard !Self.said.contains(text) else { return }
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        var words: [String] = []
        if let reason = all["reason"] { words.append("\(reason)") }
        if let seconds = all["next_attempt_in_seconds"], let number = Double("\(seconds)") {
            words.append("for \(DurationText.short(.seconds(number)))")
        }
        let destination = all["destination"].map { "\($0): " } ?? ""
        let details = words.isEmpty ? "" : " (\(words.joined(separator: ", ")))"
        recorder.logged(
            destination + text + details, message: all["message_id"].map { MessageID("\($0)") })
    }
}
