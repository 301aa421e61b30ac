/// An option has a value that it cannot have.
public struct ConfigurationError: DispositionError, Equatable, CustomStringConvertible {
    /// The option, such as `Retry.maxAttempts`.
    public let field: String
    /// What is expected, such as `at least 1`.
    public let expected: String

    public init(_ field: String, expected: String) {
        self.field = field
        self.expected = expected
    }

    public var description: String { "\(field): expected \(expected)" }

    /// A person has to mend it.
    public var disposition: Disposition { .hold(description) }
    public var reason: String { "configuration" }
}

extension ConfigurationError {
    /// Refuses a value unless it is as expected:
    ///
    ///     try ConfigurationError.unless(prefetch >= 1, "AMQPSubscriber.prefetch", expected: "at least 1")
    public static func unless(
        _ holds: Bool, _ field: String, expected: String
    ) throws(ConfigurationError) {
        if !holds { throw ConfigurationError(field, expected: expected) }
    }
}
