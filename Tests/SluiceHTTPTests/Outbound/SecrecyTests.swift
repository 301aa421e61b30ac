import Sluice
import SluiceTesting
import Testing

@testable import SluiceHTTP

@Suite struct SecrecyTests {
    private let secret = "hunter2"

    /// Everything that a person or a logger can make of a value without knowing its type.
    private func texts(of value: Any) -> String {
        var text = "\(value)\n" + String(reflecting: value) + "\n" + String(describing: value) + "\n"
        if let value = value as? any CustomDebugStringConvertible { text += value.debugDescription + "\n" }
        dump(value, to: &text)
        return text
    }

    @Test func credentialsSplitAtTheFirstColonAndAreSentAsMeant() async throws {
        #expect(Credentials.basic("nobody") == nil)
        #expect(Credentials.basic(":x") == nil)
        try await withServer { server, client in
            var request = server.post()
            request.credentials = .basic("user:pass:word:")
            _ = try await client.send(request)
            request.credentials = .bearer("abc.def")
            _ = try await client.send(request)
            request.credentials = nil
            _ = try await client.send(request)
            request.url = request.url.replacing("://", with: "://inline:secret@")
            _ = try await client.send(request)
            #expect(
                server.requests.map { $0["Authorization"] } == [
                    "Basic dXNlcjpwYXNzOndvcmQ6", "Bearer abc.def", nil, "Basic aW5saW5lOnNlY3JldA==",
                ])
            #expect(server.connectionCount == 1)
        }
    }

    @Test func nothingThatIsPrintedShowsASecret() async throws {
        let refusing = try BoundSocket()
        let silent = try FullBacklog()
        let server = try TestHTTPServer { request in
            switch request.path {
            case "/hunter2/close": .fault(.close)
            case "/hunter2/never": .fault(.never)
            case "/hunter2/cut": .fault(.truncate(afterBodyBytes: 3))
            case "/hunter2/raw": .fault(.raw("hunter2 hunter2\r\n\r\n"))
            case "/hunter2/long": .status(200, body: String(repeating: "hunter2", count: 1000))
            case "/hunter2/head": .status(200, headers: ["X": String(repeating: "hunter2", count: 1000)])
            default: .status(403, headers: ["X-Secret": "hunter2"], body: "hunter2")
            }
        }
        defer { server.stop() }
        let urls =
            ["close", "never", "cut", "raw", "long", "head", "status"].map { server.url("/hunter2/\($0)") } + [
                "http://127.0.0.1:\(refusing.port)/hunter2", "http://127.0.0.1:\(silent.port)/hunter2",
                "http://hunter2\(String(repeating: "a", count: 70)).invalid/", "http://hunter2 hunter2/", "hunter2://x",
                "http://127.0.0.1:99999/hunter2",
            ]
        try await withClient(
            .with {
                $0.connectTimeout = .milliseconds(100)
                $0.maximumBodySize = 100
                $0.maximumHeaderSize = 1_000
            }
        ) { client in
            var printed =
                texts(of: Credentials.basic(user: "u", password: secret)) + texts(of: Credentials.bearer(secret))
            var codes: Set<String> = []
            for url in urls {
                let request = HTTPClient.Request(
                    "POST", url, target: "slack", headers: ["X-Token": secret], body: Array(secret.utf8),
                    credentials: .bearer(secret), timeout: .milliseconds(300))
                printed += texts(of: request)
                do {
                    let response = try await client.send(request)
                    printed += texts(of: response)
                    try response.requireSuccess()
                } catch {
                    printed += texts(of: error)
                    printed += texts(of: PublishError(notAccepted: [MessageID()], underlying: error))
                    codes.insert(Disposition.reason(of: error))
                }
            }
            #expect(
                codes == [
                    "connection_reset", "timeout", "response_truncated", "response_malformed", "body_too_large",
                    "headers_too_large", "http_403", "connect_failed", "connect_timeout", "dns_failed",
                    "invalid_url",
                ])
            let lines = printed.split(separator: "\n").map(String.init)
            #expect(lines.contains("POST to slack"))
            // The last is the secret's first byte, as dump would show an array of them.
            for part in [secret, "127.0.0.1", "- 104"] {
                #expect(lines.filter { $0.hasSuffix(part) || ($0.contains(part) && part != "- 104") } == [])
            }
        }
    }
}
