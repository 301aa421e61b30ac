import CRabbitMQ

/// What came over the connection. All pointers are lent until the next frame is asked for.
enum Frame {
    case method(channel: UInt16, id: UInt32, arguments: UnsafeMutableRawPointer)
    /// The head of a message: `raw` holds the encoded properties, which are nil when they cannot be read. A broker
    /// passes on whatever a publisher wrote there.
    case header(
        channel: UInt16, bodySize: UInt64, properties: UnsafePointer<amqp_basic_properties_t>?,
        raw: UnsafeRawBufferPointer)
    case body(channel: UInt16, UnsafeRawBufferPointer)
    case heartbeat
}

extension amqp_bytes_t {
    var buffer: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : len)
    }

    /// As text, with what is not UTF-8 replaced.
    var text: String { String(decoding: buffer, as: UTF8.self) }

    init(_ buffer: UnsafeRawBufferPointer) {
        self.init(len: buffer.count, bytes: UnsafeMutableRawPointer(mutating: buffer.baseAddress))
    }
}

/// A text that librabbitmq borrows for as long as this object lives.
final class LentText {
    let text: String
    let bytes: amqp_bytes_t

    init(_ text: String) {
        self.text = text
        var copy = text
        bytes = copy.withUTF8 { utf8 in
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, utf8.count), alignment: 1)
            memory.copyBytes(from: utf8)
            return amqp_bytes_t(len: utf8.count, bytes: memory.baseAddress)
        }
    }

    deinit {
        bytes.bytes?.deallocate()
    }
}
