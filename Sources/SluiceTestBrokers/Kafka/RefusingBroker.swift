import Synchronization

/// The least of a Kafka broker that a client can try to log in at, and that takes no credentials: it answers
/// ApiVersions and SaslHandshake, and refuses every SaslAuthenticate
/// (<https://kafka.apache.org/protocol#sasl_handshake>).
public final class RefusingBroker: Sendable {
    /// What it answers to clients that it refuses.
    public static let refusal = "Authentication failed: no such user or another password"

    /// `127.0.0.1:port`.
    public let address: String
    private let server: LoopbackServer
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
        server = try LoopbackServer { [seen] request in Self.answer(to: request, seen) }
        address = server.address
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
