import Sluice
import SluiceTesting
import Testing

@testable import SluiceHTTP

@Suite struct ClientConnectionTests {
    @Test func reusesOneConnectionForRequestsInSequence() async throws {
        try await withServer { server, client in
            for number in 0..<20 {
                let response = try await client.send(server.post("/\(number)", body: "body \(number)"))
                #expect(response.status == 200)
                #expect(response.body == Array("ok".utf8))
            }
            #expect(server.connectionCount == 1)
            #expect(server.requests.map(\.target) == (0..<20).map { "/\($0)" })
            #expect(server.requests.map(\.text) == (0..<20).map { "body \($0)" })
        }
    }

    @Test func sendsMethodHeadersAndBodyAsGiven() async throws {
        try await withServer { server, client in
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] {
                let hasBody = method == "PUT" || method == "PATCH"
                let request = HTTPClient.Request(
                    method, server.url("/path?a=1&b=%20"), target: "test",
                    headers: ["X-One": "1", "x-empty": "", "X-Text": "grün"], body: hasBody ? [0, 1, 255] : nil)
                let response = try await client.send(request)
                #expect(response.body == Array((method == "HEAD" ? "" : "ok").utf8))
            }
            let requests = server.requests
            #expect(requests.map(\.method) == ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
            for request in requests {
                #expect(request.target == "/path?a=1&b=%20")
                #expect(request["x-one"] == "1")
                #expect(request["X-Empty"] == "")
                #expect(request["X-Text"] == "grün")
                #expect(request["User-Agent"] == "sluice")
                #expect(request["Expect"] == nil)
                #expect(request["Content-Type"] == nil)
                #expect(request.body == (request.method == "PUT" || request.method == "PATCH" ? [0, 1, 255] : []))
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test func sendsALargeBodyWhole() async throws {
        try await withServer { server, client in
            let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            var request = server.post()
            request.body = body
            let response = try await client.send(request)
            #expect(response.status == 200)
            #expect(server.requests.first?.body == body)
        }
    }

    @Test func readsHeadersWhateverTheirCaseAndSkipsInterimAnswers() async throws {
        let raw = """
            HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n\
            HTTP/1.1 200 OK\r\nX-Late:  two words \r\nx-late: second\r\nContent-Length: 2\r\n\r\nok
            """
        try await withServer(respond: .by { _ in .fault(.raw(raw)) }) { server, client in
            let response = try await client.send(server.get())
            #expect(response.status == 200)
            #expect(response.headers["x-late"] == "two words")
            #expect(response.headers["X-EARLY"] == nil)
            #expect(response.headers.all.map(\.value) == ["two words", "second", "2"])
        }
    }

    @Test func keepsToTheLimitPerHost() async throws {
        try await withServer(
            .with { $0.limitPerHost = 3 }, respond: .by { _ in .status(200, delay: .milliseconds(10)) }
        ) {
            server, client in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<30 { group.addTask { try await client.send(server.post()).status } }
                for try await status in group { #expect(status == 200) }
            }
            #expect(server.peakConcurrency == 3)
            #expect(server.connectionCount == 3)
            #expect(server.requests.count == 30)
        }
    }

    @Test func aBusyHostDoesNotHoldUpAnother() async throws {
        let gate = BlockingGate()
        try await withServer(
            .with {
                $0.limitPerHost = 2
                $0.limit = 3
            },
            respond: .by { _ in
                gate.wait()
                return .status(200)
            }
        ) { slow, client in
            let quick = try TestHTTPServer()
            defer { quick.stop() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10 { group.addTask { _ = try await client.send(slow.post()) } }
                try await slow.waitForRequests(2)
                for _ in 0..<5 { #expect(try await client.send(quick.post()).status == 200) }
                #expect(slow.requests.count == 2)
                gate.open()
                try await group.waitForAll()
            }
            #expect(slow.requests.count == 10)
        }
    }

    @Test func aThousandConcurrentRequestsAllGetTheirOwnAnswer() async throws {
        try await withServer(.with { $0.limitPerHost = 64 }, respond: .by { .status(200, body: $0.text) }) {
            server, client in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<1_000 {
                    group.addTask {
                        try await client.send(server.post(body: "\(number)")).body == Array("\(number)".utf8)
                    }
                }
                for try await isOwn in group { #expect(isOwn) }
            }
            #expect(server.requests.count == 1_000)
            #expect(server.connectionCount <= 64)
        }
    }

    @Test func doesNotRepeatAPostWhoseReusedConnectionDies() async throws {
        try await withServer(respond: .by { $0.path == "/die" ? .fault(.close) : .status(200) }) { server, client in
            _ = try await client.send(server.post())
            let error = await client.failure(of: server.post("/die"))
            #expect(error?.code == .connectionReset)
            #expect(error?.outcomeUnknown == true)
            #expect(server.requests.map(\.path) == ["/", "/die"])
        }
    }

    @Test func reconnectsWhenAnIdleConnectionWasClosed() async throws {
        try await withServer(respond: .by { _ in .status(200, headers: ["Connection": "keep-alive"]) }) {
            server, client in
            _ = try await client.send(server.post())
            let port = server.port
            server.stop()
            try await server.waitForOpenConnections(atMost: 0)
            let successor = try TestHTTPServer(port: port)
            defer { successor.stop() }
            let response = try await client.send(server.post())
            #expect(response.status == 200)
            #expect(successor.requests.count == 1)
        }
    }
}

@Suite struct AdmissionTests {
    @Test func takesHostsInTurnAndEachWithinItsLimit() {
        var admission = Admission<String>(limit: 4, limitPerLane: 2)
        for number in 1...4 { admission.add("a\(number)", to: "a") }
        admission.add("b1", to: "b")
        var admitted: [String] = []
        while let next = admission.next() { admitted.append(next) }
        #expect(admitted == ["a1", "b1", "a2"])
        admission.leave("b")
        #expect(admission.next() == nil)
        admission.leave("a")
        #expect(admission.next() == "a3")
        #expect(admission.next() == nil)
    }

    @Test func keepsToTheTotalLimit() {
        var admission = Admission<Int>(limit: 2, limitPerLane: 2)
        for number in 0..<4 { admission.add(number, to: "\(number)") }
        #expect([admission.next(), admission.next(), admission.next()] == [0, 1, nil])
        admission.leave("0")
        #expect([admission.next(), admission.next()] == [2, nil])
    }

    @Test func namesTheOriginWithoutCredentials() {
        func origin(_ url: String) -> String { HTTPClient.Request("GET", url, target: "t").origin }
        #expect(origin("HTTPS://Example.com:8443/a/b?c@d") == "https://example.com:8443")
        #expect(origin("http://user:pass@host/p@q") == "http://host")
        #expect(origin("http://host?x=/@y") == "http://host")
        #expect(origin("http://host") == "http://host")
        #expect(origin("http://[::1]:80/x") == "http://[::1]:80")
    }
}
