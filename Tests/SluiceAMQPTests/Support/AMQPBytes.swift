/// Bytes of AMQP 0-9-1 written by hand (<https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf>, 2.3 and 4.2), right
/// or wrong: nothing here is shared with the library under test.
enum AMQPBytes {
    static func big<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    static func short(_ text: String) -> [UInt8] {
        [UInt8(truncatingIfNeeded: text.utf8.count)] + text.utf8
    }

    static func long(_ bytes: some Collection<UInt8>) -> [UInt8] {
        big(UInt32(bytes.count)) + bytes
    }

    /// A table of entries that are written already.
    static func table(_ entries: [UInt8]...) -> [UInt8] {
        long(entries.flatMap(\.self))
    }

    /// An entry of a table.
    /// - Parameter type: the letter of the value's type.
    static func entry(_ name: String, _ type: Character, _ value: [UInt8] = []) -> [UInt8] {
        short(name) + [type.asciiValue ?? 0] + value
    }

    /// - Parameter size: what the frame says of its size; the truth unless given.
    static func frame(
        _ type: UInt8, channel: UInt16 = 0, _ payload: [UInt8], size: UInt32? = nil, end: UInt8 = 0xCE
    ) -> [UInt8] {
        [type] + big(channel) + big(size ?? UInt32(payload.count)) + payload + [end]
    }

    static func method(
        _ family: UInt16, _ method: UInt16, channel: UInt16 = 0, _ arguments: [UInt8] = []
    ) -> [UInt8] {
        frame(1, channel: channel, big(family) + big(method) + arguments)
    }

    static let heartbeat = frame(8, [])

    static func start(
        major: UInt8 = 0, minor: UInt8 = 9, properties: [UInt8]? = nil, mechanisms: String = "PLAIN AMQPLAIN"
    ) -> [UInt8] {
        let capabilities = table(
            entry("publisher_confirms", "t", [1]), entry("consumer_cancel_notify", "t", [1]),
            entry("connection.blocked", "t", [1]), entry("basic.nack", "t", [1]))
        let server = table(entry("product", "S", long("fake".utf8)), entry("capabilities", "F", capabilities))
        return method(10, 10, [major, minor] + (properties ?? server) + long(mechanisms.utf8) + long("en_US".utf8))
    }

    static func tune(channels: UInt16 = 2_047, frame: UInt32 = 131_072, heartbeat: UInt16 = 60) -> [UInt8] {
        method(10, 30, big(channels) + big(frame) + big(heartbeat))
    }

    static func connectionClose(_ code: UInt16, _ text: String) -> [UInt8] {
        method(10, 50, big(code) + short(text) + big(UInt16(0)) + big(UInt16(0)))
    }

    static func channelClose(_ channel: UInt16, _ code: UInt16, _ text: String) -> [UInt8] {
        method(20, 40, channel: channel, big(code) + short(text) + big(UInt16(60)) + big(UInt16(40)))
    }

    static func deliver(_ channel: UInt16, consumer: String, tag: UInt64, key: String = "k") -> [UInt8] {
        method(60, 60, channel: channel, short(consumer) + big(tag) + [0] + short("") + short(key))
    }

    /// - Parameters:
    ///   - size: what it says of the body's size.
    ///   - properties: flags and values; no properties unless given.
    static func header(
        _ channel: UInt16, size: UInt64, properties: [UInt8] = [0, 0], family: UInt16 = 60
    ) -> [UInt8] {
        frame(2, channel: channel, big(family) + big(UInt16(0)) + big(size) + properties)
    }

    /// Properties that are only headers: the table as it is written.
    static func headers(_ table: [UInt8]) -> [UInt8] {
        big(UInt16(0x2000)) + table
    }

    static func body(_ channel: UInt16, _ bytes: [UInt8]) -> [UInt8] {
        frame(3, channel: channel, bytes)
    }

    /// A whole delivery.
    static func delivery(
        _ channel: UInt16, consumer: String, tag: UInt64, _ bytes: [UInt8], properties: [UInt8] = [0, 0]
    ) -> [UInt8] {
        deliver(channel, consumer: consumer, tag: tag)
            + header(channel, size: UInt64(bytes.count), properties: properties)
            + (bytes.isEmpty ? [] : body(channel, bytes))
    }
}
