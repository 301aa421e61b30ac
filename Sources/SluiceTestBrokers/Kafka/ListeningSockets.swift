import Foundation

/// The sockets of this process that listen on given ports.
enum ListeningSockets {
    /// Lets whatever connects to these ports be answered without delay: accepted sockets inherit it.
    static func disableNagle(ports: Set<UInt16>) {
        let descriptors =
            (try? FileManager.default.contentsOfDirectory(atPath: "/dev/fd"))?.compactMap(Int32.init) ?? []
        for descriptor in descriptors where isListening(descriptor) {
            guard let port = port(of: descriptor), ports.contains(port) else { continue }
            var on: Int32 = 1
            setsockopt(
                descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    private static func isListening(_ descriptor: Int32) -> Bool {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0
    }

    private static func port(of descriptor: Int32) -> UInt16? {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        guard code == 0, address.sin_family == sa_family_t(AF_INET) else { return nil }
        return UInt16(bigEndian: address.sin_port)
    }
}
