import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The least of a Kafka broker that a client can try to log in at, and that takes no credentials: it answers
/// ApiVersions and SaslHandshake, and refuses every SaslAuthenticate
/// (<https://kafka.apache.org/protocol#sasl_handshake>).
public final class RefusingBroker: Sendable {
    /// The system refused a socket or a thread.
    public struct Failed: Error {}

    /// What it tells whoever it refuses.
    public static let refusal = "Authentication failed: no such user or another password"

    /// `127.0.0.1:port`.
    public let address: String
    private let listener: Int32
    private let seen = Seen()

    private final class Seen: Sendable {
        let tokens = Mutex<[[UInt8]]>([])
        let mechanisms = Mutex<[String]>([])
    }

    /// What clients proved themselves with, in the order in which it came.
    public var tokens: [[UInt8]] { seen.tokens.withLock(\.self) }
    /// The mechanisms that clients asked for.
    public var mechanisms: [String] { seen.mechanisms.withLock(\.self) }

    public init() throws {
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
                bind(listener, address, size) == 0 && listen(listener, 16) == 0
                    && getsockname(listener, address, &size) == 0
            }
        }
        guard isBound else {
            close(listener)
            throw Failed()
        }
        self.listener = listener
        address = "127.0.0.1:\(UInt16(bigEndian: name.sin_port))"
        try Self.start { [seen] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                try? Self.start { Self.serve(connection, seen) }
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

    private static func serve(_ connection: Int32, _ seen: Seen) {
        defer { close(connection) }
        while let head = read(connection, 4) {
            let size = head.reduce(0) { $0 << 8 | Int($1) }
            guard size >= 8, size < 1 << 20, let request = read(connection, size) else { return }
            let answer = answer(to: request, seen)
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

    /// Kinds of requests, each with the first and the last version.
    private static let known: [[UInt8]] = [
        [0, 3, 0, 0, 0, 4], [0, 17, 0, 0, 0, 1], [0, 18, 0, 0, 0, 3], [0, 36, 0, 0, 0, 0],
    ]

    private static func answer(to request: [UInt8], _ seen: Seen) -> [UInt8] {
        let version = Int(request[2]) << 8 | Int(request[3])
        // Behind the client's id.
        let body = request.dropFirst(10 + (request.count > 9 ? Int(request[8]) << 8 | Int(request[9]) : 0))
        switch Int(request[0]) << 8 | Int(request[1]) {
        case 18:
            // From version 3 on, arrays are compact and everything ends in tags.
            let isCompact = version >= 3
            var answer: [UInt8] = isCompact ? [0, 0, UInt8(known.count + 1)] : [0, 0, 0, 0, 0, UInt8(known.count)]
            for entry in known { answer += isCompact ? entry + [0] : entry }
            return isCompact ? answer + [0, 0, 0, 0, 0] : answer
        case 17:
            let mechanism = String(decoding: body.dropFirst(2), as: UTF8.self)
            seen.mechanisms.withLock { $0.append(mechanism) }
            return [0, 0, 0, 0, 0, 1] + string(mechanism)
        case 36:
            seen.tokens.withLock { $0.append(Array(body.dropFirst(4))) }
            return [0, 58] + string(refusal) + [0, 0, 0, 0]
        default:
            return []
        }
    }

    private static func string(_ text: String) -> [UInt8] {
        [UInt8(text.utf8.count >> 8), UInt8(text.utf8.count & 0xFF)] + text.utf8
    }
}
