/// Refuses what the fields of a configuration cannot have, by a ``ConfigurationError`` that names each such field, its value, and
/// its range:
///
///     try ConfigurationCheck.all(of: "AMQPSubscriber") { check in
///         check("prefetch", prefetch, in: 1...65_535)
///         check("closeTimeout", closeTimeout, in: .zero...)
///         check("hosts", !hosts.isEmpty, expected: "at least one")
///     }
///
/// All of the checks are made, so that who configures is told everything at once. An optional that is nil passes: it means that
/// the option is off.
public struct ConfigurationCheck: Sendable {
    private let owner: String
    private var problems: [ConfigurationError.Problem] = []

    private init(_ owner: String) {
        self.owner = owner
    }

    /// - Parameters:
    ///   - owner: what stands before the fields' names: the type that is configured.
    ///   - body: makes the checks.
    /// - Throws: what is wrong with all of the fields.
    public static func all(
        of owner: String, _ body: (inout ConfigurationCheck) -> Void
    ) throws(ConfigurationError) {
        var check = ConfigurationCheck(owner)
        body(&check)
        if let error = ConfigurationError(check.problems) { throw error }
    }

    /// - Parameters:
    ///   - field: its name, without its owner's.
    ///   - holds: whether the field has what it may have.
    ///   - expected: what that is, such as `at least one`.
    ///   - value: what it has, where that may be shown. Default: nothing.
    public mutating func callAsFunction(_ field: String, _ holds: Bool, expected: String, value: String? = nil) {
        if !holds { add(.init("\(owner).\(field)", expected: expected, value: value)) }
    }

    /// From the first to the last, both included.
    public mutating func callAsFunction<Value: Comparable>(
        _ field: String, _ value: Value?, in range: ClosedRange<Value>
    ) {
        guard let value else { return }
        self(
            field, range.contains(value),
            expected: "from \(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))", value: Self.text(value))
    }

    /// This, or more.
    public mutating func callAsFunction<Value: Comparable>(
        _ field: String, _ value: Value?, in range: PartialRangeFrom<Value>
    ) {
        guard let value else { return }
        self(field, range.contains(value), expected: "at least \(Self.text(range.lowerBound))", value: Self.text(value))
    }

    /// More than this.
    public mutating func callAsFunction<Value: Comparable>(_ field: String, _ value: Value?, above bound: Value) {
        guard let value else { return }
        self(field, value > bound, expected: "more than \(Self.text(bound))", value: Self.text(value))
    }

    /// What another value refuses that this one holds, under the names that it has there:
    ///
    ///     check.include { () throws(ConfigurationError) in try backoff.validate("Retry.backoff") }
    public mutating func include(_ other: () throws(ConfigurationError) -> Void) {
        do throws(ConfigurationError) { try other() } catch { include(error.problems) }
    }

    /// What has been found to be wrong elsewhere.
    public mutating func include(_ problems: [ConfigurationError.Problem]) {
        for problem in problems { add(problem) }
    }

    /// Of a field that is wrong in two ways the first is enough.
    private mutating func add(_ problem: ConfigurationError.Problem) {
        if !problems.contains(where: { $0.field == problem.field }) { problems.append(problem) }
    }

    /// Times in the largest unit that says them whole: `15 min`.
    private static func text(_ value: some Comparable) -> String {
        guard let duration = value as? Duration else { return "\(value)" }
        for (unit, name) in units where duration >= unit || duration <= .zero - unit {
            let count = duration / unit
            if unit * count.rounded() == duration { return "\(Int64(count.rounded())) \(name)" }
        }
        return duration == .zero ? "0" : "\(duration)"
    }

    private static let units: [(Duration, String)] = [
        (.seconds(86_400), "d"), (.seconds(3_600), "h"), (.seconds(60), "min"), (.seconds(1), "s"),
        (.milliseconds(1), "ms"), (.microseconds(1), "µs"), (.nanoseconds(1), "ns"),
    ]
}
