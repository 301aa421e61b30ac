/// How deep the headers of a message are nested.
///
/// A publisher chooses that, and librabbitmq decodes each level within the one around it: what is too deep must
/// never come to it, or it uses up the thread's stack.
enum FieldNesting {
    /// More levels than any program means.
    static let limit = 64

    private struct Level {
        let end: Int
        let isTable: Bool
    }

    /// Whether encoded properties can be decoded: their headers are well-formed, and nested no deeper than the limit.
    static func isBounded(_ properties: UnsafeRawBufferPointer) -> Bool {
        guard properties.count >= 2 else { return false }
        let flags = UInt16(bigEndian: properties.loadUnaligned(as: UInt16.self))
        // A level takes five bytes at least.
        guard flags & 0x2000 != 0, properties.count > limit * 5 else { return true }
        // No message has more than one word of flags.
        guard flags & 1 == 0 else { return false }
        var position = 2
        // The content's type and encoding come before the headers.
        for flag in [UInt16(0x8000), 0x4000] where flags & flag != 0 {
            guard skipShortText(properties, &position, properties.count) else { return false }
        }
        guard let end = long(properties, &position, properties.count) else { return false }
        return isBounded(properties, position, end)
    }

    private static func isBounded(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
        var position = start
        var levels = [Level(end: end, isTable: true)]
        while let level = levels.last {
            guard position < level.end else {
                levels.removeLast()
                continue
            }
            if level.isTable {
                guard skipShortText(bytes, &position, level.end), position < level.end else { return false }
            }
            let type = bytes[position]
            position += 1
            switch type {
            case UInt8(ascii: "F"), UInt8(ascii: "A"):
                guard levels.count < limit, let end = long(bytes, &position, level.end) else { return false }
                levels.append(Level(end: end, isTable: type == UInt8(ascii: "F")))
            case UInt8(ascii: "S"), UInt8(ascii: "x"):
                guard let end = long(bytes, &position, level.end) else { return false }
                position = end
            default:
                guard let size = size(type), position + size <= level.end else { return false }
                position += size
            }
        }
        return true
    }

    private static func size(_ type: UInt8) -> Int? {
        switch Character(UnicodeScalar(type)) {
        case "V": 0
        case "t", "b", "B": 1
        case "s", "u": 2
        case "I", "i", "f": 4
        case "D": 5
        case "l", "L", "d", "T": 8
        default: nil
        }
    }

    private static func skipShortText(_ bytes: UnsafeRawBufferPointer, _ position: inout Int, _ end: Int) -> Bool {
        guard position < end else { return false }
        position += 1 + Int(bytes[position])
        return position <= end
    }

    /// - Returns: where what has its length here ends; nil when that is beyond what surrounds it.
    private static func long(_ bytes: UnsafeRawBufferPointer, _ position: inout Int, _ end: Int) -> Int? {
        guard position + 4 <= end else { return nil }
        let length = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
        position += 4
        return length <= end - position ? position + length : nil
    }
}
