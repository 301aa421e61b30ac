/// One element of a header such as `Accept` (RFC 9110, section 12.4): a value, its parameters, and its weight.
struct HeaderElement: Equatable {
    /// In lower case.
    var value: String
    /// Names in lower case; values unquoted.
    var parameters: [(name: String, value: String)]
    /// From 0 to 1.
    var weight: Double

    /// The elements in their order. One whose weight is malformed is left out.
    static func parse(_ header: String) -> [HeaderElement] {
        split(header[...], at: UInt8(ascii: ",")).compactMap { element in
            let parts = split(element, at: UInt8(ascii: ";"))
            let value = trimmed(parts[0]).lowercased()
            guard !value.isEmpty else { return nil }
            var parameters: [(name: String, value: String)] = []
            var weight = 1.0
            for part in parts.dropFirst() {
                let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                let name = trimmed(sides[0]).lowercased()
                let text = sides.count > 1 ? unquoted(trimmed(sides[1])) : ""
                if name == "q" {
                    guard let parsed = Self.weight(text) else { return nil }
                    weight = parsed
                    // What follows the weight are extensions, not parameters (RFC 7231, section 5.3.2); RFC 9110 has
                    // dropped them, and Prometheus sends none.
                } else if !name.isEmpty {
                    parameters.append((name, text))
                }
            }
            return HeaderElement(value: value, parameters: parameters, weight: weight)
        }
    }

    func parameter(_ name: String) -> String? {
        parameters.first { $0.name == name }?.value
    }

    static func == (left: HeaderElement, right: HeaderElement) -> Bool {
        left.value == right.value && left.weight == right.weight
            && left.parameters.elementsEqual(right.parameters) { $0 == $1 }
    }

    /// `0`, `0.5`, `1.000`: RFC 9110, section 12.4.2.
    private static func weight(_ text: String) -> Double? {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, first == UInt8(ascii: "0") || first == UInt8(ascii: "1"), bytes.count <= 5,
            bytes.count < 2 || bytes[1] == UInt8(ascii: "."),
            bytes.dropFirst(2).allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let value = Double(bytes.count == 2 ? String(text.dropLast()) : text), value <= 1
        else { return nil }
        return value
    }

    private static func split(_ text: Substring, at separator: UInt8) -> [Substring] {
        var parts: [Substring] = []
        var start = text.startIndex
        var isQuoted = false
        var isEscaped = false
        for index in text.utf8.indices {
            let byte = text.utf8[index]
            if isEscaped {
                isEscaped = false
            } else if isQuoted, byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if !isQuoted, byte == separator {
                parts.append(text[start..<index])
                start = text.utf8.index(after: index)
            }
        }
        parts.append(text[start...])
        return parts
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        var text = text.drop(while: isSpace)
        while let last = text.last, isSpace(last) { text.removeLast() }
        return text
    }

    private static func unquoted(_ text: Substring) -> String {
        guard text.utf8.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") else { return String(text) }
        var result = ""
        var isEscaped = false
        for character in text.dropFirst().dropLast() {
            if character == "\\", !isEscaped {
                isEscaped = true
            } else {
                result.append(character)
                isEscaped = false
            }
        }
        return result
    }
}
