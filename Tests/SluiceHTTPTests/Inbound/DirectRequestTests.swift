import Sluice
import SluiceTesting
import Testing

@testable import SluiceHTTP

struct DirectRequestTests {
    private let sender = HTTPAuthenticator.RemoteSender(
        "GitHub", headers: ["X-GitHub-Request-Id"], agents: ["GitHub-Hookshot"])

    private func statuses(_ requests: [(host: String?, headers: [String], target: String)]) async throws -> [Int?] {
        var statuses: [Int?] = []
        try await withHarness(endpoint: { $0.authenticator = .direct(advice: "set SECRET", refusing: [sender]) }) {
            harness in
            for request in requests {
                let response = try await harness.talk { client in
                    let host = request.host.map { "Host: \($0)\r\n" } ?? ""
                    let version = request.host == nil ? "1.0" : "1.1"
                    try client.send(
                        "POST \(request.target) HTTP/\(version)\r\n\(host)\(request.headers.map { $0 + "\r\n" }.joined())Content-Length: 2\r\n\r\n{}"
                    )
                    return try client.response()
                }
                if response?.status == 403 { #expect(response.map { isErrorLine($0, "set SECRET") } == true) }
                statuses.append(response?.status)
            }
            #expect(harness.received.count == statuses.filter { $0 == 202 }.count)
        }
        return statuses
    }

    @Test func whatAProgramHereSendsIsTaken() async throws {
        let hosts: [String?] = [
            "localhost", "LOCALHOST:8080", "localhost.", "127.0.0.1", "127.0.0.1:80", "127.1.2.3:8080", "[::1]",
            "[::1]:8080", "[0:0:0:0:0:0:0:1]:1", "[::ffff:127.0.0.1]:1", "ip6-localhost:8080", nil,
        ]
        let requests = hosts.map { (host: $0, headers: ["User-Agent: curl/8", "X-GitHub-Event: push"], target: "/in") }
        #expect(try await statuses(requests) == requests.map { _ in 202 })
    }

    @Test func aForeignHostIsRefused() async throws {
        let hosts = [
            "example.org", "example.org:8080", "localhost.example.org", "127.0.0.1.example.org", "0.0.0.0:8080",
            "192.168.1.1", "[::2]", "[fe80::1]:80", "[::1", "localhost:80x", "", "127.0.0.1@example.org",
            "xn--localhost", "128.0.0.1", "127.0.0.256", "[::1]x", "notlocalhost",
        ]
        let requests = hosts.map { (host: $0 as String?, headers: [String](), target: "/in") }
        #expect(try await statuses(requests) == requests.map { _ in 403 })
        let absolute = try await statuses([
            ("localhost", [], "http://example.org/in"), ("localhost", [], "https://localhost:8080/in"),
            ("example.org", [], "http://localhost/in"),
        ])
        #expect(absolute == [403, 202, 403])
    }

    @Test(arguments: [
        "Origin: http://example.org", "Origin: null", "Origin: http://localhost:8080", "Referer: http://example.org/",
        "Forwarded: for=1.2.3.4", "X-Forwarded-For: 127.0.0.1", "x-forwarded-proto: https",
        "X-Forwarded-Host: localhost",
        "X-Forwarded: for=x", "Via: 1.1 proxy", "X-Real-IP: 1.2.3.4", "CF-Connecting-IP: 1.2.3.4", "CF-Ray: 1",
        "True-Client-IP: 1.2.3.4", "X-Client-IP: 1.2.3.4", "X-Cluster-Client-IP: 1", "Fastly-Client-IP: 1.2.3.4",
        "X-Original-URL: /", "X-Envoy-External-Address: 1.2.3.4", "X-Amzn-Trace-Id: Root=1", "CDN-Loop: cloudflare",
        "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "User-Agent: GitHub-Hookshot/044aadd",
        "user-agent: github-hookshot/1", "x-github-request-id: 1",
        "Proxy-Connection: keep-alive", "Tailscale-User-Login: a",
    ])
    func whatComesByWayOfSomebodyElseIsRefused(_ header: String) async throws {
        #expect(try await statuses([("localhost", [header], "/in")]) == [403])
    }

    @Test func otherMachinesAreRefused() {
        for address in ["127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1", "0:0:0:0:0:0:0:1"] {
            #expect(DirectRequest.isLoopback(address: address), "\(address)")
        }
        for address in ["10.0.0.1", "::2", "::ffff:10.0.0.1", "fe80::1", "", "localhost", "127.0.0", "0.0.0.0", "::"] {
            #expect(!DirectRequest.isLoopback(address: address), "\(address)")
        }
        #expect(HTTPConnection(peer: "::ffff:10.1.2.3").peer == "10.1.2.3")
        #expect(HTTPConnection(peer: "::ffff:a01:203").peer == "::ffff:a01:203")
    }

    @Test func listeningEverywhereTakesBothFamilies() async throws {
        try await withHarness({ $0.host = HTTPListener.Configuration.everywhere }) { harness in
            try await #expect(harness.post("{}").status == 202)
            guard IPv6.everywhere == "::" else { return }
            let response = try await offPool { [port = harness.port] in
                let client = try RawClient(port: port, isIPv6: true)
                try client.send("POST /in HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 2\r\n\r\n{}")
                return try client.response()
            }
            #expect(response?.status == 202)
        }
    }
}
