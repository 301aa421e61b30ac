import Crypto
import Sluice

extension MessageID {
    /// A UUIDv8 (RFC 9562, section 5.8) of the SHA-256 of these texts, so that what is told twice has the same id.
    init(hashOf fields: String...) {
        self.init(hashOf: fields)
    }

    init(hashOf fields: [String]) {
        var input: [UInt8] = []
        input.reserveCapacity(256)
        for field in fields {
            // With its length in front, no field can pass for a part of another.
            withUnsafeBytes(of: UInt32(truncatingIfNeeded: field.utf8.count).bigEndian) { input.append(contentsOf: $0) }
            input.append(contentsOf: field.utf8)
        }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for (index, byte) in SHA256.hash(data: input).enumerated() {
            switch index {
            case 0..<8: high = high << 8 | UInt64(byte)
            case 8..<16: low = low << 8 | UInt64(byte)
            default: break
            }
        }
        self.init(
            high: high & 0xFFFF_FFFF_FFFF_0FFF | 0x8000,
            low: low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
    }
}
