import Sluice

/// How the text of an option is read, wherever it was written.
public struct OptionFormat<Value: Sendable>: Sendable {
    /// What a text has to be, as an error says it behind `expected`.
    public let expectation: String
    /// The same of a text in a file, where a time has its unit.
    private(set) var expectationInFile: String
    /// The values that a number may have, or the words that there are; nil where anything of the kind goes.
    public let range: String?
    /// What a number counts, or nil.
    public let unit: String?
    /// How its value stands in a file.
    private(set) var shape = OptionShape.text
    /// Refuses what a program has given and no time, size or path can be. It need not be in the range, which bounds what a text may
    /// say.
    private(set) var check: (@Sendable (String, Value, inout ConfigurationCheck) -> Void)?
    /// What it refuses, for tests.
    private(set) var wrong: Value?
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
        expectationInFile = expectation
        self.range = range
        self.unit = unit
        self.caution = caution
        self.parse = parse
    }

    /// The same, for values that a program gives too.
    /// - Parameter wrong: one that is refused.
    func refusing(
        _ wrong: Value, by check: @escaping @Sendable (String, Value, inout ConfigurationCheck) -> Void
    ) -> OptionFormat {
        var format = self
        (format.check, format.wrong) = (check, wrong)
        return format
    }

    /// The same, where a file may have a list of texts, or a mapping of these.
    func shaped(_ shape: OptionShape) -> OptionFormat {
        var format = self
        format.shape = shape
        return format
    }

    /// The same, of which a file has texts that this says more of.
    func inFile(_ expectation: String) -> OptionFormat {
        var format = self
        format.expectationInFile = expectation
        return format
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
            checking: { text throws(OptionMismatch) in transform(try parse(text)) }
        ).shaped(shape).inFile(expectationInFile)
    }

    /// Whether it is a time, which a file writes with its unit.
    var isDuration: Bool { unit == "seconds" || unit == "days" }
}

/// How the value of an option stands in a file.
enum OptionShape: Sendable {
    case text
    /// A list of texts, or one text with commas.
    case list
    /// A mapping of texts, or one text with commas.
    case pairs
}

/// A text that is no value of an option's format.
struct OptionMismatch: Error {
    let expected: String
}
