import SluiceGateway

/// What a terminal sends for keys (ECMA-48), as keys.
struct KeyParser {
    private var bytes: [UInt8] = []

    /// Whether more may follow of a key.
    var isPending: Bool { !bytes.isEmpty }

    mutating func take(_ more: some Sequence<UInt8>) -> [TopView.Key] {
        bytes += more
        var keys: [TopView.Key] = []
        while let (key, count) = next() {
            if let key { keys.append(key) }
            bytes.removeFirst(count)
        }
        return keys
    }

    /// Nothing follows: an escape that stands alone is the key.
    mutating func flush() -> [TopView.Key] {
        defer { bytes = [] }
        return bytes.first == 0x1B ? [.escape] : []
    }

    /// The first key, and how many bytes it is; nil when it is not complete.
    private func next() -> (TopView.Key?, Int)? {
        guard let first = bytes.first else { return nil }
        switch first {
        case 0x1B: return sequence()
        case 0x0D, 0x0A: return (.enter, 1)
        case 0x7F, 0x08: return (.backspace, 1)
        case 0..<0x80: return (.character(Character(UnicodeScalar(first))), 1)
        default:
            let count = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1
            guard bytes.count >= count else { return nil }
            let text = String(decoding: bytes.prefix(count), as: UTF8.self)
            return (text.first.map { .character($0) }, count)
        }
    }

    private func sequence() -> (TopView.Key?, Int)? {
        guard bytes.count > 1 else { return nil }
        guard bytes[1] == UInt8(ascii: "[") || bytes[1] == UInt8(ascii: "O") else { return (.escape, 1) }
        // Parameters, then one byte that ends it.
        guard let end = bytes.dropFirst(2).firstIndex(where: { (0x40...0x7E).contains($0) }) else {
            return bytes.count > 16 ? (nil, bytes.count) : nil
        }
        let number = String(decoding: bytes[2..<end], as: UTF8.self)
        let key: TopView.Key? =
            switch (bytes[end], number) {
            case (UInt8(ascii: "A"), _): .up
            case (UInt8(ascii: "B"), _): .down
            case (UInt8(ascii: "H"), _), (UInt8(ascii: "~"), "1"): .home
            case (UInt8(ascii: "F"), _), (UInt8(ascii: "~"), "4"): .end
            case (UInt8(ascii: "~"), "5"): .pageUp
            case (UInt8(ascii: "~"), "6"): .pageDown
            default: nil
            }
        return (key, end + 1)
    }
}
