import CRabbitMQ
import Sluice

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A connection over plain TCP.
final class PlainWire: Wire {
    /// What surrounds the payload of a frame: type, channel and size before it, a mark behind it (AMQP 0-9-1, 2.3.5).
    private static let prefix = 7
    private static let overhead = 8
    private static let endMark: UInt8 = 0xCE

    private(set) var socket: Int32
    /// Opened the socket, and closes it.
    private let connection: OpaquePointer
    /// Until the limits are agreed on, frames are small.
    private(set) var frameMax = 131_072
    private var channelMax: UInt16 = 0
    private let pool = NativePool()
    private var inbound: Buffer
    private var outbound: Buffer
    private var isReadable = true

    /// Connects; takes `timeout` at most, and what the system needs to find the name.
    init(_ host: AMQPConfiguration.Host, timeout: Duration) throws(AMQPError) {
        guard let connection = amqp_new_connection() else { throw AMQPError(.system, "no memory for a connection") }
        self.connection = connection
        inbound = Buffer(capacity: 262_144)
        outbound = Buffer(capacity: 262_144)
        socket = -1
        guard let opened = amqp_tcp_socket_new(connection) else { throw AMQPError(.system, "no memory for a socket") }
        var time = timeval(timeout)
        let status = amqp_socket_open_noblock(opened, host.name, Int32(host.port), &time)
        guard status == 0 else { throw openingFailure(host, status) }
        socket = amqp_get_sockfd(connection)
    }

    deinit {
        amqp_destroy_connection(connection)
        inbound.deallocate()
        outbound.deallocate()
    }

    var backlog: Int { outbound.count }

    func tune(frameMax: Int, channelMax: UInt16) {
        self.frameMax = frameMax
        self.channelMax = channelMax
    }

    func close() {
        // The descriptor itself goes with the object, when nobody can be waiting on it any more.
        if socket >= 0 { _ = shutdown(socket, Int32(SHUT_RDWR)) }
        socket = -1
    }
}

// MARK: Out

extension PlainWire {
    func sendProtocolHeader() {
        outbound.append([0x41, 0x4D, 0x51, 0x50, 0, 0, 9, 1])
    }

    func sendHeartbeat() throws(AMQPError) {
        try sendFrame(AMQP_FRAME_HEARTBEAT, on: 0, upTo: 0) { _ in 0 }
    }

    func send(_ method: UInt32, on channel: UInt16, _ arguments: UnsafeMutableRawPointer) throws(AMQPError) {
        try sendFrame(AMQP_FRAME_METHOD, on: channel, upTo: frameMax - Self.overhead) { room in
            room.storeBytes(of: method.bigEndian, as: UInt32.self)
            let rest = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[4...])
            let length = amqp_encode_method(method, arguments, amqp_bytes_t(rest))
            return length < 0 ? length : length + 4
        }
    }

    func sendContent(
        _ properties: UnsafePointer<amqp_basic_properties_t>, _ body: UnsafeRawBufferPointer, on channel: UInt16
    ) throws(AMQPError) {
        try sendFrame(AMQP_FRAME_HEADER, on: channel, upTo: frameMax - Self.overhead) { room in
            room.storeBytes(of: Method.basicClass.bigEndian, toByteOffset: 0, as: UInt16.self)
            room.storeBytes(of: 0, toByteOffset: 2, as: UInt16.self)
            room.storeBytes(of: UInt64(body.count).bigEndian, toByteOffset: 4, as: UInt64.self)
            let rest = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[12...])
            let length = amqp_encode_properties(
                Method.basicClass, UnsafeMutableRawPointer(mutating: properties), amqp_bytes_t(rest))
            return length < 0 ? length : length + 12
        }
        var rest = body
        while !rest.isEmpty {
            let part = rest.prefix(frameMax - Self.overhead)
            try sendFrame(AMQP_FRAME_BODY, on: channel, upTo: part.count) { room in
                room.copyMemory(from: UnsafeRawBufferPointer(rebasing: part))
                return Int32(part.count)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count))
        }
    }

    /// - Parameter write: writes the payload into the room it is given.
    /// - Returns: how long the payload is, or a status of librabbitmq, in which case nothing is sent.
    private func sendFrame(
        _ type: Int32, on channel: UInt16, upTo size: Int, _ write: (UnsafeMutableRawBufferPointer) -> Int32
    ) throws(AMQPError) {
        let room = outbound.room(size + Self.overhead)
        let length = write(UnsafeMutableRawBufferPointer(rebasing: room[Self.prefix..<Self.prefix + size]))
        guard length >= 0 else { throw failure(length, "a frame could not be written") }
        room[0] = UInt8(truncatingIfNeeded: type)
        room.storeBytes(of: channel.bigEndian, toByteOffset: 1, as: UInt16.self)
        room.storeBytes(of: UInt32(length).bigEndian, toByteOffset: 3, as: UInt32.self)
        room[Self.prefix + Int(length)] = Self.endMark
        outbound.grow(by: Int(length) + Self.overhead)
    }

    func flush() throws(AMQPError) {
        while outbound.count > 0 {
            let sent = Self.send(socket, outbound.content)
            if sent > 0 {
                outbound.remove(sent)
            } else if errno == EAGAIN || errno == EWOULDBLOCK {
                return
            } else if errno != EINTR {
                throw AMQPError(.connectionLost, "writing to the broker failed (errno \(errno))")
            }
        }
    }

    private static func send(_ socket: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Darwin)
            Darwin.send(socket, bytes.baseAddress, bytes.count, 0)
        #elseif canImport(Glibc)
            Glibc.send(socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
        #else
            Musl.send(socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
        #endif
    }
}

