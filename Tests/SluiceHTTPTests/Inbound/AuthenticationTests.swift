import Crypto
import Sluice
import SluiceHTTP
import Testing

@Suite struct AuthenticationTests {
    private let secret = "It's a Secret to Everybody"
    private let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    @Test func theSignatureOfGitHubsVectorIsAccepted() async throws {
        try await withHarness(endpoint: { $0.authenticator = .hmacSHA256(secret: secret) }) { harness in
            let response = try await harness.post("Hello, World!", headers: ["x-hub-signature-256: \(signature)"])
            #expect(response.status == 202)
        }
    }

    @Test func aForgedAndAMissingSignatureAre401WithDistinctTexts() async throws {
        try await withHarness(endpoint: { $0.authenticator = .hmacSHA256(secret: secret) }) { harness in
            let forged = try await harness.post("Hello, World?", headers: ["X-Hub-Signature-256: \(signature)"])
            #expect(forged.status == 401)
            #expect(isErrorLine(forged, "does not match"))
            let missing = try await harness.post("Hello, World!")
            #expect(missing.status == 401)
            #expect(isErrorLine(missing, "missing"))
            for value in ["sha256=", "sha1=abc", String(signature.dropLast()) + "g", String(signature.dropLast())] {
                let malformed = try await harness.post("Hello, World!", headers: ["X-Hub-Signature-256: \(value)"])
                #expect(malformed.status == 401)
                #expect(isErrorLine(malformed, "64 hexadecimal digits") || value == "sha256=")
            }
            #expect(harness.received.isEmpty)
        }
    }

    @Test func theSignatureIsOverTheBytesAsTransmitted() async throws {
        let body = gzip(Array("{}".utf8))
        let mac = HMAC<SHA256>.authenticationCode(for: body, using: SymmetricKey(data: Array(secret.utf8)))
        let hex = mac.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        try await withHarness(endpoint: { $0.authenticator = .hmacSHA256(secret: secret) }) { harness in
            let response = try await harness.post(
                body, headers: ["X-Hub-Signature-256: sha256=\(hex)", "Content-Encoding: gzip"])
            #expect(response.status == 202)
            #expect(harness.received.first?.payload == Array("{}".utf8))
        }
    }

    @Test func aBearerTokenIsAskedFor() async throws {
        try await withHarness(endpoint: { $0.authenticator = .bearer("s3cret") }) { harness in
            try await #expect(harness.post("{}", headers: ["Authorization: bearer s3cret"]).status == 202)
            let missing = try await harness.post("{}")
            #expect(missing.status == 401)
            #expect(missing.headers["www-authenticate"] == #"Bearer realm="sluice""#)
            for value in ["Bearer wrong", "Bearer s3cret2", "Basic s3cret", "s3cret", "Bearer"] {
                let wrong = try await harness.post("{}", headers: ["Authorization: \(value)"])
                #expect(wrong.status == 401)
                #expect(wrong.headers["www-authenticate"]?.contains("invalid_token") == true)
                #expect(isErrorLine(wrong, "wrong"))
            }
        }
    }

    @Test func anUnsignedLongBodyIsRefusedByItsHead() async throws {
        try await withHarness(endpoint: { $0.authenticator = .hmacSHA256(secret: secret) }) { harness in
            let response = try await harness.talk { client in
                try client.send("POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n")
                return try client.response()
            }
            #expect(response?.status == 401)
            #expect(response?.headers["connection"] == "close")
        }
    }
}
