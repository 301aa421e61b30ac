import NIOCore

extension HTTPAuthenticator {
    /// Takes only what a program on this machine sends straight to the listener: for endpoints without a secret.
    ///
    /// Refused with 403 are connections from other machines, and requests that show that another client stands behind
    /// them: a web page (`Origin`, `Referer`, `Sec-Fetch-Site`, a foreign `Host` after DNS rebinding), a proxy (`Via`,
    /// `Forwarded`, `X-Forwarded-…` and its relatives), or a service that cannot be on this machine. A proxy that
    /// adds nothing and sends a `Host` of this machine cannot be told from a program here.
    /// - Parameters:
    ///   - advice: goes to the client behind the reason, such as which variable to set.
    ///   - senders: services whose own requests are refused. Default: none.
    public static func direct(advice: String, refusing senders: [RemoteSender] = []) -> HTTPAuthenticator {
        HTTPAuthenticator(head: { request in
            if let reason = DirectRequest.reasonAgainst(request, senders) {
                throw HTTPRejection(
                    403, "only direct requests from this machine are taken here, and \(reason): \(advice)")
            }
        })
    }
}

extension HTTPAuthenticator {
    /// A service on the Internet, and what gives its requests away when something on this machine passes them on.
    public struct RemoteSender: Sendable, Hashable {
        let name: String
        let headers: Set<String>
        let agents: [String]

        /// - Parameters:
        ///   - name: what people call it.
        ///   - headers: headers that it alone sends.
        ///   - agents: what the `User-Agent` of its requests begins with.
        public init(_ name: String, headers: [String] = [], agents: [String] = []) {
            self.name = name
            self.headers = Set(headers.map { $0.lowercased() })
            self.agents = agents.map { $0.lowercased() }
        }
    }
}

/// What tells a request that a program on this machine made from one that only came by way of it.
enum DirectRequest {
    /// Headers that browsers, proxies and content networks add.
    private static let foreign: Set<String> = [
        "origin", "referer", "forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip",
        "client-ip", "x-proxyuser-ip", "x-remote-ip", "x-remote-addr", "x-host", "x-arr-ssl", "x-arr-log-id",
        "x-rewrite-url", "x-http-destinationurl", "x-appengine-user-ip", "x-cloud-trace-context", "x-varnish",
        "x-amzn-trace-id", "x-azure-clientip", "x-azure-socketip", "x-azure-ref", "x-nginx-proxy", "x-scheme",
        "x-haproxy-server-state", "ssl-client-cert", "proxy-connection", "proxy-authorization", "cdn-loop", "x-cdn",
        "x-sendfile-type", "x-waws-unencoded-url", "ngrok-trace-id",
    ]
    private static let foreignPrefixes = [
        "x-forwarded", "x-original-", "x-envoy-", "x-amz-cf-", "x-nf-", "x-vercel-", "x-azure-fd", "cf-", "fastly-",
        "fly-", "cloudfront-", "tailscale-", "x-traefik-", "x-ingress", "x-akamai-", "akamai-", "incap-",
        "x-sucuri-", "x-cloudflare-",
    ]
    /// Names that /etc/hosts gives to loopback.
    private static let names: Set<String> = [
        "localhost", "localhost.localdomain", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback",
    ]

    /// Why the request counts as foreign; nil when nothing speaks against it.
    static func reasonAgainst(
        _ request: HTTPInboundRequest, _ senders: [HTTPAuthenticator.RemoteSender] = []
    ) -> String? {
        guard let peer = request.connection.peer, isLoopback(address: peer) else {
            return "this one comes from another machine"
        }
        for name in request.headers.names
        where foreign.contains(name) || foreignPrefixes.contains(where: name.hasPrefix)
            || senders.contains(where: { $0.headers.contains(name) })
        {
            return "this one has the header \(name)"
        }
        if let site = request.headers["Sec-Fetch-Site"], site != "none", site != "same-origin" {
            return "this one comes from a web page"
        }
        if let agent = request.headers["User-Agent"]?.lowercased(),
            let sender = senders.first(where: { $0.agents.contains(where: agent.hasPrefix) })
        {
            return "this one says that \(sender.name) sent it"
        }
        // Without one (HTTP/1.0) nothing says that it is foreign.
        for host in [request.authority, request.headers["Host"]].compactMap(\.self) where !isLocal(host: host) {
            return "this one is meant for another host"
        }
        return nil
    }

    /// - Parameter host: with a port or without, as in the header `Host`.
    static func isLocal(host: String) -> Bool {
        var name = Substring(host.lowercased())
        if name.hasPrefix("[") {
            guard let end = name.firstIndex(of: "]"), isPort(name[name.index(after: end)...]) else { return false }
            return isLoopback(address: String(name[name.index(after: name.startIndex)..<end]))
        }
        if let colon = name.firstIndex(of: ":") {
            guard isPort(name[colon...]) else { return false }
            name = name[..<colon]
        }
        if name.hasSuffix(".") { name.removeLast() }
        return names.contains(String(name)) || isLoopback(address: String(name))
    }

    /// Nothing, or a colon and digits.
    private static func isPort(_ text: Substring) -> Bool {
        guard let first = text.utf8.first else { return true }
        return first == UInt8(ascii: ":") && text.utf8.dropFirst().allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    }

    /// Of 127.0.0.0/8, or ::1, or the former written as IPv6.
    static func isLoopback(address: String) -> Bool {
        // As inet_pton reads it, and in its canonical form.
        guard let text = (try? SocketAddress(ipAddress: address, port: 0))?.ipAddress else { return false }
        return text == "::1" || text.hasPrefix("127.") || text.hasPrefix("::ffff:127.")
    }
}
