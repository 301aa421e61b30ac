/// What a template may do with a text before it is written: `{{firstLine(message)}}`.
enum TemplateFilter: Sendable, Equatable {
    case uppercased, lowercased, firstLine, percentEncoded
    /// The first so many characters.
    case first(Int)

    /// Each with what it gives, as the documentation says it.
    static let documentation: [(name: String, meaning: String)] = [
        ("firstLine", "What stands before the first line break"),
        ("first100", "The first 100 characters; any number from 1 to 100,000"),
        ("lowercased", "Small letters"),
        ("uppercased", "Capital letters"),
        ("percentEncoded", "What may stand in the address of a link"),
    ]

    static var names: [String] { documentation.map(\.name) }

    /// - Returns: nil where there is none of this name.
    init?(_ name: String) {
        switch name {
        case "uppercased": self = .uppercased
        case "lowercased": self = .lowercased
        case "firstLine": self = .firstLine
        case "percentEncoded": self = .percentEncoded
        default:
            guard name.hasPrefix("first"), let count = NumberText.integer(String(name.dropFirst("first".count))),
                (1...100_000).contains(count)
            else { return nil }
            self = .first(count)
        }
    }

    func apply(to text: String) -> String {
        switch self {
        case .uppercased: text.uppercased()
        case .lowercased: text.lowercased()
        case .firstLine: text.firstLine
        case .percentEncoded: PercentEncoding.encoded(text)
        case .first(let count): String(text.prefix(count))
        }
    }
}
