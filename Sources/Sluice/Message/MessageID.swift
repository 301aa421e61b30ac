import Synchronization

/// Names a message for its whole way: a UUIDv7 in 16 bytes, or the string that another system gave it.
///
/// Nothing formats an id until someone prints it. Ids that this process makes are unique and sort by
/// time to the millisecond (RFC 9562, section 5.7); they are not secrets and must not serve as tokens.
public struct MessageID: Hashable, Sendable {
    enum Storage: Hashable, Sendable {
        case uuid(high: UInt64, low: UInt64)
        case foreign(String)
    }

    let storage: Storage

    /// A new UUIDv7.
    public init() {
        let unique = Self.sequence.wrappingAdd(1, ordering: .relaxed).newValue
        let milliseconds = UInt64(truncatingIfNeeded: Timestamp.coarseNow().millisecondsSince1970)
        let high = milliseconds << 16 | 0x7000 | (unique & 0xFFF)
        let low = Self.mix(Self.seed &+ unique) >> 2 | 0x8000_0000_0000_0000
        storage = .uuid(high: high, low: low)
    }

    /// The id that another system wrote. A UUID in its canonical lowercase form is kept in 16 bytes, anything else as
    /// it is, so that `description` always gives back `text`.
    public init(_ text: String) {
        var text = text
        if let (high, low) = text.withUTF8({ UUIDText.parse(UnsafeRawBufferPointer($0)) }) {
            storage = .uuid(high: high, low: low)
        } else {
            storage = .foreign(text)
        }
    }

    /// The same from its bytes in UTF-8, those that are not replaced. Makes no string of a UUID.
    public init(utf8 bytes: UnsafeRawBufferPointer) {
        if let (high, low) = UUIDText.parse(bytes) {
            storage = .uuid(high: high, low: low)
        } else {
            storage = .foreign(String(decoding: bytes, as: UTF8.self))
        }
    }

    /// The id of these 128 bits, most significant first.
    public init(high: UInt64, low: UInt64) {
        storage = .uuid(high: high, low: low)
    }

    /// Appends ``description`` in UTF-8. Makes no string of a UUID.
    public func write(to bytes: inout [UInt8]) {
        withUTF8 { bytes.append(contentsOf: $0) }
    }

    /// Lends ``description`` in UTF-8. Makes no string of a UUID.
    package func withUTF8(_ body: (UnsafeRawBufferPointer) -> Void) {
        switch storage {
        case .uuid(let high, let low):
            withUnsafeTemporaryAllocation(byteCount: UUIDText.length, alignment: 8) { buffer in
                UUIDText.write(high: high, low: low, to: buffer)
                body(UnsafeRawBufferPointer(buffer))
            }
        case .foreign(var text): text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
        }
    }

    /// The id's 128 bits, or nil when it is a foreign string.
    public var bits: (high: UInt64, low: UInt64)? {
        if case .uuid(let high, let low) = storage { (high, low) } else { nil }
    }

    private static let sequence = Atomic<UInt64>(0)
    private static let seed = UInt64.random(in: .min ... .max)

    /// SplitMix64's finaliser: a bijection, so that distinct sequence numbers give distinct bits without a lock or a
    /// system call for each id.
    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension MessageID: CustomStringConvertible {
    public var description: String {
        switch storage {
        case .uuid(let high, let low): UUIDText.format(high: high, low: low)
        case .foreign(let text): text
        }
    }
}

extension MessageID: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) {
        self.init(value)
    }
}
