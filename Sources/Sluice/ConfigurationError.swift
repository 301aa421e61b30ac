/// Options have values that they cannot have.
public struct ConfigurationError: DispositionError, Equatable, CustomStringConvertible {
    /// One option with such a value.
    public struct Problem: Sendable, Equatable, CustomStringConvertible {
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
    }

    private let first: Problem
    private let others: [Problem]

    /// One problem, as ``Problem`` says it.
    public init(_ field: String, expected: String, value: String? = nil) {
        first = Problem(field, expected: expected, value: value)
        others = []
    }

    /// Several at once; nil where there is none.
    public init?(_ problems: [Problem]) {
        guard let first = problems.first else { return nil }
        self.first = first
        others = Array(problems.dropFirst())
    }

    /// All that is wrong, at least one.
    public var problems: [Problem] { [first] + others }

    /// The option that is wrong; where there are several, the first.
    public var field: String { first.field }
    /// What is expected of it.
    public var expected: String { first.expected }
    /// What it is instead.
    public var value: String? { first.value }

    /// Each problem, separated by semicolons: `Retry.maxAttempts: expected at least 1, not 0`.
    public var description: String { problems.map(\.description).joined(separator: "; ") }

    /// A person has to mend it.
    public var disposition: Disposition { .hold(description) }
    public var reason: String { "configuration" }
}