// MARK: In

extension PlainWire {
    func noteReadable() {
        isReadable = true
    }

    func next() throws(AMQPError) -> Frame? {
        while true {
            if let frame = try parse() { return frame }
            guard isReadable else { return nil }
            try receive()
        }
    }

    private func receive() throws(AMQPError) {
        let room = inbound.room(max(frameMax + Self.overhead - inbound.count, 65_536))
        while true {
            let received = recv(socket, room.baseAddress, room.count, 0)
            if received > 0 {
                inbound.grow(by: received)
                // A read that does not fill the buffer has emptied the socket's.
                isReadable = received == room.count
                return
            }
            if received == 0 { throw AMQPError(.connectionLost, "the broker ended the connection") }
            if errno == EAGAIN || errno == EWOULDBLOCK {
                isReadable = false
                return
            }
            if errno != EINTR {
                throw AMQPError(.connectionLost, "reading from the broker failed (errno \(errno))")
            }
        }
    }

    /// Takes one whole frame out of what has arrived. Whatever a frame may claim is checked before librabbitmq sees it.
    private func parse() throws(AMQPError) -> Frame? {
        let content = inbound.content
        guard content.count >= Self.overhead else {
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
        guard size <= frameMax - Self.overhead else { throw Self.malformed("a frame of \(size) bytes is too large") }
        guard channel <= channelMax else { throw Self.malformed("channel \(channel) is not open") }
        guard content.count >= size + Self.overhead else { return nil }
        guard content[Self.prefix + size] == Self.endMark else { throw Self.malformed("a frame has no end") }
        let payload = UnsafeRawBufferPointer(rebasing: content[Self.prefix..<Self.prefix + size])
        // The bytes stay where they are until the next read.
        inbound.remove(size + Self.overhead)
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

/// Bytes that come in at one end and go out at the other. The owner gives the memory back.
private struct Buffer {
    private var memory: UnsafeMutableRawBufferPointer
    private var start = 0
    private(set) var count = 0

    init(capacity: Int) {
        memory = .allocate(byteCount: capacity, alignment: 16)
    }

    func deallocate() {
        memory.deallocate()
    }

    var content: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[start..<start + count])
    }

    /// All the room behind the content, at least `size` bytes.
    mutating func room(_ size: Int) -> UnsafeMutableRawBufferPointer {
        if memory.count - start - count < size {
            if memory.count - count >= size {
                memory.copyMemory(from: content)
            } else {
                let larger = UnsafeMutableRawBufferPointer.allocate(
                    byteCount: max(memory.count * 2, count + size), alignment: 16)
                larger.copyMemory(from: content)
                memory.deallocate()
                memory = larger
            }
            start = 0
        }
        return UnsafeMutableRawBufferPointer(rebasing: memory[(start + count)...])
    }

    mutating func grow(by size: Int) {
        count += size
    }

    mutating func append(_ bytes: [UInt8]) {
        room(bytes.count).copyBytes(from: bytes)
        grow(by: bytes.count)
    }

    mutating func remove(_ size: Int) {
        count -= size
        start = count == 0 ? 0 : start + size
    }
}

extension timeval {
    init(_ duration: Duration) {
        let microseconds = duration.wholeNanoseconds / 1_000
        self.init(
            tv_sec: .init(clamping: microseconds / 1_000_000), tv_usec: .init(clamping: microseconds % 1_000_000))
    }
}
