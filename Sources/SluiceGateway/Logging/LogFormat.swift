/// How a line of the log is written.
public struct LogFormat: Sendable, Hashable, CaseIterable {
    let name: String

    /// `key=value` pairs (logfmt).
    public static let text = LogFormat(name: "text")
    /// One JSON object.
    public static let json = LogFormat(name: "json")

    public static let allCases: [LogFormat] = [.text, .json]
}
