import CRDKafka
import Glibc
public import Sluice

/// A record's headers: names and values in order. A name may occur several times, and a value may be absent.
///
/// All of them lie in one run of bytes, so that a reused record's headers cost no allocation, and those of many records
/// may share one.
public struct KafkaHeaders: Sendable {
    /// One header.
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
    /// How many of the bytes count. The rest is memory for more: to grow and shrink an array for every record costs more
    /// than what is written to it.
    private var end = 0
    private var slots: [Slot] = []
    /// Which of the slots count: all, unless the memory is shared.
    private var own = 0..<0

    public init() {}

    /// None yet of the headers in memory that is shared.
    init(sharing bytes: [UInt8], _ slots: [Slot]) {
        self.bytes = bytes
        self.slots = slots
        end = bytes.count
    }

    /// These of the headers in memory that is shared.
    mutating func select(_ slots: Range<Int>) {
        own = slots
    }

    /// Appends a header with these bytes.
    public mutating func append(_ name: String, _ value: some Collection<UInt8>) {
        begin(name)
        if value.withContiguousStorageIfAvailable({ write(UnsafeRawBufferPointer($0)) }) == nil {
            Array(value).withUnsafeBytes { write($0) }
        }
        endValue()
    }

    /// Appends a header with this text in UTF-8.
    public mutating func append(_ name: String, _ text: String) {
        append(name, text.utf8)
    }

    /// Appends a header with this id in UTF-8.
    public mutating func append(_ name: String, _ id: MessageID) {
        begin(name)
        id.withUTF8 { write($0) }
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
        end = 0
        own = 0..<0
    }

    private mutating func begin(_ name: String) {
        let start = end
        var name = name
        name.withUTF8 { write(UnsafeRawBufferPointer($0)) }
        let slot = Slot(start: start, nameEnd: end, valueEnd: -1)
        if own.lowerBound > 0 { (slots, own) = (Array(slots[own]), 0..<own.count) }
        if own.count < slots.count { slots[own.count] = slot } else { slots.append(slot) }
        own = 0..<(own.count + 1)
    }

    private mutating func endValue() {
        slots[own.count - 1].valueEnd = end
    }

    private mutating func write(_ source: UnsafeRawBufferPointer) {
        guard let base = source.baseAddress, source.count > 0 else { return }
        // At first enough for what Watermill writes of most messages.
        let missing = source.count - (bytes.count - end)
        if missing > 0 { bytes.append(contentsOf: repeatElement(0, count: Swift.max(missing, bytes.count, 128))) }
        bytes.withUnsafeMutableBytes { [end] target in
            guard let memory = target.baseAddress else { return }
            memcpy(memory + end, base, source.count)
        }
        end += source.count
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

    /// Whether they are more than a message may have as metadata: one of them may be its id.
    var exceedLimits: Bool {
        guard let first = own.first, let last = own.last else { return false }
        let end = Swift.max(slots[last].nameEnd, slots[last].valueEnd)
        return own.count > MetadataLimits.count + 1 || end - slots[first].start > MetadataLimits.bytes
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
    var byteCount: Int { end }

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
