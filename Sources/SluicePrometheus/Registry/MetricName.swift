/// Makes names that Prometheus accepts out of any text.
package enum MetricName {
    /// A family's name: `[a-zA-Z_][a-zA-Z0-9_]*`. Colons are left to recording rules. A counter's `_total` is dropped: it
    /// belongs to the sample.
    package static func family(_ text: String, kind: MetricKind) -> String {
        let name = sanitised(text)
        let suffix = "_total"
        if kind == .counter, name.hasSuffix(suffix), name.utf8.count > suffix.utf8.count {
            return String(name.dropLast(suffix.utf8.count))
        }
        return name
    }

    /// A label's name: like a family's, but two leading underscores are reserved by Prometheus and become one.
    static func label(_ text: String) -> String {
        var name = sanitised(text)
        while name.hasPrefix("__") { name.removeFirst() }
        return name
    }

    /// Every name that a family's samples and metadata use in either format. No other family may use one of them.
    package static func claims(of family: String, kind: MetricKind) -> [String] {
        switch kind.code {
        case .counter: [family, family + "_total", family + "_created"]
        case .gauge: [family]
        case .histogram: ["", "_bucket", "_sum", "_count", "_created"].map { family + $0 }
        }
    }

    private static func sanitised(_ text: String) -> String {
        let startsWell = text.utf8.first.map { !isDigit($0) } ?? false
        if startsWell, text.utf8.allSatisfy(isAllowed) { return text }
        var name = startsWell ? "" : "_"
        for scalar in text.unicodeScalars {
            name.unicodeScalars.append(scalar.isASCII && isAllowed(UInt8(scalar.value)) ? scalar : "_")
        }
        return name
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        isDigit(byte) || byte == UInt8(ascii: "_")
            || (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
    }
}
