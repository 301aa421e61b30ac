import Sluice

/// A condition did not come to hold in time.
public struct NotInTime: Error, CustomStringConvertible {
    public let expected: String
    public let limit: Duration
    /// Where the wait stands in the source, `file:line`.
    public let location: String

    public init(expected: String, limit: Duration, location: String) {
        self.expected = expected
        self.limit = limit
        self.location = location
    }

    public var description: String { "\(expected) did not hold within \(limit) (\(location))" }
}

/// Waits until `condition` holds: what a test does instead of sleeping for a guessed time.
/// - Parameters:
///   - file: where the call stands, for the error.
///   - line: the same.
///   - condition: asked again until it holds.
///   - expected: what is waited for, for the error; evaluated then.
///   - limit: how long at most. 120 s, which a busy machine may need; a test that succeeds does not take longer for it.
/// - Throws: ``NotInTime``; what `condition` throws.
public func eventually(
    _ expected: @autoclosure () -> String = "the condition", within limit: Duration = .seconds(120),
    file: StaticString = #fileID,
    line: UInt = #line, _ condition: () async throws -> Bool
) async throws {
    guard try await holds(within: limit, in: .real, condition) else {
        throw NotInTime(expected: expected(), limit: limit, location: "\(file):\(line)")
    }
}
