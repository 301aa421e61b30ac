/// Which labels the series of a result carry.
extension PromQLExpression {
    /// Numbers, and functions that return one.
    private var isScalar: Bool {
        switch self {
        case .number, .string: true
        case .call(let name, _): ["time", "scalar", "pi"].contains(name)
        case .binary(_, _, let left, let right): left.isScalar && right.isScalar
        case .selector, .aggregation: false
        }
    }

    /// The result's labels; nil where a metric's labels are not known.
    public func resultLabels(_ known: KnownMetrics) -> Set<String>? {
        switch self {
        case .number, .string: []
        case .selector(let selector): selector.metric.flatMap(known.labels(of:))
        case .call(let name, let arguments): Self.labels(ofCall: name, arguments, known)
        case .aggregation(let name, let grouping, let parameter, let operand):
            Self.labels(name, grouping, parameter, operand.resultLabels(known))
        case .binary(let sign, let matching, let left, let right):
            Self.labels(sign, matching, left, right, known)
        }
    }

    private static func labels(
        ofCall name: String, _ arguments: [PromQLExpression], _ known: KnownMetrics
    ) -> Set<String>? {
        if ["vector", "time", "scalar", "pi"].contains(name) { return [] }
        guard let vector = arguments.first(where: { !$0.isScalar }) else { return [] }
        guard var labels = vector.resultLabels(known) else { return nil }
        switch name {
        case "histogram_quantile": labels.remove("le")
        case "label_replace", "label_join":
            if case .string(let added) = arguments.dropFirst().first { labels.insert(added) }
        default: break
        }
        return labels
    }

    private static func labels(
        _ name: String, _ grouping: PromQLGrouping, _ parameter: PromQLExpression?, _ operand: Set<String>?
    ) -> Set<String>? {
        if ["topk", "bottomk"].contains(name) { return operand }
        var labels: Set<String>? =
            grouping.isWithout
            ? operand?.subtracting(grouping.labels)
            : operand.map { $0.intersection(grouping.labels) } ?? Set(grouping.labels)
        if name == "count_values", case .string(let added) = parameter { labels?.insert(added) }
        return labels
    }

    private static func labels(
        _ sign: String, _ matching: PromQLMatching, _ left: PromQLExpression, _ right: PromQLExpression,
        _ known: KnownMetrics
    ) -> Set<String>? {
        if left.isScalar { return right.resultLabels(known) }
        if right.isScalar { return left.resultLabels(known) }
        let (ours, theirs) = (left.resultLabels(known), right.resultLabels(known))
        switch sign {
        case "or": return ours.flatMap { ours in theirs.map { ours.union($0) } }
        case "and", "unless": return ours
        default: break
        }
        switch matching.group {
        case "group_left": return ours?.union(matching.included)
        case "group_right": return theirs?.union(matching.included)
        default: return matching.isOn ? Set(matching.labels) : ours?.subtracting(matching.labels)
        }
    }

    /// Labels that a grouping or a matching names although no series there has them.
    public func strangeLabels(_ known: KnownMetrics) -> [String] {
        switch self {
        case .number, .string, .selector: return []
        case .call(_, let arguments): return arguments.flatMap { $0.strangeLabels(known) }
        case .aggregation(_, let grouping, let parameter, let operand):
            let there = operand.resultLabels(known)
            let strange = grouping.labels.filter { there?.contains($0) == false }
            return strange + (parameter?.strangeLabels(known) ?? []) + operand.strangeLabels(known)
        case .binary(_, let matching, let left, let right):
            let there = left.resultLabels(known).flatMap { ours in
                right.resultLabels(known).map { ours.union($0) }
            }
            let strange = (matching.labels + matching.included).filter { there?.contains($0) == false }
            return strange + left.strangeLabels(known) + right.strangeLabels(known)
        }
    }
}
