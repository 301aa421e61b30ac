/// How one value of a file is read and written.
struct YAMLFormat<Value: Sendable>: Sendable {
    /// What a value has to be, as an error says it behind `expected`.
    let expected: String
    fileprivate let parse: @Sendable (YAMLValue) -> Value?
    /// The only texts that there are; empty where there are others.
    private(set) var words: [String] = []
    /// What one of a list's values has to be, as an error says it of the wrong ones; nil where it is no list. One value alone is
    /// read as a list of it.
    private(set) var element: (@Sendable (YAMLValue) -> String)?
    /// The value as it would stand in a file.
    let write: @Sendable (Value) -> String

    init(
        _ expected: String, write: @escaping @Sendable (Value) -> String,
        value parse: @escaping @Sendable (YAMLValue) -> Value?
    ) {
        self.expected = expected
        self.parse = parse
        self.write = write
    }

    /// A format of texts.
    init(
        text expected: String, write: @escaping @Sendable (Value) -> String,
        parse: @escaping @Sendable (String) -> Value?
    ) {
        self.init(expected, write: write, value: { $0.text.flatMap(parse) })
    }

    /// - Returns: nil where it is none, and a fault says so.
    func read(_ value: YAMLValue, _ faults: inout YAMLFaults) -> Value? {
        if let parsed = parse(value) { return parsed }
        var wrong: [YAMLValue] = []
        if let element, case .list(let values) = value.content {
            wrong = values.filter { parse($0) == nil }
            for value in wrong { faults.expect(element(value), at: value) }
        }
        if wrong.isEmpty { faults.expect(expected, at: value) }
        return nil
    }

    /// The same, of which only these texts are.
    func limited(to words: [String]) -> YAMLFormat {
        var format = self
        format.words = words
        return format
    }

    /// The same, of which each wrong value is told by itself.
    func telling(_ element: @escaping @Sendable (YAMLValue) -> String) -> YAMLFormat {
        var format = self
        format.element = element
        return format
    }

    func value(of value: YAMLValue) -> Value? { parse(value) }

    /// - Returns: nil where the text is none.
    func value(of text: String) -> Value? {
        parse(YAMLValue(content: .text(text), place: .init(line: 1, column: 1)))
    }

    /// Another format, or a word for nil.
    static func optional<Wrapped>(_ format: YAMLFormat<Wrapped>, none word: String) -> Self where Value == Wrapped? {
        Self(
            "\(format.expected), or \(word)", write: { $0.map(format.write) ?? word },
            value: { value in value.text == word ? .some(nil) : format.parse(value).map { .some($0) } })
    }

    /// The same with bounds.
    /// - Parameter bounds: in words, behind the expectation.
    func bounded(_ bounds: String, _ isIn: @escaping @Sendable (Value) -> Bool) -> Self {
        Self("\(expected), \(bounds)", write: write, value: { parse($0).flatMap { isIn($0) ? $0 : nil } })
    }

    func map<Other>(
        _ transform: @escaping @Sendable (Value) -> Other, back: @escaping @Sendable (Other) -> Value
    ) -> YAMLFormat<Other> {
        YAMLFormat<Other>(expected, write: { write(back($0)) }, value: { parse($0).map(transform) })
    }
}
