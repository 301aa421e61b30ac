/// An option has a value that it cannot have.
public struct ConfigurationError: DispositionError, Equatable, CustomStringConvertible {
    /// The option, such as `Retry.maxAttempts`.
    public let field: String
    /// What is expected, such as `at least 1`.
    public let expected: String
    /// What it is instead, such as `0`; nil where that is said by `expected`, or may be a secret.
    public let value: String?

    public init(_ field: String, expected: String, value: String? = nil) {
        self.field = field
        self.expected = expected
        self.value = value
    }

    public var description: String { "\(field): expected \(expected)\(value.map { ", not \($0)" } ?? "")" }

    /// A person has to mend it.
    public var disposition: Disposition { .hold(description) }
    public var reason: String { "configuration" }
}
