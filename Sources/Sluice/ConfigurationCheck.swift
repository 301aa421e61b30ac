/// Refuses what the fields of a configuration cannot have, by a ``ConfigurationError`` that names the field, its value, and
/// its range:
///
///     let check = ConfigurationCheck("AMQPSubscriber")
///     try check("prefetch", prefetch, in: 1...65_535)
///     try check("closeTimeout", closeTimeout, in: .zero...)
///     try check("hosts", !hosts.isEmpty, expected: "at least one")
///
/// An optional that is nil passes: it means that the option is off.
public struct ConfigurationCheck: Sendable {
    private let owner: String

    /// - Parameter owner: what stands before the fields' names: the type that is configured.
    public init(_ owner: String) {
        self.owner = owner
    }

    /// - Parameters:
    ///   - holds: whether the field has what it may have.
    ///   - expected: what that is, such as `at least one`.
    ///   - value: what it has, where that may be shown. Default: nothing.
    public func callAsFunction(
        _ field: String, _ holds: Bool, expected: String, value: String? = nil
    ) throws(ConfigurationError) {
        if !holds { throw ConfigurationError("\(owner).\(field)", expected: expected, value: value) }
    }

    /// From the first to the last, both included.
    public func callAsFunction<Value: Comparable>(
        _ field: String, _ value: Value?, in range: ClosedRange<Value>
    ) throws(ConfigurationError) {
        guard let value else { return }
        try self(
            field, range.contains(value),
            expected: "from \(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))", value: Self.text(value))
    }

    /// This, or more.
    public func callAsFunction<Value: Comparable>(
        _ field: String, _ value: Value?, in range: PartialRangeFrom<Value>
    ) throws(ConfigurationError) {
        guard let value else { return }
        try self(
            field, range.contains(value), expected: "at least \(Self.text(range.lowerBound))", value: Self.text(value))
    }

    /// More than this.
    public func callAsFunction<Value: Comparable>(
        _ field: String, _ value: Value?, above bound: Value
    ) throws(ConfigurationError) {
        guard let value else { return }
        try self(field, value > bound, expected: "more than \(Self.text(bound))", value: Self.text(value))
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
