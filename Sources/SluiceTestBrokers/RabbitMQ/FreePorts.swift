import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Ports for a broker that comes and goes while its clients try to connect.
///
/// None of those that the system gives to clients (32768 and up on Linux): a client that tries the port of a broker
/// that is down could be given that very port, and be connected with itself.
enum FreePorts {
    /// What this process has given to brokers, which may not listen yet, or not at the moment.
    private static let given = Mutex<Set<UInt16>>([])

    static func take(_ count: Int) throws -> [UInt16] {
        var found: [UInt16] = []
        for _ in 0..<1_000 where found.count < count {
            let port = UInt16.random(in: 12_000..<22_000)
            guard LoopbackPort.isFree(port), given.withLock({ $0.insert(port).inserted }) else { continue }
            found.append(port)
        }
        guard found.count == count else { throw RabbitMQBroker.Failed(description: "no free ports") }
        return found
    }
}

/// What can be asked of a port of this machine.
enum LoopbackPort {
    static func isFree(_ port: UInt16) -> Bool {
        withSocket { descriptor in withAddress(port) { bind(descriptor, $0, $1) == 0 } }
    }

    /// Whether a broker answers the protocol header there within a second.
    static func speaksAMQP(_ port: UInt16) -> Bool {
        withSocket { descriptor in
            guard withAddress(port, { connect(descriptor, $0, $1) == 0 }) else { return false }
            var patience = timeval(tv_sec: 1, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
            let header = Array("AMQP".utf8) + [0, 0, 9, 1]
            guard send(descriptor, header, header.count, 0) == header.count else { return false }
            var first: UInt8 = 0
            return recv(descriptor, &first, 1, 0) == 1
        }
    }

    private static func withSocket(_ body: (Int32) -> Bool) -> Bool {
        #if canImport(Glibc)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        #else
            let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return body(descriptor)
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
