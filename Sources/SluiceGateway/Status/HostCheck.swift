import Foundation
import SluiceHTTP

/// Keeps other web pages from reading the status page through the browser of a person who may see it (DNS rebinding).
///
/// A browser sends the name that it was given as `Host`. Addresses, `localhost`, this machine's names and those that are
/// configured are ours; a page of another origin is none.
struct HostCheck: Sendable {
    /// In lowercase, without port.
    private let names: Set<String>

    /// - Parameter hosts: names that the page may be reached by besides.
    init(hosts: [String]) {
        var names: Set<String> = ["localhost", "localhost.localdomain", "ip6-localhost"]
        var buffer = [CChar](repeating: 0, count: 256)
        if gethostname(&buffer, buffer.count - 1) == 0 {
            let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            let own = String(decoding: bytes, as: UTF8.self).lowercased()
            names.insert(own)
            if let short = own.split(separator: ".").first { names.insert(String(short)) }
        }
        self.names = names.union(hosts.map { $0.lowercased() })
    }

    /// What to answer instead; nil where the request may have its answer.
    func refusal(_ request: HTTPInboundRequest) -> HTTPInboundResponse? {
        let hosts = [request.authority, request.headers["Host"]].compactMap(\.self)
        if let foreign = hosts.first(where: { !isOurs($0) }) { return Self.refusal("the host", foreign) }
        guard let origin = request.headers["Origin"] else { return nil }
        let parts = origin.split(separator: "://", maxSplits: 1)
        guard parts.count == 2, ["http", "https"].contains(parts[0].lowercased()), isOurs(String(parts[1])) else {
            return Self.refusal("the origin", origin)
        }
        return nil
    }

    private static func refusal(_ what: String, _ name: String) -> HTTPInboundResponse {
        let shown = name.truncated(toBytes: 100).replacingUnsafeCharacters()
        return .error(403, "\(what) \(shown) is not one of this gateway's; STATUS_HOSTS names further ones")
    }

    /// - Parameter host: with a port or without.
    private func isOurs(_ host: String) -> Bool {
        var name = Substring(host.lowercased())
        if name.hasPrefix("[") {
            guard let end = name.firstIndex(of: "]") else { return false }
            let rest = name[name.index(after: end)...]
            return Self.isPort(rest) && Self.isAddress(String(name.dropFirst()[..<end]), AF_INET6)
        }
        if let colon = name.firstIndex(of: ":") {
            guard Self.isPort(name[colon...]) else { return false }
            name = name[..<colon]
        }
        if name.hasSuffix(".") { name.removeLast() }
        return names.contains(String(name)) || Self.isAddress(String(name), AF_INET)
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.isEmpty || text.hasPrefix(":") && text.utf8.dropFirst().allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    }

    private static func isAddress(_ text: String, _ family: Int32) -> Bool {
        var address = in6_addr()
        return inet_pton(family, text, &address) == 1
    }
}
