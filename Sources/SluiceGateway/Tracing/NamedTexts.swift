/// A list such as `a=1,b=2`, as OpenTelemetry's variables have it: that of W3C Baggage, without properties
/// (https://www.w3.org/TR/baggage/#header-content).
enum NamedTexts {
    /// - Returns: nil where it is no such list, or has too much in it.
    static func parse(_ text: String) -> [(name: String, value: String)]? {
        guard text.utf8.count <= 16_384 else { return nil }
        var entries: [(name: String, value: String)] = []
        for part in text.utf8.split(separator: UInt8(ascii: ",")) {
            let part = trimmed(part)
            if part.isEmpty { continue }
            guard let equals = part.firstIndex(of: UInt8(ascii: "=")),
                let name = decoded(trimmed(part[..<equals])), !name.isEmpty,
                let value = decoded(trimmed(part[part.index(after: equals)...]))
            else { return nil }
            entries.append((name, value))
        }
        return entries.count <= 128 ? entries : nil
    }

    private static func trimmed(_ text: Substring.UTF8View) -> Substring.UTF8View {
        var text = text
        while text.first == 0x20 || text.first == 0x09 { text.removeFirst() }
        while text.last == 0x20 || text.last == 0x09 { text.removeLast() }
        return text
    }

    /// A percent sign and two digits are a byte.
    private static func decoded(_ text: Substring.UTF8View) -> String? {
        var bytes: [UInt8] = []
        var rest = text.makeIterator()
        while let byte = rest.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit) else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// The headers of each request to a collector. Their values may be keys, and are shown nowhere.
public struct TraceHeaders: Sendable, CustomStringConvertible, CustomReflectable {
    let entries: [(name: String, value: Secret)]

    /// - Parameter entries: names and values, as HTTP can carry them.
    public init(_ entries: [(name: String, value: String)]) {
        self.entries = entries.map { ($0.name, Secret($0.value)) }
    }

    /// Whether HTTP can carry them.
    var isWritable: Bool {
        entries.allSatisfy { entry in
            !entry.name.isEmpty
                && entry.name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"\"(),/:;<=>?@[\\]{}".utf8.contains($0) }
                && entry.value.reveal().utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
        }
    }

    public var description: String { entries.map { "\($0.name)=<secret>" }.joined(separator: ",") }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Attributes of the process that makes spans.
public struct TraceResource: Sendable {
    let entries: [(name: String, value: String)]

    /// - Parameter entries: such as `("deployment.environment.name", "production")`. Of one name the last counts.
    public init(_ entries: [(name: String, value: String)]) {
        self.entries = entries
    }
}
