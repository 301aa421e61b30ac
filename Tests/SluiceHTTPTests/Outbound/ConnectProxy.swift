import Foundation
import Glibc
import Synchronization

/// A proxy on the loopback interface that does what CONNECT asks for: it joins two connections and sees only bytes.
final class ConnectProxy: Sendable {
    let port: UInt16
    private let listener: Int32
    private let log = Log()

    private final class Log: Sendable {
        let lines = Mutex<[String]>([])
    }

    /// The first lines of the requests that it got.
    var requests: [String] { log.lines.withLock { $0 } }

    init() throws {
        let socket = try BoundSocket()
        port = socket.port
        listener = dup(socket.descriptor)
        _ = listen(listener, 16)
        let (listener, log) = (listener, log)
        Thread.detachNewThread {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                Thread.detachNewThread { Self.serve(client, log) }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    var url: String { "http://127.0.0.1:\(port)" }

    private static func serve(_ client: Int32, _ log: Log) {
        var head: [UInt8] = []
        var byte: UInt8 = 0
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8), head.count < 4_096 {
            guard read(client, &byte, 1) == 1 else { return _ = close(client) }
            head.append(byte)
        }
        let line = String(decoding: head.prefix { $0 != 0x0D }, as: UTF8.self)
        log.lines.withLock { $0.append(line) }
        // The tunnel leads to this machine, whatever host was asked for.
        let port = UInt16(line.split(separator: " ").dropFirst().first?.split(separator: ":").last ?? "")
        guard line.hasPrefix("CONNECT "), let port, let server = try? BoundSocket() else { return _ = close(client) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(server.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        let answer =
            isConnected ? "HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n" : "HTTP/1.1 502 No\r\n\r\n"
        _ = answer.utf8.withContiguousStorageIfAvailable { write(client, $0.baseAddress, $0.count) }
        if isConnected { relay(client, server.descriptor) }
        close(client)
    }

    private static func relay(_ one: Int32, _ other: Int32) {
        var descriptors = [
            pollfd(fd: one, events: Int16(POLLIN), revents: 0), pollfd(fd: other, events: Int16(POLLIN), revents: 0),
        ]
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while poll(&descriptors, 2, 20_000) > 0 {
            for (from, to) in [(0, other), (1, one)] where descriptors[from].revents != 0 {
                let count = read(descriptors[from].fd, &buffer, buffer.count)
                guard count > 0, write(to, buffer, count) == count else { return }
            }
        }
    }
}
