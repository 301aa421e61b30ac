/// What a family's values mean.
public struct MetricKind: Sendable, Hashable, CustomStringConvertible {
    /// A count that only rises.
    public static let counter = MetricKind(code: .counter)
    /// A value that rises and falls.
    public static let gauge = MetricKind(code: .gauge)
    /// A distribution in buckets.
    public static let histogram = MetricKind(code: .histogram)

    enum Code: String, Sendable {
        case counter, gauge, histogram
    }

    let code: Code

    /// The word of the exposition's TYPE line.
    public var description: String { code.rawValue }
}
