internal import CRDKafka
public import Sluice

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A record's headers: names and values in order. A name may occur several times, and a value may be absent.
///
/// All of them lie in one run of bytes, so that a reused record's headers cost no allocation, and those of many records
/// may share one.
public struct KafkaHeaders: Sendable {
    public struct Element: Sendable, Hashable {
        public let name: String
        /// Nil is Kafka's null, which is not an empty value.
        public let value: [UInt8]?
    }

    /// Where a header lies among the bytes.
    struct Slot: Sendable {
        let start: Int
        let nameEnd: Int
        /// Where the value ends; -1 for null.
        var valueEnd: Int
    }

    private var bytes: [UInt8] = []
    private var slots: [Slot] = []
    /// Which of the slots count: all, unless the memory is shared.
    private var own = 0..<0

    public init() {}

    /// None yet of the headers in memory that is shared.
    init(sharing bytes: [UInt8], _ slots: [Slot]) {
        self.bytes = bytes
        self.slots = slots
    }

    /// These of the headers in memory that is shared.
    mutating func select(_ slots: Range<Int>) {
        own = slots
    }

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

    /// Appends a header with this id in UTF-8.
    public mutating func append(_ name: String, _ id: MessageID) {
        begin(name)
        id.write(to: &bytes)
        endValue()
    }

    /// Appends a header without a value.
    public mutating func appendNull(_ name: String) {
        begin(name)
    }

    /// The value of the last header of this name; nil when there is none or it has no value.
    public subscript(name: String) -> [UInt8]? {
        guard let index = indices.last(where: { hasName(name, at: $0) }) else { return nil }
        return withValue(at: index) { $0.map(Array.init) }
    }

    /// Removes all, and keeps the memory for the next record's.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        slots.removeAll(keepingCapacity: true)
        own = 0..<0
    }

    private mutating func begin(_ name: String) {
        // Enough for what Watermill writes of most messages.
        if bytes.capacity == 0 { bytes.reserveCapacity(128) }
        let start = bytes.count
        var name = name
        name.withUTF8 { bytes.append(contentsOf: UnsafeRawBufferPointer($0)) }
        if own.count < slots.count { slots = Array(slots[own]) }
        slots.append(Slot(start: start, nameEnd: bytes.count, valueEnd: -1))
        own = 0..<slots.count
    }

    private mutating func endValue() {
        slots[slots.count - 1].valueEnd = bytes.count
    }

    func hasName(_ name: String, at index: Int) -> Bool {
        let slot = slots[own.lowerBound + index]
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
        let slot = slots[own.lowerBound + index]
        return String(decoding: bytes[slot.start..<slot.nameEnd], as: UTF8.self)
    }

    /// Lends the value; nil for null.
    func withValue<Result>(at index: Int, _ body: (UnsafeRawBufferPointer?) -> Result) -> Result {
        let slot = slots[own.lowerBound + index]
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
    public var endIndex: Int { own.count }
    public subscript(position: Int) -> Element {
        Element(name: name(at: position), value: withValue(at: position) { $0.map(Array.init) })
    }
}

extension KafkaHeaders: Hashable {
    public static func == (first: KafkaHeaders, second: KafkaHeaders) -> Bool { first.elementsEqual(second) }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(count)
        for element in self { hasher.combine(element) }
    }
}

// MARK: At the border to C

extension KafkaHeaders {
    /// How many bytes the names and values have.
    var byteCount: Int { bytes.count }

    /// A list of librdkafka's, which the caller owns; nil where there are no headers.
    func native() -> OpaquePointer? {
        guard !isEmpty else { return nil }
        let list = rd_kafka_headers_new(count)
        bytes.withUnsafeBytes { all in
            guard let base = all.baseAddress else { return }
            for slot in slots[own] {
                let name = (base + slot.start).assumingMemoryBound(to: CChar.self)
                let hasValue = slot.valueEnd >= 0
                rd_kafka_header_add(
                    list, name, slot.nameEnd - slot.start, hasValue ? base + slot.nameEnd : nil,
                    hasValue ? slot.valueEnd - slot.nameEnd : 0)
            }
        }
        return list
    }
}
