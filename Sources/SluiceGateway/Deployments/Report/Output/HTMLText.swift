/// Text for a page: nothing from outside can become markup, or change the direction of what stands beside it.
enum HTMLText {
    static func escape(_ text: String) -> String {
        let text = text.replacingUnsafeCharacters()
        guard text.utf8.contains(where: isSpecial) else { return text }
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private static func isSpecial(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "&"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""), UInt8(ascii: "'"): true
        default: false
        }
    }

    /// A link, where the address is one of the web; else the text alone.
    static func link(_ text: String, _ address: String?) -> String {
        guard let address = EventField.url(address) else { return escape(text) }
        return "<a href=\"\(escape(address))\" rel=\"noopener noreferrer\">\(escape(text))</a>"
    }

    /// A share of the width, as CSS and SVG write it.
    static func percent(_ share: Double) -> String {
        let clamped = share.isFinite ? min(max(share, 0), 1) : 0
        return "\((clamped * 100_000).rounded() / 1_000)%"
    }
}
