import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Answers requests in Kafka's framing on the loopback, each connection's one after the other.
final class LoopbackServer: Sendable {
    /// The system refused a socket or a thread.
    struct Failed: Error {}

    /// `127.0.0.1:port`.
    let address: String
    let port: UInt16
    private let listener: Int32

    /// - Parameter answer: takes a request without its length, and gives what follows the correlation id.
    init(_ answer: @escaping @Sendable ([UInt8]) -> [UInt8]) throws {
        #if canImport(Glibc)
            let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        #else
            let type = SOCK_STREAM
        #endif
        let listener = socket(AF_INET, type, 0)
        guard listener >= 0 else { throw Failed() }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, size) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, address, &size) == 0
            }
        }
        guard isBound else {
            close(listener)
            throw Failed()
        }
        self.listener = listener
        port = UInt16(bigEndian: name.sin_port)
        address = "127.0.0.1:\(port)"
        try Self.start {
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                try? Self.start { Self.serve(connection, answer) }
            }
        }
    }

    deinit {
        // Ends the wait of the thread that accepts.
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private final class Body {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }

    private static func start(_ run: @escaping @Sendable () -> Void) throws {
        var thread = pthread_t()
        let body = Unmanaged.passRetained(Body(run))
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, body.toOpaque())
        guard code == 0 else {
            body.release()
            throw Failed()
        }
        pthread_detach(thread)
    }

    #if canImport(Darwin)
        private static let noSignal: Int32 = 0
    #else
        private static let noSignal = Int32(MSG_NOSIGNAL)
    #endif

    private static func serve(_ connection: Int32, _ answer: ([UInt8]) -> [UInt8]) {
        defer { close(connection) }
        while let head = read(connection, 4) {
            let size = head.reduce(0) { $0 << 8 | Int($1) }
            guard size >= 8, size < 1 << 20, let request = read(connection, size) else { return }
            let answer = answer(request)
            let count = UInt32(answer.count + 4).bigEndian
            // The correlation id goes back as it came.
            let frame = withUnsafeBytes(of: count, Array.init) + request[4..<8] + answer
            guard frame.withUnsafeBytes({ send(connection, $0.baseAddress, $0.count, noSignal) }) > 0
            else { return }
        }
    }

    private static func read(_ connection: Int32, _ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = recv(connection, &bytes, count, Int32(MSG_WAITALL))
        return got == count ? bytes : nil
    }
}
