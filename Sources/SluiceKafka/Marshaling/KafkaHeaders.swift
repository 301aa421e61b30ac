#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A record's headers: names and values in order. A name may occur several times, and a value may be absent.
///
/// All of them lie in one run of bytes, so that a reused record's headers cost no allocation.
public struct KafkaHeaders: Sendable, Hashable {
    public struct Element: Sendable, Hashable {
        public let name: String
        /// Nil is Kafka's null, which is not an empty value.
        public let value: [UInt8]?
    }

    private struct Slot: Sendable, Hashable {
        var start: Int
        var nameEnd: Int
        /// Where the value ends; -1 for null.
        var valueEnd: Int
    }

    private var bytes: [UInt8] = []
    private var slots: [Slot] = []

    public init() {}

    /// Appends a header with these bytes.
    public mutating func append(_ name: String, _ value: some Collection<UInt8>) {
        begin(name)
        bytes.append(contentsOf: value)
        endValue()
    }

    /// Appends a header with this text in UTF-8.
    public mutating func append(_ name: String, _ text: String) {
        append(name, text.utf8)
    }

    /// Appends a header without a value.
    public mutating func appendNull(_ name: String) {
        begin(name)
    }

    /// The value of the last header of this name; nil when there is none or it has no value.
    public subscript(name: String) -> [UInt8]? {
        guard let index = slots.indices.last(where: { hasName(name, at: $0) }) else { return nil }
        return withValue(at: index) { $0.map(Array.init) }
    }

    /// Removes all, and keeps the memory for the next record's.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        slots.removeAll(keepingCapacity: true)
    }

    private mutating func begin(_ name: String) {
        // Enough for what Watermill writes of most messages.
        if slots.isEmpty { bytes.reserveCapacity(128) }
        let start = bytes.count
        bytes.append(contentsOf: name.utf8)
        slots.append(Slot(start: start, nameEnd: bytes.count, valueEnd: -1))
    }

    private mutating func endValue() {
        slots[slots.count - 1].valueEnd = bytes.count
    }

    func hasName(_ name: String, at index: Int) -> Bool {
        let slot = slots[index]
        guard slot.nameEnd - slot.start == name.utf8.count else { return false }
        let own = bytes[slot.start..<slot.nameEnd]
        return own.withUnsafeBytes { own in
            name.utf8.withContiguousStorageIfAvailable { other in
                guard let first = own.baseAddress, let second = other.baseAddress else { return true }
                return memcmp(first, second, own.count) == 0
            }
        } ?? own.elementsEqual(name.utf8)
    }

    func name(at index: Int) -> String {
        String(decoding: bytes[slots[index].start..<slots[index].nameEnd], as: UTF8.self)
    }

    /// Lends the value; nil for null.
    func withValue<Result>(at index: Int, _ body: (UnsafeRawBufferPointer?) -> Result) -> Result {
        let slot = slots[index]
        return bytes.withUnsafeBytes { all in
            body(slot.valueEnd < 0 ? nil : UnsafeRawBufferPointer(rebasing: all[slot.nameEnd..<slot.valueEnd]))
        }
    }

    /// The value as text, with what is not UTF-8 replaced; nil for null.
    func text(at index: Int) -> String? {
        withValue(at: index) { value in value.map { String(decoding: $0, as: UTF8.self) } }
    }
}

extension KafkaHeaders: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { slots.count }
    public subscript(position: Int) -> Element {
        Element(name: name(at: position), value: withValue(at: position) { $0.map(Array.init) })
    }
}

// MARK: At the border to C

extension KafkaHeaders {
    /// Appends what librdkafka lent.
    mutating func append(
        name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?
    ) {
        let start = bytes.count
        bytes.append(contentsOf: name)
        slots.append(Slot(start: start, nameEnd: bytes.count, valueEnd: -1))
        guard let value else { return }
        bytes.append(contentsOf: value)
        endValue()
    }

    /// Lends each header's name and value.
    func forEachLent(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) -> Void) {
        bytes.withUnsafeBytes { all in
            for slot in slots {
                let value =
                    slot.valueEnd < 0 ? nil : UnsafeRawBufferPointer(rebasing: all[slot.nameEnd..<slot.valueEnd])
                body(UnsafeRawBufferPointer(rebasing: all[slot.start..<slot.nameEnd]), value)
            }
        }
    }
}
