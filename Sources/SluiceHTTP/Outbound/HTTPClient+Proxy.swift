extension HTTPClient {
    /// Which proxy requests go through. Printing it shows none of them: their addresses can hold a password.
    public struct Proxy: Sendable {
        /// For `https` and for `http` addresses; nil connects directly.
        var https: String?
        var http: String?
        /// Hosts that are connected to directly, as curl reads `NO_PROXY`.
        var exceptions: String?

        /// Requests go straight to their hosts.
        public static let none = Proxy()

        /// What the environment names, by curl's rules (everything.curl.dev, "Proxy environment variables"):
        /// `https_proxy` or `HTTPS_PROXY`, `http_proxy` in small letters alone (a CGI program would take a header for
        /// the other), `all_proxy` or `ALL_PROXY` for both; `no_proxy` or `NO_PROXY` lists hosts and domains that are
        /// connected to directly, `*` for all. An empty variable counts as none.
        public static func environment(_ variables: [String: String]) -> Proxy {
            func first(_ names: String...) -> String? {
                names.lazy.compactMap { variables[$0] }.first { !$0.isEmpty }
            }
            return Proxy(
                https: first("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
                http: first("http_proxy", "all_proxy", "ALL_PROXY"), exceptions: first("no_proxy", "NO_PROXY"))
        }

        /// Whether any request goes through one.
        public var isUsed: Bool { https != nil || http != nil }

        /// The one for an address; empty is none.
        func address(for url: String) -> String {
            (url.prefix(6).lowercased() == "https:" ? https : http) ?? ""
        }

        var isWritable: Bool {
            [https, http, exceptions].allSatisfy { $0?.utf8.allSatisfy { !$0.isControl } ?? true }
        }
    }
}

extension HTTPClient.Proxy: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { isUsed ? "proxy (redacted)" : "no proxy" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
