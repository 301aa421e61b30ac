import Sluice
import SluiceTesting
import Testing

@testable import SluiceHTTP

struct ProxyTests {
    private func proxy(_ variables: [String: String]) -> HTTPClient.Configuration {
        .with { $0.proxy = .environment(variables) }
    }

    @Test func readsTheEnvironmentAsCurlDoes() {
        func addresses(_ variables: [String: String]) -> [String] {
            let proxy = HTTPClient.Proxy.environment(variables)
            return [proxy.address(for: "https://x/"), proxy.address(for: "http://x/"), proxy.exceptions ?? "-"]
        }
        #expect(addresses([:]) == ["", "", "-"])
        #expect(addresses(["HTTPS_PROXY": "a", "HTTP_PROXY": "b"]) == ["a", "", "-"])
        #expect(addresses(["HTTPS_PROXY": "a", "https_proxy": "b", "http_proxy": "c"]) == ["b", "c", "-"])
        #expect(addresses(["ALL_PROXY": "a", "https_proxy": "b"]) == ["b", "a", "-"])
        #expect(addresses(["https_proxy": "", "HTTPS_PROXY": "a", "NO_PROXY": "n"]) == ["a", "", "n"])
        #expect(addresses(["no_proxy": "n", "NO_PROXY": "m", "all_proxy": "a"]) == ["a", "a", "n"])
        let secret = HTTPClient.Proxy.environment(["HTTPS_PROXY": "http://bob:hunter2@proxy:3128"])
        #expect(!"\(secret) \(String(reflecting: secret)) \(Mirror(reflecting: secret).children)".contains("hunter2"))
    }

    @Test func plainRequestsGoThroughHTTPProxyAndAreTakenAsTheyAreAnswered() async throws {
        try await withServer(respond: .by { _ in .status(200, body: "from the proxy") }) { server, _ in
            try await withClient(proxy(["http_proxy": server.url(), "HTTPS_PROXY": "http://127.0.0.1:1"])) { client in
                let response = try await client.send(.init("POST", "http://sink.invalid/hook", target: "t", body: [1]))
                #expect(response.status == 200)
                #expect(server.requests.first?.target == "http://sink.invalid/hook")
            }
        }
    }

    @Test func exceptionsAreReachedDirectly() async throws {
        let refusing = try BoundSocket()
        let variables = ["ALL_PROXY": "http://127.0.0.1:\(refusing.port)"]
        try await withServer { server, _ in
            for exceptions in ["127.0.0.1", "elsewhere.example,127.0.0.1", "*"] {
                try await withClient(proxy(variables.merging(["NO_PROXY": exceptions]) { $1 })) { client in
                    let response = try await client.send(server.post())
                    #expect(response.status == 200)
                }
            }
            try await withClient(proxy(variables.merging(["NO_PROXY": "elsewhere.example"]) { $1 })) { client in
                #expect(await client.failure(of: server.post())?.code == .connectFailed)
            }
        }
    }

    @Test(arguments: [403, 407, 502])
    func aProxyThatRefusesIsToldFromTheServer(status: Int) async throws {
        try await withServer(respond: .by { _ in .status(status, body: "no") }) { server, _ in
            try await withClient(proxy(["HTTPS_PROXY": server.url()])) { client in
                let error = await client.failure(of: .init("POST", "https://sink.invalid/", target: "slack", body: []))
                #expect(error?.code == .proxyRefused)
                #expect(error?.status == nil)
                #expect(error?.outcomeUnknown == false)
                #expect(error?.disposition == .retry())
                #expect(error?.description == "request to slack failed: proxy_refused (the proxy answered \(status))")
            }
        }
    }

    @Test(.enabled(if: SelfSignedServer.tool != nil, "openssl is not installed"))
    func tlsGoesThroughATunnelToAServerOfACompanysAuthority() async throws {
        let server = try SelfSignedServer(name: "DNS:sink.invalid")
        let tunnel = try ConnectProxy()
        let request = HTTPClient.Request("GET", "https://sink.invalid:\(server.port)/", target: "test")
        try await withClient { client in
            let direct = HTTPClient.Request("GET", "https://127.0.0.1:\(server.port)/", target: "test")
            let error = try await server.failure(of: direct, from: client)
            #expect(error?.code == .tlsFailed)
        }
        try await withClient(proxy(["HTTPS_PROXY": tunnel.url])) { client in
            let error = await client.failure(of: request)
            #expect(error?.code == .tlsFailed)
            #expect(error?.detail == "the certificate is signed by an authority that is not trusted")
        }
        var configuration = proxy(["HTTPS_PROXY": tunnel.url])
        configuration.additionalCertificates = server.certificate
        try await withClient(configuration) { client in
            let response = try await client.send(request)
            #expect(response.status == 200)
            #expect(response.headers["X-Proxy"] == nil)
        }
        #expect(tunnel.requests.last == "CONNECT sink.invalid:\(server.port) HTTP/1.1")
    }

    @Test(arguments: ["/nonexistent/ca.pem", "/dev/null"])
    func aFileWithoutCertificatesIsNamed(file: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try HTTPClient(.with { $0.additionalCertificates = file })
        }
        #expect(error?.field == "HTTPClient.additionalCertificates")
    }

    // MARK: After a reset

    @Test func theRetryAfterAResetTakesAFreshConnection() async throws {
        let gate = BlockingGate()
        try await withServer(
            respond: .by { request in
                if request.path == "/fill" { gate.wait() }
                // What was there before is dead; what comes now is well.
                return request.path == "/post" && request.connection <= 4 ? .fault(.reset) : .status(200)
            }
        ) { server, client in
            // Four connections, which then lie idle.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 { group.addTask { _ = try await client.send(server.post("/fill")) } }
                try await server.waitForRequests(4)
                gate.open()
                try await group.waitForAll()
            }
            #expect(await client.failure(of: server.post("/post"))?.code == .connectionReset)
            #expect(try await client.send(server.post("/post")).status == 200)
            #expect(server.requests.last?.connection == 5)
        }
    }

    @Test func connectionsFromBeforeAResetAreNotUsedLaterEither() {
        func at(_ milliseconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: milliseconds * 1_000_000) }
        var memory = ResetMemory()
        #expect(memory.advice("a", at(0)) == .any)
        memory.note("a", at(1_000))
        #expect(memory.advice("a", at(1_000)) == .fresh)
        #expect(memory.advice("a", at(2_999)) == .fresh)
        #expect(memory.advice("b", at(2_999)) == .any)
        #expect(memory.advice("a", at(3_000)) == .youngerThan(seconds: 1))
        #expect(memory.advice("a", at(31_900)) == .youngerThan(seconds: 29))
        #expect(memory.advice("a", at(121_000)) == .any)
        for number in 0..<10_000 { memory.note("host-\(number)", at(200_000)) }
        #expect(memory.advice("host-0", at(200_000)) == .fresh)
    }
}
