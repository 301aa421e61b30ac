import Glibc
import Sluice
import SluiceTesting
import Testing

@testable import SluiceHTTP

@Suite struct FailureTests {
    @Test func aRefusedConnectionWasCertainlyNotSent() async throws {
        let refusing = try BoundSocket()
        try await withClient { client in
            let error = await client.failure(of: .init("POST", "http://127.0.0.1:\(refusing.port)/", target: "grafana"))
            #expect(error?.code == .connectFailed)
            #expect(error?.outcomeUnknown == false)
            #expect(error?.disposition == .retry())
            #expect(error?.description == "request to grafana failed: connect_failed (Couldn't connect to server)")
        }
    }

    @Test func aNameThatDoesNotResolveWasCertainlyNotSent() async throws {
        // A label above 63 bytes fails in the resolver itself, without a network.
        let host = String(repeating: "a", count: 70) + ".invalid"
        try await withClient { client in
            let error = await client.failure(of: .init("POST", "http://\(host)/", target: "grafana"))
            #expect(error?.code == .dnsFailed)
            #expect(error?.outcomeUnknown == false)
            #expect(error?.disposition == .retry())
        }
    }

    @Test func theConnectTimeoutEndsASilentHost() async throws {
        let silent = try FullBacklog()
        try await withClient(
            .with {
                $0.connectTimeout = .milliseconds(150)
                $0.totalTimeout = .seconds(300)
            }
        ) { client in
            let start = ContinuousClock.now
            let error = await client.failure(of: .init("POST", "http://127.0.0.1:\(silent.port)/", target: "grafana"))
            #expect(error?.code == .connectTimeout)
            #expect(error?.outcomeUnknown == false)
            let elapsed = ContinuousClock.now - start
            #expect(elapsed >= .milliseconds(149) && elapsed < .seconds(60))
        }
    }

    @Test func theTotalTimeoutAfterSendingLeavesTheOutcomeUnknown() async throws {
        try await withServer(.with { $0.totalTimeout = .seconds(300) }, respond: .by { _ in .fault(.never) }) {
            server, client in
            let start = ContinuousClock.now
            let error = await client.failure(of: server.post(timeout: .milliseconds(150)))
            #expect(error?.code == .timeout)
            #expect(error?.outcomeUnknown == true)
            #expect(error?.disposition == .retry())
            let elapsed = ContinuousClock.now - start
            #expect(elapsed >= .milliseconds(150) && elapsed < .seconds(60))
        }
    }

    @Test func theTotalTimeoutCountsTheWaitForAConnection() async throws {
        try await withServer(.with { $0.limitPerHost = 1 }, respond: .by { _ in .fault(.never) }) { server, client in
            async let first = client.failure(of: server.post(timeout: .seconds(300)))
            try await server.waitForRequests(1)
            let second = await client.failure(of: server.post(timeout: .milliseconds(100)))
            #expect(second?.code == .timeout)
            #expect(second?.outcomeUnknown == false)
            #expect(server.requests.count == 1)
            server.stop()
            #expect(await first?.code == .connectionReset)
        }
    }

    @Test(arguments: [TestHTTPServer.Fault.close, .reset])
    func anEndBeforeTheAnswerLeavesTheOutcomeUnknown(_ fault: TestHTTPServer.Fault) async throws {
        try await withServer(respond: .by { _ in .fault(fault) }) { server, client in
            let error = await client.failure(of: server.post())
            #expect(error?.code == .connectionReset)
            #expect(error?.outcomeUnknown == true)
            #expect(error?.disposition == .retry())
        }
    }

    @Test(arguments: [TestHTTPServer.Fault.truncate(afterBodyBytes: 4), .reset(afterBodyBytes: 4)])
    func aTruncatedAnswerIsAnError(_ fault: TestHTTPServer.Fault) async throws {
        try await withServer(respond: .by { _ in .fault(fault) }) { server, client in
            let error = await client.failure(of: server.post())
            #expect(error?.code == .responseTruncated)
            #expect(error?.status == 200)
            #expect(error?.outcomeUnknown == true)
        }
    }

