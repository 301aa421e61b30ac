import Glibc

/// A blocking TCP client that sends exactly what it is told to.
final class RawClient: @unchecked Sendable {  // owns its socket; used by one thread at a time
    private let socket: Int32
    private var buffered: [UInt8] = []
    private var open = true

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    init(port: Int, timeout: Int = 10, isIPv6: Bool = false) throws {
        socket = Glibc.socket(isIPv6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { throw Failure(description: "socket: errno \(errno)") }
        var wait = timeval(tv_sec: timeout, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        if isIPv6 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = in_port_t(UInt16(port).bigEndian)
            address.sin6_addr = in6addr_loopback
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
            guard result == 0 else { throw Failure(description: "connect: errno \(errno)") }
            return
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = in_addr_t(UInt32(0x7F00_0001).bigEndian)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure(description: "connect: errno \(errno)") }
    }

    deinit { close() }

    func close() {
        if open { Glibc.close(socket) }
        open = false
    }

    /// Ends with a reset instead of an orderly close.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    func endOutput() {
        shutdown(socket, Int32(SHUT_WR))
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure(description: "send: errno \(errno)") }
            sent += count
        }
    }

    struct Response: Sendable {
        var status: Int
        var headers: [String: String]
        var body: String
    }

    /// The next response; nil when the server closed the connection instead.
    func response(toHead: Bool = false) throws -> Response? {
        while true {
            if let end = headEnd() {
                let head = String(decoding: buffered[..<end], as: UTF8.self)
                var lines = head.split(separator: "\r\n")
                let status = Int(lines.removeFirst().split(separator: " ")[1]) ?? 0
                var headers: [String: String] = [:]
                for line in lines {
                    guard let colon = line.firstIndex(of: ":") else {
                        throw Failure(description: "a header without a colon")
                    }
                    headers[line[..<colon].lowercased()] =
                        line[line.index(after: colon)...].drop { $0 == " " }.description
                }
                let length = toHead || status == 100 ? 0 : Int(headers["content-length"] ?? "") ?? 0
                while buffered.count < end + 4 + length { guard try fill() else { return nil } }
                let body = String(decoding: buffered[(end + 4)..<(end + 4 + length)], as: UTF8.self)
                buffered.removeFirst(end + 4 + length)
                return Response(status: status, headers: headers, body: body)
            }
            guard try fill() else { return nil }
        }
    }

    /// Whether the server has closed its side.
    func isClosedByServer() throws -> Bool {
        guard buffered.isEmpty else { return false }
        return try !fill()
    }

    private func headEnd() -> Int? {
        guard buffered.count >= 4 else { return nil }
        let end: [UInt8] = [13, 10, 13, 10]
        return (0...(buffered.count - 4)).first { buffered[$0] == 13 && Array(buffered[$0..<($0 + 4)]) == end }
    }

    private func fill() throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = recv(socket, &chunk, chunk.count, 0)
        if count == 0 || (count < 0 && errno == ECONNRESET) { return false }
        guard count > 0 else { throw Failure(description: "recv: errno \(errno)") }
        buffered += chunk[..<count]
        return true
    }
}
