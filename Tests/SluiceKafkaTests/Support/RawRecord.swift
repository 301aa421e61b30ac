/// A record as it lies in the log, byte for byte.
struct RawRecord: Sendable, Equatable {
    struct Header: Sendable, Equatable {
        let name: [UInt8]
        /// Nil is Kafka's null.
        let value: [UInt8]?

        init(_ name: String, _ value: String?) {
            self.init(name: Array(name.utf8), value: value.map { Array($0.utf8) })
        }

        init(name: [UInt8], value: [UInt8]?) {
            self.name = name
            self.value = value
        }
    }

    var partition: Int32 = 0
    var offset: Int64 = 0
    var key: [UInt8]?
    var value: [UInt8]?
    var headers: [Header] = []
    /// Milliseconds since 1970.
    var timestamp: Int64 = 0

    /// The value as text.
    var text: String { String(decoding: value ?? [], as: UTF8.self) }
    var keyText: String { String(decoding: key ?? [], as: UTF8.self) }
}
