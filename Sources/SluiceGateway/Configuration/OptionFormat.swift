/// How the text of an option is read, wherever it was written.
public struct OptionFormat<Value: Sendable>: Sendable {
    /// What a text has to be, as an error says it behind `expected`.
    public let expectation: String
    /// The values that a number may have, or the words that there are; nil where anything of the kind goes.
    public let range: String?
    /// What a number counts, or nil.
    public let unit: String?
    private let parse: @Sendable (String) throws(OptionMismatch) -> Value
    /// What is allowed and probably not meant, behind the option's name.
    let caution: @Sendable (String) -> String?

    init(
        _ expectation: String, range: String? = nil, unit: String? = nil,
        caution: @escaping @Sendable (String) -> String? = { _ in nil },
        parse: @escaping @Sendable (String) -> Value?
    ) {
        self.init(
            expectation, range: range, unit: unit, caution: caution,
            checking: { text throws(OptionMismatch) in
                guard let value = parse(text) else { throw OptionMismatch(expected: expectation) }
                return value
            })
    }

    /// - Parameter parse: says itself what is wrong where it can tell more than the expectation.
    init(
        _ expectation: String, range: String? = nil, unit: String? = nil,
        caution: @escaping @Sendable (String) -> String? = { _ in nil },
        checking parse: @escaping @Sendable (String) throws(OptionMismatch) -> Value
    ) {
        self.expectation = expectation
        self.range = range
        self.unit = unit
        self.caution = caution
        self.parse = parse
    }

    /// - Throws: what is expected instead.
    func value(of text: String) throws(OptionMismatch) -> Value {
        try parse(text)
    }

    /// The same text, made into something else.
    func map<Other>(_ transform: @escaping @Sendable (Value) -> Other) -> OptionFormat<Other> {
        let parse = parse
        return OptionFormat<Other>(
            expectation, range: range, unit: unit, caution: caution,
            checking: { text throws(OptionMismatch) in transform(try parse(text)) })
    }
}

/// A text that is no value of an option's format.
struct OptionMismatch: Error {
    let expected: String
}
