/// The header `traceparent` of W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context/#traceparent-header).
package struct TraceParent: Sendable, Hashable, CustomStringConvertible {
    /// The upper half of the trace's id.
    package var high: UInt64
    package var low: UInt64
    package var span: UInt64
    package var isSampled: Bool

    package init(high: UInt64, low: UInt64, span: UInt64, isSampled: Bool) {
        self.high = high
        self.low = low
        self.span = span
        self.isSampled = isSampled
    }

    /// - Returns: nil for everything that the grammar does not allow, and for ids of zeros. Of versions to come the part that
    ///   version 00 knows counts.
    package init?(_ text: String) {
        let bytes = Array(text.utf8.prefix(Self.length + 1))
        guard bytes.count >= Self.length, bytes[2] == Self.dash, bytes[35] == Self.dash, bytes[52] == Self.dash,
            let version = Self.number(bytes[0..<2]), version != 0xFF,
            let high = Self.number(bytes[3..<19]), let low = Self.number(bytes[19..<35]),
            let span = Self.number(bytes[36..<52]), let flags = Self.number(bytes[53..<55]),
            high | low != 0, span != 0
        else { return nil }
        if bytes.count > Self.length, version == 0 || bytes[Self.length] != Self.dash { return nil }
        self.init(high: high, low: low, span: span, isSampled: flags & 1 == 1)
    }

    package var description: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }

    /// 32 digits.
    package var traceID: String { Self.hex(high) + Self.hex(low) }
    /// 16 digits.
    package var spanID: String { Self.hex(span) }

    /// The names of the headers, and of the metadata.
    package static let name = "traceparent"
    package static let stateName = "tracestate"

    private static let length = 55
    private static let dash = UInt8(ascii: "-")

    /// In lower case alone.
    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            number = number << 4 | UInt64(value)
        }
        return number
    }

    private static func hex(_ number: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { text in
            for place in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: number >> UInt64(60 - place * 4)) & 0xF
                text[place] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            }
            return 16
        }
    }
}
