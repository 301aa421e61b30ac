import Glibc

/// What can be asked of a port of this machine.
enum LoopbackPort {
    /// A socket that is bound to the port and does not listen.
    static func bound(_ port: UInt16) -> Int32? {
        guard let descriptor = socket() else { return nil }
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        if withAddress(port, { bind(descriptor, $0, $1) == 0 }) { return descriptor }
        close(descriptor)
        return nil
    }

    /// Whether a broker answers the protocol header there within a second.
    static func speaksAMQP(_ port: UInt16) -> Bool {
        guard let descriptor = socket() else { return false }
        defer { close(descriptor) }
        guard withAddress(port, { connect(descriptor, $0, $1) == 0 }) else { return false }
        var patience = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let header = Array("AMQP".utf8) + [0, 0, 9, 1]
        guard send(descriptor, header, header.count, 0) == header.count else { return false }
        var first: UInt8 = 0
        return recv(descriptor, &first, 1, 0) == 1
    }

    private static func socket() -> Int32? {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        return descriptor >= 0 ? descriptor : nil
    }

    private static func withAddress(_ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Bool) -> Bool {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
