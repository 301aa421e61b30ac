import Glibc

/// Which addresses belong to the public internet: what IANA's registries of special-purpose addresses (RFC 6890) say of
/// IPv4 and IPv6. An IPv6 address that stands for one of IPv4 is what that one is.
package enum PublicAddress {
    /// Whether a host that is written as an address, in any form that the system's resolver takes (`127.1`,
    /// `2130706433`, `0x7f000001`, `[::1]`), or as `localhost`, is public.
    /// - Returns: nil for a name: where that leads is known once it is resolved.
    package static func isPublic(host: String) -> Bool? {
        var name = host.lowercased()
        if name.hasPrefix("["), name.hasSuffix("]") { name = String(name.dropFirst().dropLast()) }
        while name.hasSuffix(".") { name.removeLast() }
        if name == "localhost" || name.hasSuffix(".localhost") { return false }
        if name.contains(":") { return isPublic(numeric: name) }
        var four: UInt32 = 0
        let isRead = withUnsafeMutablePointer(to: &four) { bits in
            bits.withMemoryRebound(to: in_addr.self, capacity: 1) { inet_aton(name, $0) == 1 }
        }
        return isRead ? isPublic(four: UInt32(bigEndian: four)) : nil
    }

    /// An address as libcurl writes it. One that cannot be read is not public.
    static func isPublic(numeric text: String) -> Bool {
        // Members of `in_addr` belong to whichever module has read its header first, which differs from build to build.
        var four: UInt32 = 0
        if inet_pton(AF_INET, text, &four) == 1 { return isPublic(four: UInt32(bigEndian: four)) }
        var six: (UInt64, UInt64) = (0, 0)
        // An interface behind a percent sign belongs to a link's own address.
        guard !text.contains("%"), inet_pton(AF_INET6, text, &six) == 1 else { return false }
        return withUnsafeBytes(of: six) { isPublic(six: $0) }
    }

    /// An address that a socket is about to connect to. Other families than IP's are not public.
    static func isPublic(_ address: UnsafeRawBufferPointer) -> Bool {
        guard let family = address.field(\sockaddr.sa_family)?.loadUnaligned(as: sa_family_t.self) else { return false }
        switch Int32(family) {
        case AF_INET:
            guard let four = address.field(\sockaddr_in.sin_addr) else { return false }
            return isPublic(four: UInt32(bigEndian: four.loadUnaligned(as: UInt32.self)))
        case AF_INET6: return address.field(\sockaddr_in6.sin6_addr).map { isPublic(six: $0) } ?? false
        default: return false
        }
    }

    // MARK: The registries

    private static let privateFour: [(base: UInt32, bits: UInt32)] = [
        (0x0000_0000, 8),  // 0.0.0.0/8, this network
        (0x0A00_0000, 8),  // 10.0.0.0/8, private
        (0x6440_0000, 10),  // 100.64.0.0/10, shared by carriers
        (0x7F00_0000, 8),  // 127.0.0.0/8, loopback
        (0xA9FE_0000, 16),  // 169.254.0.0/16, link-local
        (0xAC10_0000, 12),  // 172.16.0.0/12, private
        (0xC000_0000, 24),  // 192.0.0.0/24, protocol assignments
        (0xC000_0200, 24),  // 192.0.2.0/24, documentation
        (0xC058_6300, 24),  // 192.88.99.0/24, 6to4 relays
        (0xC0A8_0000, 16),  // 192.168.0.0/16, private
        (0xC612_0000, 15),  // 198.18.0.0/15, benchmarks
        (0xC633_6400, 24),  // 198.51.100.0/24, documentation
        (0xCB00_7100, 24),  // 203.0.113.0/24, documentation
        (0xE000_0000, 4),  // 224.0.0.0/4, multicast
        (0xF000_0000, 4),  // 240.0.0.0/4, reserved and broadcast
    ]

    private static func isPublic(four: UInt32) -> Bool {
        !privateFour.contains { four >> (32 - $0.bits) == $0.base >> (32 - $0.bits) }
    }

    private static func isPublic(six bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count == 16 else { return false }
        func half(_ index: Int) -> UInt16 { UInt16(bytes[index * 2]) << 8 | UInt16(bytes[index * 2 + 1]) }
        func four(_ index: Int) -> UInt32 { UInt32(half(index)) << 16 | UInt32(half(index + 1)) }
        let isZeroToFive = (0..<5).allSatisfy { half($0) == 0 }
        // ::ffff:0:0/96, mapped, and 64:ff9b::/96, NAT64: the address of IPv4 in their last 32 bits.
        if isZeroToFive, half(5) == 0xFFFF { return isPublic(four: four(6)) }
        if half(0) == 0x64, half(1) == 0xFF9B, (2..<6).allSatisfy({ half($0) == 0 }) { return isPublic(four: four(6)) }
        // 2000::/3 is what is given out; everything else is for a link, a site, a group, or for nothing.
        guard half(0) >> 13 == 1 else { return false }
        // 2001::/23, protocol assignments, Teredo among them; 2001:db8::/32 and 3fff::/20, documentation.
        if half(0) == 0x2001, half(1) < 0x200 || half(1) == 0xDB8 { return false }
        if half(0) == 0x3FFF, half(1) < 0x1000 { return false }
        // 2002::/16, 6to4: the address of IPv4 behind the prefix.
        if half(0) == 0x2002 { return isPublic(four: four(1)) }
        return true
    }
}

extension UnsafeRawBufferPointer {
    /// The bytes of a struct's field, where they are there.
    fileprivate func field<Root, Field>(_ path: KeyPath<Root, Field>) -> UnsafeRawBufferPointer? {
        guard let offset = MemoryLayout<Root>.offset(of: path), count >= offset + MemoryLayout<Field>.size else {
            return nil
        }
        return UnsafeRawBufferPointer(rebasing: self[offset..<offset + MemoryLayout<Field>.size])
    }
}
