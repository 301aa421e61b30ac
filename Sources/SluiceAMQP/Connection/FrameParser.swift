import CRabbitMQ

/// What surrounds the payload of a frame: type, channel and size before it, a mark behind it (AMQP 0-9-1, 2.3.5).
enum FrameLayout {
    static let prefix = 7
    static let overhead = 8
    static let endMark: UInt8 = 0xCE
}

/// Makes frames of the bytes that arrive. It reads nothing itself.
final class FrameParser {
    /// Until the limits are agreed on, frames are small.
    var frameMax = 131_072
    var channelMax: UInt16 = 0
    private let pool = NativePool()
    private var inbound = WireBuffer(capacity: 262_144)

    deinit {
        inbound.deallocate()
    }

    /// Where the next bytes go: more room than a frame needs. Frames that were given out before are not valid any more.
    func room() -> UnsafeMutableRawBufferPointer {
        inbound.room(max(frameMax + FrameLayout.overhead - inbound.count, 65_536))
    }

    func received(_ count: Int) {
        inbound.grow(by: count)
    }

    /// Takes one whole frame out of what has arrived. Whatever a frame may claim is checked before librabbitmq sees it.
    func next() throws(AMQPError) -> Frame? {
        let content = inbound.content
        guard content.count >= FrameLayout.overhead else {
            if let first = content.first, !Self.isFrameType(first) { throw Self.malformed("it is no AMQP frame") }
            return nil
        }
        let type = content[0]
        guard Self.isFrameType(type) else {
            // A broker that speaks another version answers with its protocol header.
            throw Self.malformed(type == 0x41 ? "the broker wants another version of AMQP" : "it is no AMQP frame")
        }
        let channel = UInt16(bigEndian: content.loadUnaligned(fromByteOffset: 1, as: UInt16.self))
        let size = Int(UInt32(bigEndian: content.loadUnaligned(fromByteOffset: 3, as: UInt32.self)))
        guard size <= frameMax - FrameLayout.overhead else {
            throw Self.malformed("a frame of \(size) bytes is too large")
        }
        guard channel <= channelMax else { throw Self.malformed("channel \(channel) is not open") }
        guard content.count >= size + FrameLayout.overhead else { return nil }
        guard content[FrameLayout.prefix + size] == FrameLayout.endMark else {
            throw Self.malformed("a frame has no end")
        }
        let payload = UnsafeRawBufferPointer(rebasing: content[FrameLayout.prefix..<FrameLayout.prefix + size])
        // The bytes stay where they are until there is room made for others.
        inbound.remove(size + FrameLayout.overhead)
        return try decode(type, channel, payload)
    }

    private func decode(
        _ type: UInt8, _ channel: UInt16, _ payload: UnsafeRawBufferPointer
    ) throws(AMQPError) -> Frame {
        pool.recycle()
        var decoded: UnsafeMutableRawPointer?
        switch Int32(type) {
        case AMQP_FRAME_METHOD:
            guard payload.count >= 4 else { throw Self.malformed("a method has no number") }
            let id = UInt32(bigEndian: payload.loadUnaligned(as: UInt32.self))
            let arguments = UnsafeRawBufferPointer(rebasing: payload[4...])
            let status = amqp_decode_method(id, pool.handle, amqp_bytes_t(arguments), &decoded)
            guard status >= 0 else { throw failure(status, "the broker sent a method that cannot be read") }
            // Methods without arguments decode to nothing.
            return .method(channel: channel, id: id, arguments: decoded ?? UnsafeMutableRawPointer(pool.handle))
        case AMQP_FRAME_HEADER:
            guard payload.count >= 14 else { throw Self.malformed("a message's head is too short") }
            let family = UInt16(bigEndian: payload.loadUnaligned(as: UInt16.self))
            guard family == Method.basicClass else { throw Self.malformed("a message of the class \(family)") }
            let size = UInt64(bigEndian: payload.loadUnaligned(fromByteOffset: 4, as: UInt64.self))
            let raw = UnsafeRawBufferPointer(rebasing: payload[12...])
            let isReadable =
                FieldNesting.isBounded(raw)
                && amqp_decode_properties(family, pool.handle, amqp_bytes_t(raw), &decoded) >= 0
            let properties = !isReadable ? nil : decoded?.assumingMemoryBound(to: amqp_basic_properties_t.self)
            return .header(
                channel: channel, bodySize: size, properties: UnsafePointer(properties), raw: raw)
        case AMQP_FRAME_BODY: return .body(channel: channel, payload)
        default: return .heartbeat
        }
    }

    private static func isFrameType(_ byte: UInt8) -> Bool {
        switch Int32(byte) {
        case AMQP_FRAME_METHOD, AMQP_FRAME_HEADER, AMQP_FRAME_BODY, AMQP_FRAME_HEARTBEAT: true
        default: false
        }
    }

    private static func malformed(_ detail: String) -> AMQPError {
        AMQPError(.malformed, "what the broker sent cannot be read: \(detail)")
    }
}
