import Glibc

/// Whether this machine has IPv6.
enum IPv6 {
    /// The address of all interfaces: a socket on `::` takes IPv4 as well (ipv6(7)); without IPv6 there is none.
    static var everywhere: String { isAvailable ? "::" : "0.0.0.0" }

    /// A kernel without IPv6 has no such sockets.
    private static var isAvailable: Bool {
        let kind = Int32(SOCK_STREAM.rawValue)
        let probe = socket(AF_INET6, kind, 0)
        guard probe >= 0 else { return false }
        close(probe)
        return true
    }
}
