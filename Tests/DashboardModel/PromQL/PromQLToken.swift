/// A token of a PromQL expression that may hold variables of Grafana.
enum PromQLToken: Equatable {
    /// A metric's, label's, function's or operator's name.
    case word(String)
    /// A number or duration, or a variable in the place of one.
    case number(String)
    case string(String)
    /// What stands between `[` and `]`, unread: `5m`, `$__rate_interval`, `1h:1m`.
    case range(String)
    /// `(`, `)`, `{`, `}`, `,`, `@`, or an operator.
    case symbol(String)
}

/// An expression that cannot be read.
public struct PromQLError: Error, CustomStringConvertible, Equatable {
    public let description: String
}

extension PromQLToken {
    private static let symbols = [
        "=~", "!~", "!=", "==", ">=", "<=", "=", ">", "<", "+", "-", "*", "/", "%", "^", "(", ")", "{", "}", ",", "@",
    ]

    static func read(_ text: String) throws(PromQLError) -> [PromQLToken] {
        var tokens: [PromQLToken] = []
        var rest = text[...]
        while let character = rest.first {
            if character.isWhitespace {
                rest = rest.dropFirst()
            } else if character == "#" {
                rest = rest.drop { !$0.isNewline }
            } else if character == "\"" || character == "'" || character == "`" {
                tokens.append(.string(try string(&rest, quote: character)))
            } else if character == "[" {
                guard let close = rest.firstIndex(of: "]") else { throw PromQLError(description: "[ without ]") }
                tokens.append(.range(rest[..<close].dropFirst().filter { !$0.isWhitespace }))
                rest = rest[close...].dropFirst()
            } else if character == "$" {
                let word = rest.prefix { $0 == "$" || $0 == "{" || $0 == "}" || isOfWord($0) }
                tokens.append(.number(String(word)))
                rest = rest[word.endIndex...]
            } else if character.isASCII, character.isNumber || character == "." {
                tokens.append(.number(number(&rest)))
            } else if isOfWord(character) {
                let word = rest.prefix(while: isOfWord)
                tokens.append(.word(String(word)))
                rest = rest[word.endIndex...]
            } else if let symbol = symbols.first(where: { rest.hasPrefix($0) }) {
                tokens.append(.symbol(symbol))
                rest = rest.dropFirst(symbol.count)
            } else {
                throw PromQLError(description: "\(character) has no place in an expression")
            }
        }
        return tokens
    }

    private static func isOfWord(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || character == "_" || character == ":")
    }

    /// Digits, an exponent with its sign, a duration's units.
    private static func number(_ rest: inout Substring) -> String {
        var result = ""
        while let character = rest.first {
            let isSign = (character == "+" || character == "-") && result.lowercased().hasSuffix("e")
            guard isSign || character == "." || (isOfWord(character) && character != ":") else { break }
            result.append(character)
            rest = rest.dropFirst()
        }
        return result
    }

    private static func string(_ rest: inout Substring, quote: Character) throws(PromQLError) -> String {
        rest = rest.dropFirst()
        var result = ""
        while let character = rest.first {
            rest = rest.dropFirst()
            if character == quote { return result }
            if character == "\\", quote != "`", let escaped = rest.first {
                result.append(character)
                result.append(escaped)
                rest = rest.dropFirst()
            } else {
                result.append(character)
            }
        }
        throw PromQLError(description: "a string that does not end")
    }
}
