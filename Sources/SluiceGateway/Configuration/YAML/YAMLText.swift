/// Texts as YAML has them.
enum YAMLText {
    /// The text as one value: plain where that means the same, else in double quotes.
    static func quoted(_ text: String) -> String {
        isPlain(text) ? text : inQuotes(text)
    }

    static func inQuotes(_ text: String) -> String { "\"\(escaped(text))\"" }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F || scalar.isUnsafe:
                let hex = String(scalar.value, radix: 16, uppercase: true)
                result +=
                    scalar.value > 0xFFFF
                    ? "\\U" + String(repeating: "0", count: 8 - hex.count) + hex
                    : "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Letters, digits and what is harmless between them; never a word that YAML takes for something else.
    private static func isPlain(_ text: String) -> Bool {
        let marks = "-_./%+@:"
        guard let first = text.utf8.first, first != UInt8(ascii: "-"), first != UInt8(ascii: "%"),
            first != UInt8(ascii: "@"), first != UInt8(ascii: ":"), !text.hasSuffix(":"), text != "null"
        else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: marks.utf8.contains(byte)
            }
        }
    }
}
