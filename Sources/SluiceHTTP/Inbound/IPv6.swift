#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Whether this machine has IPv6.
enum IPv6 {
    /// The address of all interfaces: a socket on `::` takes IPv4 as well (ipv6(7)); without IPv6 there is none.
    static var everywhere: String { isAvailable ? "::" : "0.0.0.0" }

    /// A kernel without IPv6 has no such sockets.
    private static var isAvailable: Bool {
        #if canImport(Glibc)
            let kind = Int32(SOCK_STREAM.rawValue)
        #else
            let kind = SOCK_STREAM
        #endif
        let probe = socket(AF_INET6, kind, 0)
        guard probe >= 0 else { return false }
        close(probe)
        return true
    }
}
