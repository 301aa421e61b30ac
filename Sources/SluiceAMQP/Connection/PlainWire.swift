import CRabbitMQ
import Glibc
import Sluice

/// A connection over plain TCP.
final class PlainWire: Wire {
    private(set) var socket: Int32
    /// Opened the socket, and closes it.
    private let connection: OpaquePointer
    private let parser = FrameParser()
    private var outbound: WireBuffer
    private var isReadable = true

    /// Connects; takes `timeout` at most, and what the system needs to find the name.
    init(_ host: AMQPConfiguration.Host, timeout: Duration) throws(AMQPError) {
        guard let connection = amqp_new_connection() else { throw AMQPError(.system, "no memory for a connection") }
        self.connection = connection
        outbound = WireBuffer(capacity: 262_144)
        socket = -1
        guard let opened = amqp_tcp_socket_new(connection) else { throw AMQPError(.system, "no memory for a socket") }
        var time = timeval(timeout)
        let status = amqp_socket_open_noblock(opened, host.name, Int32(host.port), &time)
        guard status == 0 else { throw openingFailure(host, status) }
        socket = amqp_get_sockfd(connection)
    }

    deinit {
        amqp_destroy_connection(connection)
        outbound.deallocate()
    }

    var hasRoom: Bool { outbound.count < 1 << 20 }
    var wantsToWrite: Bool { outbound.count > 0 }
    var frameMax: Int { parser.frameMax }

    func tune(frameMax: Int, channelMax: UInt16) {
        parser.frameMax = frameMax
        parser.channelMax = channelMax
    }

    func close() {
        // The descriptor itself goes with the object, when no thread can wait on it any more.
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
        try sendFrame(AMQP_FRAME_METHOD, on: channel, upTo: frameMax - FrameLayout.overhead) { room in
            room.storeBytes(of: method.bigEndian, as: UInt32.self)
            let rest = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[4...])
            let length = amqp_encode_method(method, arguments, amqp_bytes_t(rest))
            return length < 0 ? length : length + 4
        }
    }

    func sendContent(
        _ properties: UnsafePointer<amqp_basic_properties_t>, _ body: UnsafeRawBufferPointer, on channel: UInt16
    ) throws(AMQPError) {
        try sendFrame(AMQP_FRAME_HEADER, on: channel, upTo: frameMax - FrameLayout.overhead) { room in
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
            let part = rest.prefix(frameMax - FrameLayout.overhead)
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
        let room = outbound.room(size + FrameLayout.overhead)
        let length = write(
            UnsafeMutableRawBufferPointer(rebasing: room[FrameLayout.prefix..<FrameLayout.prefix + size]))
        guard length >= 0 else { throw failure(length, "a frame could not be written") }
        room[0] = UInt8(truncatingIfNeeded: type)
        room.storeBytes(of: channel.bigEndian, toByteOffset: 1, as: UInt16.self)
        room.storeBytes(of: UInt32(length).bigEndian, toByteOffset: 3, as: UInt32.self)
        room[FrameLayout.prefix + Int(length)] = FrameLayout.endMark
        outbound.grow(by: Int(length) + FrameLayout.overhead)
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
        Glibc.send(socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    }
}

// MARK: In

extension PlainWire {
    func noteReadable() {
        isReadable = true
    }

    func next() throws(AMQPError) -> Frame? {
        while true {
            if let frame = try parser.next() { return frame }
            guard isReadable else { return nil }
            try receive()
        }
    }

    private func receive() throws(AMQPError) {
        let room = parser.room()
        while true {
            let received = recv(socket, room.baseAddress, room.count, 0)
            if received > 0 {
                parser.received(received)
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
}

extension timeval {
    init(_ duration: Duration) {
        let microseconds = duration.wholeNanoseconds / 1_000
        self.init(
            tv_sec: .init(clamping: microseconds / 1_000_000), tv_usec: .init(clamping: microseconds % 1_000_000))
    }
}
