import CRDKafka

/// Owns an `rd_kafka_conf_t` until a client takes it over.
struct NativeConfiguration: ~Copyable {
    let handle: OpaquePointer

    init() {
        handle = rd_kafka_conf_new()
    }

    deinit {
        rd_kafka_conf_destroy(handle)
    }

    /// - Throws: what librdkafka says of the property.
    func set(_ name: String, _ value: String, redacting secrets: SecretTexts) throws(KafkaError) {
        var text = ErrorText()
        let result = text.withBuffer { rd_kafka_conf_set(handle, name, value, $0.baseAddress, $0.count) }
        guard result != RD_KAFKA_CONF_OK else { return }
        let words = secrets.redact(text.string)
        // It repeats the value, which may be a password in the wrong place.
        let isRepeated = result != RD_KAFKA_CONF_UNKNOWN && !value.isEmpty && words.contains(value)
        throw KafkaError(
            .invalidConfiguration, detail: "\(name): \(isRepeated ? "librdkafka does not take its value" : words)")
    }

    /// Whether librdkafka knows the property, of clients or of topics. Asked for its value, it says of many that have none
    /// that it does not know them.
    static func knows(_ name: String) -> Bool {
        var text = ErrorText()
        let configuration = rd_kafka_conf_new()
        defer { rd_kafka_conf_destroy(configuration) }
        return text.withBuffer { rd_kafka_conf_set(configuration, name, "", $0.baseAddress, $0.count) }
            != RD_KAFKA_CONF_UNKNOWN
    }

    /// The value of a property, its first 63 bytes; nil where it has none.
    func text(_ name: String) -> String? { Self.text(name, in: handle) }

    static func text(_ name: String, in handle: OpaquePointer) -> String? {
        var value = [CChar](repeating: 0, count: 64)
        var size = value.count
        guard rd_kafka_conf_get(handle, name, &value, &size) == RD_KAFKA_CONF_OK else { return nil }
        return String(decoding: value.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The value of a property that is a whole number; nil where it is none.
    func number(_ name: String) -> Int? { text(name).flatMap { Int($0) } }

    /// The handle, which now belongs to the caller.
    consuming func release() -> OpaquePointer {
        let handle = handle
        discard self
        return handle
    }
}

/// The buffer into which librdkafka writes what went wrong.
struct ErrorText {
    private var characters = [CChar](repeating: 0, count: 512)

    mutating func withBuffer<Result>(_ body: (UnsafeMutableBufferPointer<CChar>) -> Result) -> Result {
        characters.withUnsafeMutableBufferPointer { body($0) }
    }

    var string: String {
        let bytes = characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").joined(separator: " ")
    }
}
