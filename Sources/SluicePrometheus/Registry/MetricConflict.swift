/// Why a metric is not exposed as its user asked: to be logged, since the user's updates go nowhere.
public struct MetricConflict: Error, Sendable, Hashable, CustomStringConvertible {
    /// What clashes.
    public struct Reason: Sendable, Hashable {
        /// The name belongs to a family of another kind.
        public static let kind = Reason(code: .kind)
        /// The name is that of another family's samples, such as a gauge `x_sum` beside a histogram `x`.
        public static let name = Reason(code: .name)
        /// A label is not among the described ones.
        public static let labels = Reason(code: .labels)
        /// The family was described differently before, or is in use with other buckets. The first one stands.
        public static let description = Reason(code: .description)

        enum Code: String, Sendable {
            case kind, name, labels, description
        }

        let code: Code
    }

    /// The name that was asked for, as it would be exposed.
    public let name: String
    public let kind: MetricKind
    public let reason: Reason
    /// The family in the way.
    public let other: String

    public var description: String {
        switch reason.code {
        case .kind: "metric \(name): cannot be a \(kind), the name belongs to a family of another kind"
        case .name: "metric \(name): the name collides with the family \(other)"
        case .labels: "metric \(name): has a label that its description does not list"
        case .description: "metric \(name): described twice, and differently; the first description stands"
        }
    }
}
