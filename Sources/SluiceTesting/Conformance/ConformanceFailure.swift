/// A Pub/Sub did not keep a promise.
public struct ConformanceFailure: Error, CustomStringConvertible {
    /// The case that found it, such as `redeliversAfterRejection`.
    public var name: String
    public let expected: String
    public let actual: String
    /// The suite's own source, `file:line`.
    public let location: String

    init(
        name: String = "", expected: String, actual: String, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.name = name
        self.expected = expected
        self.actual = actual
        location = "\(file):\(line)"
    }

    public var description: String {
        "\(name): expected \(expected), but \(actual) (\(location))"
    }
}

/// A case was run on a Pub/Sub that does not promise what it tests.
public struct ConformanceSkip: Error, CustomStringConvertible {
    public let name: String
    public let reason: String

    public var description: String { "\(name) skipped: \(reason)" }
}
