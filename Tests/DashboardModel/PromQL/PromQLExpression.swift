/// A PromQL expression, as a tree.
public indirect enum PromQLExpression: Sendable, Equatable {
    case number(String)
    case string(String)
    case selector(PromQLSelector)
    /// A function, or an expression that became a range by a subquery (`name` is then empty).
    case call(String, [PromQLExpression])
    case aggregation(String, PromQLGrouping, parameter: PromQLExpression?, PromQLExpression)
    case binary(String, PromQLMatching, PromQLExpression, PromQLExpression)

    /// - Throws: ``PromQLError`` with what is wrong.
    public init(_ text: String) throws(PromQLError) {
        var parser = PromQLParser(tokens: try PromQLToken.read(text))
        self = try parser.whole()
    }

    /// Each selector with what is called around it, outermost first: functions and aggregations.
    public var selectors: [(selector: PromQLSelector, calls: [String])] {
        switch self {
        case .number, .string: []
        case .selector(let selector): [(selector, [])]
        case .call(let name, let arguments):
            arguments.flatMap(\.selectors).map { ($0.selector, [name] + $0.calls) }
        case .aggregation(let name, _, let parameter, let operand):
            ((parameter?.selectors ?? []) + operand.selectors).map { ($0.selector, [name] + $0.calls) }
        case .binary(_, _, let left, let right): left.selectors + right.selectors
        }
    }

    /// The names of all metrics.
    public var metrics: Set<String> {
        Set(selectors.compactMap(\.selector.metric))
    }

    /// The label names of matchers, groupings and matchings.
    public var labels: Set<String> {
        switch self {
        case .number, .string: []
        case .selector(let selector): Set(selector.matchers.map(\.label))
        case .call(_, let arguments): arguments.reduce(into: []) { $0.formUnion($1.labels) }
        case .aggregation(_, let grouping, let parameter, let operand):
            Set(grouping.labels).union(parameter?.labels ?? []).union(operand.labels)
        case .binary(_, let matching, let left, let right):
            Set(matching.labels + matching.included).union(left.labels).union(right.labels)
        }
    }
}

/// `metric{label="value"}[range]`
public struct PromQLSelector: Sendable, Equatable {
    public struct Matcher: Sendable, Hashable {
        public let label: String
        /// `=`, `!=`, `=~` or `!~`.
        public let comparison: String
        public let value: String

        public init(_ label: String, _ comparison: String, _ value: String) {
            self.label = label
            self.comparison = comparison
            self.value = value
        }
    }

    /// The name; nil where only labels select.
    public var metric: String?
    public var matchers: [Matcher]
    /// What stands in brackets; nil for an instant vector.
    public var range: String?
}

/// `by (…)` or `without (…)`.
public struct PromQLGrouping: Sendable, Equatable {
    public var isWithout = false
    public var labels: [String] = []

    public init(isWithout: Bool = false, labels: [String] = []) {
        self.isWithout = isWithout
        self.labels = labels
    }
}

/// `on (…)` or `ignoring (…)`, `group_left (…)` or `group_right (…)`.
public struct PromQLMatching: Sendable, Equatable {
    public var isOn = false
    public var labels: [String] = []
    /// `group_left`, `group_right`, or nil.
    public var group: String?
    /// The labels that the group brings along.
    public var included: [String] = []
}
