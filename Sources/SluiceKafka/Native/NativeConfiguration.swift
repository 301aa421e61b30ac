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
        throw KafkaError(.invalidConfiguration, detail: "\(name): \(secrets.redact(text.string))")
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
