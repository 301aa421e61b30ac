import Sluice
import SluiceTesting
import Testing

@testable import SluiceHTTP

/// The authenticator of a listener: who may ask for what is no endpoint.
struct GuardTests {
    private func status(_ path: String, _ headers: [String] = [], method: String = "GET") async throws
        -> RawClient.Response?
    {
        let resources = [
            HTTPResource("/metrics") { _ in .ok([], contentType: "text/plain") },
            HTTPResource("/healthz", isOpen: true) { _ in .ok([], contentType: "text/plain") },
        ]
        var response: RawClient.Response?
        try await withHarness(resources: resources, authenticator: .token("a token:with =")) { harness in
            response = try await harness.talk { client in
                try client.send(
                    "\(method) \(path) HTTP/1.1\r\nHost: x\r\n\(headers.map { $0 + "\r\n" }.joined())Content-Length: 0\r\n\r\n"
                )
                return try client.response()
            }
        }
        return response
    }

    @Test func withoutTheTokenThereIsNothingButWhatIsOpen() async throws {
        for path in ["/metrics", "/metrics/", "/", "/nothing", "/healthz/x"] {
            let response = try await status(path)
            #expect(response?.status == 401, "\(path)")
            #expect(response?.headers["www-authenticate"]?.contains("realm=\"sluice\"") == true)
            #expect(response.map { isErrorLine($0, "token") } == true)
        }
        #expect(try await status("/healthz")?.status == 200)
        // Endpoints have their own.
        #expect(try await status("/in", method: "POST")?.status == 202)
    }

    @Test func theTokenIsTakenAsBearerAndAsAPassword() async throws {
        // any:a token:with =
        let basic = "YW55OmEgdG9rZW46d2l0aCA9"
        for value in ["Bearer a token:with =", "bearer  a token:with = ", "Basic \(basic)", "basic \(basic)  "] {
            #expect(try await status("/metrics", ["Authorization: \(value)"])?.status == 200, "\(value)")
        }
        #expect(try await status("/nothing", ["Authorization: Basic \(basic)"])?.status == 404)
        for value in [
            "Bearer other", "Bearer", "Basic", "Basic %%%", "Basic YW55", "Basic YW55Ong=", "Digest a token:with =",
            "a token:with =", "Bearer \(basic)",
        ] {
            #expect(try await status("/metrics", ["Authorization: \(value)"])?.status == 401, "\(value)")
        }
    }

    @Test func base64IsRead() {
        #expect(Base64.decode("".utf8) == [])
        #expect(Base64.decode("Zg==".utf8) == Array("f".utf8))
        #expect(Base64.decode("Zm8=".utf8) == Array("fo".utf8))
        #expect(Base64.decode("Zm9v".utf8) == Array("foo".utf8))
        #expect(Base64.decode("+/+/".utf8) == [0xFB, 0xFF, 0xBF])
        for wrong in ["Z", "Zm9vZ", "Zg===", "Z=g=", "Zm9 v", "Zm9v-"] {
            #expect(Base64.decode(wrong.utf8) == nil, "\(wrong)")
        }
    }
}
