import Sluice

/// Where it is kept which sinks are paused, so that it outlives the process.
protocol SteeringStore: Sendable {
    /// Tells which sinks are paused, as soon as it is known and at every change. Returns when its task is cancelled.
    func follow(_ tell: @escaping @Sendable ([String: SinkPause]) -> Void) async

    /// Keeps it durably. Who follows is told of it.
    /// - Parameter pause: nil lets the sink go on.
    /// - Throws: ``ControlFailure``.
    func set(_ pause: SinkPause?, of sink: String) async throws

    /// Why nothing can be kept or told, or may be forgotten; empty while all is well.
    var problems: [String] { get }
}

extension SinkPause {
    /// As it is kept: `{"paused":true,"since":"2026-01-02T03:04:05Z","reason":"…"}`. That a sink is not paused is kept in
    /// the same form where a record cannot be deleted.
    static func encode(_ pause: SinkPause?) -> [UInt8] {
        JSONWriter.object { json in
            json.member("paused", pause != nil)
            if let pause {
                json.member("since", RFC3339.format(pause.since))
                json.member("reason", ifPresent: pause.reason)
            }
        }
    }

    /// What cannot be read counts as paused by a newer program: nothing is delivered until a person looks.
    static func decode(_ bytes: [UInt8]) -> SinkPause? {
        var isPaused = true
        var pause = SinkPause(since: Timestamp(millisecondsSince1970: 0), reason: nil)
        do {
            try JSONReader.fields(of: bytes) { (reader) throws(JSONError) in
                try reader.field("paused", &isPaused)
                if reader.isAt("since") {
                    pause.since = try reader.stringOrSkip().flatMap(RFC3339.parse) ?? pause.since
                }
                if reader.isAt("reason") {
                    pause.reason = try reader.stringOrSkip().map { String($0.prefix(longestReason)) }
                }
            }
        } catch {
            pause.reason = "what is kept of it cannot be read"
        }
        return isPaused ? pause : nil
    }
}
