/// Reads PromQL by recursive descent. What it lets through, `promtool` has to judge: it finds structure, not every error.
struct PromQLParser {
    private static let aggregations: Set<String> = [
        "sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile",
    ]
    /// Binary operators, from the loosest to the tightest.
    private static let precedence: [Set<String>] = [
        ["or"], ["and", "unless"], ["==", "!=", "<=", "<", ">=", ">"], ["+", "-"], ["*", "/", "%", "atan2"], ["^"],
    ]

    private let tokens: [PromQLToken]
    private var position = 0

    init(tokens: [PromQLToken]) {
        self.tokens = tokens
    }

    mutating func whole() throws(PromQLError) -> PromQLExpression {
        let expression = try binary(0)
        if let extra = next { throw PromQLError(description: "\(extra) after the end") }
        return expression
    }

    private var next: PromQLToken? { position < tokens.count ? tokens[position] : nil }

    private mutating func skip(_ token: PromQLToken) -> Bool {
        guard next == token else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ symbol: String) throws(PromQLError) {
        guard skip(.symbol(symbol)) else {
            throw PromQLError(description: "\(symbol) expected, \(next.map { "\($0)" } ?? "the end") found")
        }
    }

    private mutating func word() throws(PromQLError) -> String {
        guard case .word(let name) = next else { throw PromQLError(description: "a name expected") }
        position += 1
        return name
    }

    // MARK: Operators

    private mutating func binary(_ level: Int) throws(PromQLError) -> PromQLExpression {
        guard level < Self.precedence.count else { return try unary() }
        var left = try binary(level + 1)
        while let sign = sign(of: level) {
            position += 1
            let matching = try matching()
            // `^` binds to the right, the others to the left.
            let right = try binary(sign == "^" ? level : level + 1)
            left = .binary(sign, matching, left, right)
        }
        return left
    }

    private func sign(of level: Int) -> String? {
        switch next {
        case .word(let name) where Self.precedence[level].contains(name.lowercased()): name.lowercased()
        case .symbol(let symbol) where Self.precedence[level].contains(symbol): symbol
        default: nil
        }
    }

    private mutating func matching() throws(PromQLError) -> PromQLMatching {
        var matching = PromQLMatching()
        _ = skip(.word("bool"))
        if skip(.word("on")) {
            matching.isOn = true
            matching.labels = try names()
        } else if skip(.word("ignoring")) {
            matching.labels = try names()
        }
        for group in ["group_left", "group_right"] where skip(.word(group)) {
            matching.group = group
            if next == .symbol("(") { matching.included = try names() }
        }
        return matching
    }

    private mutating func names() throws(PromQLError) -> [String] {
        var names: [String] = []
        try expect("(")
        while !skip(.symbol(")")) {
            names.append(try word())
            if next != .symbol(")") { try expect(",") }
        }
        return names
    }

    private mutating func unary() throws(PromQLError) -> PromQLExpression {
        if skip(.symbol("-")) || skip(.symbol("+")) { return try unary() }
        return try suffixed(primary())
    }

    /// A subquery makes a range of any expression; `offset` and `@` move it in time.
    private mutating func suffixed(_ expression: PromQLExpression) throws(PromQLError) -> PromQLExpression {
        var expression = expression
        while true {
            if case .range(let range) = next {
                position += 1
                if case .selector(var selector) = expression, !range.contains(":"), selector.range == nil {
                    selector.range = range
                    expression = .selector(selector)
                } else if range.contains(":") {
                    expression = .call("", [expression])
                } else {
                    throw PromQLError(description: "[\(range)] behind what is not a selector")
                }
            } else if skip(.word("offset")) {
                _ = skip(.symbol("-"))
                position += 1
            } else if skip(.symbol("@")) {
                _ = try primary()
            } else {
                return expression
            }
        }
    }

    // MARK: Operands

    private mutating func primary() throws(PromQLError) -> PromQLExpression {
        let token = next
        position += 1
        switch token {
        case .number(let text): return .number(text)
        case .string(let text): return .string(text)
        case .symbol("("):
            let inner = try binary(0)
            try expect(")")
            return inner
        case .symbol("{"):
            position -= 1
            return .selector(PromQLSelector(metric: nil, matchers: try matchers()))
        case .word(let name): return try named(name)
        default: throw PromQLError(description: "\(token.map { "\($0)" } ?? "the end") where an operand belongs")
        }
    }

    private mutating func named(_ name: String) throws(PromQLError) -> PromQLExpression {
        if Self.aggregations.contains(name.lowercased()), let aggregation = try aggregation(name.lowercased()) {
            return aggregation
        }
        if next == .symbol("(") { return .call(name, try arguments()) }
        if ["inf", "nan"].contains(name.lowercased()) { return .number(name) }
        return .selector(PromQLSelector(metric: name, matchers: next == .symbol("{") ? try matchers() : []))
    }

    private mutating func aggregation(_ name: String) throws(PromQLError) -> PromQLExpression? {
        var grouping = try grouping()
        guard grouping != nil || next == .symbol("(") else { return nil }
        var arguments = try arguments()
        if grouping == nil { grouping = try self.grouping() }
        guard let operand = arguments.popLast(), arguments.count <= 1 else {
            throw PromQLError(description: "\(name) takes one or two arguments")
        }
        return .aggregation(name, grouping ?? PromQLGrouping(), parameter: arguments.first, operand)
    }

    private mutating func grouping() throws(PromQLError) -> PromQLGrouping? {
        if skip(.word("by")) { return PromQLGrouping(labels: try names()) }
        if skip(.word("without")) { return PromQLGrouping(isWithout: true, labels: try names()) }
        return nil
    }

    private mutating func arguments() throws(PromQLError) -> [PromQLExpression] {
        var arguments: [PromQLExpression] = []
        try expect("(")
        while !skip(.symbol(")")) {
            arguments.append(try binary(0))
            if next != .symbol(")") { try expect(",") }
        }
        return arguments
    }

    private mutating func matchers() throws(PromQLError) -> [PromQLSelector.Matcher] {
        var matchers: [PromQLSelector.Matcher] = []
        try expect("{")
        while !skip(.symbol("}")) {
            let label = try word()
            guard case .symbol(let comparison) = next, ["=", "!=", "=~", "!~"].contains(comparison) else {
                throw PromQLError(description: "a comparison expected behind \(label)")
            }
            position += 1
            guard case .string(let value) = next else {
                throw PromQLError(description: "a string expected behind \(label)\(comparison)")
            }
            position += 1
            matchers.append(.init(label, comparison, value))
            if next != .symbol("}") { try expect(",") }
        }
        return matchers
    }
}
