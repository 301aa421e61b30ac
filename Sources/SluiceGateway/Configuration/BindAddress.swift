/// Where to listen: a host and a port.
public struct BindAddress: Sendable, Hashable, CustomStringConvertible {
    /// The address or name; nil means all interfaces.
    public var host: String?
    /// 0 lets the system choose.
    public var port: UInt16

    public init(host: String?, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads `127.0.0.1:8080`, `:8080` (all interfaces), `[::1]:8080`, `localhost:8080`. Nil for anything else.
    public init?(_ text: String) {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        let digits = text[text.utf8.index(after: colon)...]
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let port = UInt16(digits)
        else { return nil }
        let host = text[..<colon]
        if host.isEmpty {
            self.init(host: nil, port: port)
        } else if host.hasPrefix("[") {
            let inside = host.dropFirst().dropLast()
            guard host.hasSuffix("]"), inside.utf8.contains(UInt8(ascii: ":")),
                inside.utf8.allSatisfy({ Self.isIPv6($0) })
            else { return nil }
            self.init(host: String(inside), port: port)
        } else {
            guard host.utf8.count <= 253, host.utf8.allSatisfy({ Self.isName($0) }) else { return nil }
            self.init(host: String(host), port: port)
        }
    }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isIPv6(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ":") || byte == UInt8(ascii: "%") || isName(byte)
    }

    /// Whether only this machine can reach it. A name other than `localhost` counts as reachable from outside.
    public var isLoopback: Bool {
        guard let host = host?.lowercased() else { return false }
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Whether both cannot be listened to at once.
    func collides(with other: BindAddress) -> Bool {
        guard port == other.port, port != 0 else { return false }
        let everywhere: Set<String?> = [nil, "0.0.0.0", "::"]
        return host == other.host || everywhere.contains(host) || everywhere.contains(other.host)
    }

    public var description: String {
        guard let host else { return ":\(port)" }
        return host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
