import Glibc
import Synchronization

/// Answers requests in Kafka's framing on the loopback, each connection's one after the other.
final class LoopbackServer: Sendable {
    /// The system refused a socket or a thread.
    struct Failed: Error {}

    /// `127.0.0.1:port`.
    let address: String
    let port: UInt16
    private let listener: Int32

    /// Takes a request without its length, and gives what follows the correlation id; nil ends the connection.
    typealias Answer = ([UInt8]) -> [UInt8]?

    convenience init(_ answer: @escaping @Sendable ([UInt8]) -> [UInt8]) throws {
        try self.init(perConnection: { answer })
    }

    /// - Parameter connect: is called for each connection; one that it refuses is closed.
    init(perConnection connect: @escaping @Sendable () throws -> Answer) throws {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
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
                try? Self.start { Self.serve(connection, connect) }
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

    private static let noSignal = Int32(MSG_NOSIGNAL)

    private static func serve(_ connection: Int32, _ connect: () throws -> Answer) {
        defer { close(connection) }
        var on: Int32 = 1
        setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        guard let answer = try? connect() else { return }
        while let request = frame(connection) {
            guard request.count >= 8, let answer = answer(request) else { return }
            let count = UInt32(answer.count + 4).bigEndian
            // The correlation id goes back as it came.
            let frame = withUnsafeBytes(of: count, Array.init) + request[4..<8] + answer
            guard send(connection, frame) else { return }
        }
    }

    /// - Returns: whether all of it went.
    static func send(_ connection: Int32, _ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { sendBytes(connection, $0.baseAddress, $0.count, noSignal) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// What follows the next length; nil at the end, and for what is no frame.
    static func frame(_ connection: Int32) -> [UInt8]? {
        guard let head = read(connection, 4) else { return nil }
        let size = head.reduce(0) { $0 << 8 | Int($1) }
        guard size > 0, size < 1 << 28 else { return nil }
        return read(connection, size)
    }

    private static func read(_ connection: Int32, _ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = recv(connection, &bytes, count, Int32(MSG_WAITALL))
        return got == count ? bytes : nil
    }
}

/// The system's, whose name is taken within the class.
private func sendBytes(_ socket: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ flags: Int32) -> Int {
    send(socket, bytes, count, flags)
}
