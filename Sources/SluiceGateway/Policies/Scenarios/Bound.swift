/// What a figure may be: `100`, `at most 100`, `at least 3`, `90 to 110`.
struct Bound<Value: Comparable & Sendable>: Sendable {
    private enum Kind: Sendable {
        case exactly(Value)
        case atMost(Value), atLeast(Value), lessThan(Value), moreThan(Value)
        case between(Value, Value)
    }

    private let kind: Kind
    /// In words, as a person wrote them.
    let words: String

    /// - Parameter value: reads a value; nil where the text is none.
    init?(_ text: String, value: (String) -> Value?) {
        let forms: [(String, (Value) -> Kind)] = [
            ("at most ", Kind.atMost), ("at least ", Kind.atLeast), ("less than ", Kind.lessThan),
            ("more than ", Kind.moreThan), ("<=", Kind.atMost), (">=", Kind.atLeast), ("<", Kind.lessThan),
            (">", Kind.moreThan),
        ]
        func trimmed(_ text: Substring) -> String { String(text.drop { $0 == " " }) }
        words = text
        if let (prefix, make) = forms.first(where: { text.hasPrefix($0.0) }) {
            guard let bound = value(trimmed(text.dropFirst(prefix.count))) else { return nil }
            kind = make(bound)
        } else if let range = text.firstRange(of: " to ") {
            guard let least = value(String(text[..<range.lowerBound])),
                let most = value(trimmed(text[range.upperBound...])), least <= most
            else { return nil }
            kind = .between(least, most)
        } else {
            guard let exact = value(text) else { return nil }
            kind = .exactly(exact)
        }
    }

    func contains(_ value: Value) -> Bool {
        switch kind {
        case .exactly(let exact): value == exact
        case .atMost(let bound): value <= bound
        case .atLeast(let bound): value >= bound
        case .lessThan(let bound): value < bound
        case .moreThan(let bound): value > bound
        case .between(let least, let most): value >= least && value <= most
        }
    }
}

extension YAMLFormat {
    /// - Parameters:
    ///   - kind: what it bounds, such as `a number`.
    ///   - example: a value of it, and a larger one.
    static func bound<Bounded>(
        _ kind: String, _ example: (String, String), _ value: @escaping @Sendable (String) -> Bounded?
    ) -> Self where Value == Bound<Bounded> {
        Self(
            text: "\(kind): \(example.0), at most \(example.0), at least \(example.0), less than \(example.0), "
                + "more than \(example.0), or \(example.0) to \(example.1)",
            write: { $0.words }, parse: { Bound($0, value: value) })
    }
}

extension YAMLFormat where Value == Bound<Int> {
    static var boundedCount: Self { .bound("a number", ("100", "110"), { NumberText.integer($0) }) }
}

extension YAMLFormat where Value == Bound<Double> {
    static var boundedRatio: Self { .bound("a number", ("1.5", "2")) { NumberText.parse($0[...]) } }
}

extension YAMLFormat where Value == Bound<Duration> {
    static var boundedDuration: Self { .bound("a duration", ("30s", "1m"), { DurationText.parse($0) }) }
}
