import Glibc
import Synchronization

@testable import SluiceTesting

/// A client that sends to a real broker whatever bytes a test wants, one call at a time. It blocks.
final class RawAMQPClient {
    struct Refused: Error, CustomStringConvertible {
        let description: String
    }

    private let descriptor: Int32
    private var inbound: [UInt8] = []
    private var published: UInt64 = 0

    /// Connects as `guest` to the virtual host `/`, and asks for confirms on channel 1.
    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Refused(description: "no connection to port \(port)") }
        // As C's timeval: seconds and microseconds.
        var patience = (60, 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<(Int, Int)>.size))
        try send(Array("AMQP".utf8) + [0, 0, 9, 1])
        try expect(10, 10)
        let response = AMQPBytes.long(Array("\0guest\0guest".utf8))
        try send(
            AMQPBytes.method(10, 11, AMQPBytes.table() + AMQPBytes.short("PLAIN") + response + AMQPBytes.short("en_US"))
        )
        try expect(10, 30)
        try send(AMQPBytes.method(10, 31, AMQPBytes.big(UInt16(2_047)) + AMQPBytes.big(UInt32(131_072)) + [0, 0]))
        try send(AMQPBytes.method(10, 40, AMQPBytes.short("/") + AMQPBytes.short("") + [0]))
        try expect(10, 41)
        try send(AMQPBytes.method(20, 10, channel: 1, AMQPBytes.short("")))
        try expect(20, 11)
        try send(AMQPBytes.method(85, 10, channel: 1, [0]))
        try expect(85, 11)
    }

    deinit {
        close(descriptor)
    }

    /// Publishes to a queue, and returns when the broker has the message.
    /// - Parameter properties: flags and values, as they are written.
    func publish(to queue: String, _ bytes: [UInt8], properties: [UInt8] = [0, 0]) throws {
        published += 1
        let arguments = [0, 0] + AMQPBytes.short("") + AMQPBytes.short(queue) + [0]
        try send(
            AMQPBytes.method(60, 40, channel: 1, arguments)
                + AMQPBytes.header(1, size: UInt64(bytes.count), properties: properties)
                + (bytes.isEmpty ? [] : AMQPBytes.body(1, bytes)))
        try expect(60, 80)
    }

    private func send(_ bytes: [UInt8]) throws {
        guard TestSocket.sendAll(descriptor, bytes[...]) else { throw Refused(description: "the broker hung up") }
    }

    /// The next method must be this one.
    private func expect(_ family: UInt16, _ method: UInt16) throws {
        while true {
            let head = try take(7)
            let payload = try take(head[3..<7].reduce(0) { $0 << 8 | Int($1) } + 1)
            guard head[0] == 1 else { continue }
            guard payload.starts(with: AMQPBytes.big(family) + AMQPBytes.big(method)) else {
                throw Refused(
                    description: "the broker answered \(String(decoding: payload.dropFirst(4), as: UTF8.self))")
            }
            return
        }
    }

    private func take(_ count: Int) throws -> [UInt8] {
        while inbound.count < count {
            guard TestSocket.receive(descriptor, into: &inbound) else {
                throw Refused(description: "the broker said no more")
            }
        }
        defer { inbound.removeFirst(count) }
        return Array(inbound.prefix(count))
    }
}