    @Test(arguments: [
        "SSH-2.0-OpenSSH_9.2\r\n", "nonsense nonsense nonsense\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ])
    func aMalformedAnswerIsAnErrorAndTheClientGoesOn(_ bytes: String) async throws {
        try await withServer(respond: .by { $0.path == "/" ? .fault(.raw(bytes)) : .status(200) }) { server, client in
            let error = await client.failure(of: server.post())
            let code = try #require(error?.code)
            #expect([.responseMalformed, .responseTruncated].contains(code), "\(code)")
            #expect(error?.outcomeUnknown == true)
            #expect(error?.disposition == .retry())
            let response = try await client.send(server.post("/fine"))
            #expect(response.status == 200)
        }
    }

    @Test func aBodyAboveTheLimitIsAnErrorUnlessItMayBeCutOff() async throws {
        try await withServer(
            .with { $0.maximumBodySize = 1_000 },
            respond: .by { request in
                .init(status: 200, body: Array(repeating: 7, count: request.path == "/fits" ? 1_000 : 1_000_000))
            }
        ) { server, client in
            #expect(try await client.send(server.post("/fits")).body.count == 1_000)
            let error = await client.failure(of: server.post("/long"))
            #expect(error?.code == .bodyTooLarge)
            #expect(error?.status == 200)
            #expect(error?.disposition == .hold("body_too_large"))
            var request = server.post("/long")
            request.acceptsTruncatedBody = true
            let response = try await client.send(request)
            #expect(response.isBodyTruncated)
            #expect(response.body == Array(repeating: 7, count: 1_000))
        }
    }

    @Test func headersAboveTheLimitAreAnError() async throws {
        let long = String(repeating: "x", count: 5_000)
        try await withServer(
            .with { $0.maximumHeaderSize = 4_000 }, respond: .by { _ in .status(200, headers: ["X-Long": long]) }
        ) {
            server, client in
            let error = await client.failure(of: server.post())
            #expect(error?.code == .headersTooLarge)
            #expect(error?.disposition == .hold("headers_too_large"))
        }
    }

    @Test(arguments: [
        "", "127.0.0.1", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http://a b/",
        "http://127.0.0.1/\r\nX: 1",
        "http://127.0.0.1:99999/", "http:///path", "HTTP:127.0.0.1", "http://\u{0}/",
    ])
    func aUrlThatIsNoneIsRefused(_ url: String) async throws {
        try await withClient { client in
            let error = await client.failure(of: .init("POST", url, target: "test"))
            #expect(error?.code == .invalidURL)
            #expect(error?.outcomeUnknown == false)
            #expect(error?.disposition == .hold("invalid_url"))
        }
    }

    @Test func aHeaderCannotSmuggleAnother() async throws {
        try await withServer { server, client in
            for (name, value) in [
                ("X", "1\r\nY: 2"), ("X", "a\u{0}b"), ("X\r\n", "1"), ("X Y", "1"), ("", "1"),
                ("content-length", "3"), ("Transfer-Encoding", "chunked"),
            ] {
                var request = server.post()
                request.headers = [.init(name: name, value: value)]
                #expect(await client.failure(of: request)?.code == .invalidRequest)
            }
            var request = server.post()
            request.method = "POST / HTTP/1.1\r\nX: 1"
            #expect(await client.failure(of: request)?.code == .invalidRequest)
            request = server.post()
            request.credentials = .bearer("a\nb")
            #expect(await client.failure(of: request)?.code == .invalidRequest)
            #expect(server.requests.isEmpty)
        }
    }

    @Test func ignoresTheEnvironmentsProxy() async {
        // In a process of its own, for the environment belongs to all threads.
        await #expect(processExitsWith: .success) {
            let refusing = try BoundSocket()
            let proxy = "http://127.0.0.1:\(refusing.port)"
            for name in ["http_proxy", "all_proxy", "ALL_PROXY"] { setenv(name, proxy, 1) }
            try await withServer { server, client in
                let response = try await client.send(server.post())
                #expect(response.status == 200)
            }
        }
    }

    @Test(
        arguments: [
            ("connectTimeout", { @Sendable (it: inout HTTPClient.Configuration) in it.connectTimeout = .zero }),
            ("totalTimeout", { $0.totalTimeout = .seconds(-1) }),
            ("limitPerHost", { $0.limitPerHost = 0 }),
            ("limit", { $0.limit = 0 }),
            ("maximumBodySize", { $0.maximumBodySize = -1 }),
            ("maximumHeaderSize", { $0.maximumHeaderSize = 10 }),
            ("userAgent", { $0.userAgent = "a\r\nb" }),
        ] as [(String, @Sendable (inout HTTPClient.Configuration) -> Void)])
    func aWrongConfigurationIsNamed(
        _ field: String, _ spoil: @Sendable (inout HTTPClient.Configuration) -> Void
    ) throws {
        var configuration = HTTPClient.Configuration()
        spoil(&configuration)
        let error = #expect(throws: ConfigurationError.self) { try HTTPClient(configuration) }
        #expect(error?.field == "HTTPClient.\(field)")
    }
}
