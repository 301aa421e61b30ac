import Glibc

/// A connection to a broker of the mock cluster, on which one request after the other is handed on.
final class UpstreamConnection {
    struct Failed: Error {}

    private let descriptor: Int32

    init(port: UInt16) throws {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        descriptor = socket(AF_INET, type, 0)
        guard descriptor >= 0 else { throw Failed() }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        name.sin_port = port.bigEndian
        let code = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else {
            close(descriptor)
            throw Failed()
        }
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit {
        close(descriptor)
    }

    /// - Parameter ports: where the brokers are instead, in their order.
    /// - Returns: what follows the correlation id; nil when the broker is gone.
    func exchange(_ request: [UInt8], _ ports: [UInt16]) -> [UInt8]? {
        let head = withUnsafeBytes(of: UInt32(request.count).bigEndian, Array.init)
        guard LoopbackServer.send(descriptor, head + request), let frame = LoopbackServer.frame(descriptor),
            frame.count >= 4
        else { return nil }
        var reader = KafkaWireReader(request)
        let (kind, version) = (reader.int16(), reader.int16())
        let answer = Array(frame.dropFirst(4))
        switch kind {
        case 3: return Self.moved(metadata: answer, version, ports)
        case 10: return Self.moved(coordinator: answer, version, ports)
        default: return answer
        }
    }

    private static func port(of node: Int32, _ ports: [UInt16], otherwise: Int32) -> Int32 {
        let index = Int(node) - 1
        return ports.indices.contains(index) ? Int32(ports[index]) : otherwise
    }

    private static func moved(metadata answer: [UInt8], _ version: Int16, _ ports: [UInt16]) -> [UInt8] {
        var (reader, writer) = (KafkaWireReader(answer), KafkaWireWriter())
        if version >= 3 { writer.int32(reader.int32()) }
        let count = reader.int32()
        writer.int32(count)
        for _ in 0..<max(0, count) {
            let node = reader.int32()
            writer.int32(node)
            writer.string(reader.string())
            writer.int32(port(of: node, ports, otherwise: reader.int32()))
            if version >= 1 {
                let rack = reader.string()
                writer.string(rack.isEmpty ? nil : rack)
            }
        }
        writer.append(reader.rest)
        return writer.bytes
    }

    private static func moved(coordinator answer: [UInt8], _ version: Int16, _ ports: [UInt16]) -> [UInt8] {
        var (reader, writer) = (KafkaWireReader(answer), KafkaWireWriter())
        if version >= 1 { writer.int32(reader.int32()) }
        writer.int16(reader.int16())
        if version >= 1 {
            let text = reader.string()
            writer.string(text.isEmpty ? nil : text)
        }
        let node = reader.int32()
        writer.int32(node)
        writer.string(reader.string())
        writer.int32(port(of: node, ports, otherwise: reader.int32()))
        writer.append(reader.rest)
        return writer.bytes
    }
}
