import Glibc

/// The name of an object's member, compared in place: no string is made of it.
///
/// It points into the reader's bytes and cannot be copied, so it cannot outlive the call that lends it.
package struct JSONKey: ~Copyable {
    @usableFromInline let start: UnsafePointer<UInt8>
    @usableFromInline let count: Int
    /// The name itself, when it was written with escapes.
    @usableFromInline let decoded: [UInt8]?

    package static func == (key: borrowing JSONKey, name: StaticString) -> Bool {
        let count = name.utf8CodeUnitCount
        if let decoded = key.decoded {
            return decoded.count == count && memcmp(decoded, name.utf8Start, count) == 0
        }
        return key.count == count && memcmp(key.start, name.utf8Start, count) == 0
    }

    package var text: String {
        decoded.map { String(decoding: $0, as: UTF8.self) }
            ?? String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// Whether it is a name that is not known before the program runs.
    package borrowing func isNamed(_ name: String) -> Bool {
        if let decoded { return decoded.elementsEqual(name.utf8) }
        return UnsafeBufferPointer(start: start, count: count).elementsEqual(name.utf8)
    }
}
