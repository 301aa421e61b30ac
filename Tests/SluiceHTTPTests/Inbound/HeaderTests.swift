import Sluice
import SluiceTesting
import Testing

@testable import SluiceHTTP

struct HeaderTests {
    private static let format = HTTPMessageFormat.body(headers: ["X-Event": "event"])

    @Test(arguments: ["push", "push ", "push\t", "\t push \t ", "  push"])
    func whitespaceAroundAValueDoesNotCount(_ value: String) async throws {
        try await withHarness(endpoint: { $0.format = Self.format }) { harness in
            try await #expect(harness.post("{}", headers: ["X-Event:\(value)"]).status == 202)
            #expect(harness.received.first?.metadata["event"] == "push")
        }
    }

    @Test func whatDecidesAboutARequestIsReadWithoutWhitespace() async throws {
        let body = Array("{}".utf8)
        try await withHarness(endpoint: {
            $0.authenticator = .bearer("token")
            $0.requiresContentType = true
        }) { harness in
            let token = "Authorization: Bearer token \t"
            let json = try await harness.post(body, type: "application/json \t", headers: [token])
            #expect(json.status == 202)
            let encoded = try await harness.post(gzip(body), headers: [token, "Content-Encoding: gzip \t"])
            #expect(encoded.status == 202)
            #expect(harness.received.last?.payload == body)
            let length = try await harness.talk { client in
                try client.send(
                    "POST /in HTTP/1.1\r\nHost: x \r\nContent-Type: application/json\r\n\(token)\r\nContent-Length: 2 \r\n\r\n{}"
                )
                return try client.response()
            }
            #expect(length?.status == 202)
            let expecting = try await harness.talk { client in
                try client.send(
                    "POST /in HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\(token)\r\nContent-Length: 2\r\nExpect: 100-continue \r\n\r\n"
                )
                let first = try client.response()?.status
                try client.send("{}")
                return [first, try client.response()?.status]
            }
            #expect(expecting == [100, 202])
        }
    }

    @Test func aSignatureWithASpaceBehindItCounts() async throws {
        // GitHub's own example.
        let (secret, body) = ("It's a Secret to Everybody", "Hello, World!")
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        try await withHarness(endpoint: { $0.authenticator = .hmacSHA256(secret: secret) }) { harness in
            try await #expect(harness.post(body, headers: ["X-Hub-Signature-256: \(signature) \t"]).status == 202)
        }
    }

    @Test(arguments: [
        ["X-Hub-Signature-256: sha256=00", "X-Hub-Signature-256: sha256=01"], ["X-Event: push", "X-Event: ping"],
        ["Content-Type: text/plain"], ["Message-Uuid: a", "Message-Uuid: b"],
        ["Message-Metadata: {}", "Message-Metadata: null"],
    ])
    func aHeaderThatComesTwiceWithDifferentValuesIs400(_ headers: [String]) async throws {
        let isSigned = headers[0].hasPrefix("X-Hub")
        try await withHarness(endpoint: {
            $0.format = Self.format
            if isSigned { $0.authenticator = .hmacSHA256(secret: "secret") }
        }) { harness in
            let response = try await harness.post("{}", headers: headers)
            #expect(response.status == 400)
            #expect(isErrorLine(response, "more than once"))
            #expect(harness.received.isEmpty)
        }
    }

    @Test func twoTokensAre400AndOneTwiceCountsOnce() async throws {
        try await withHarness(endpoint: {
            $0.authenticator = .bearer("token")
            $0.format = Self.format
        }) { harness in
            let right = "Authorization: Bearer token"
            try await #expect(harness.post("{}", headers: [right, "Authorization: Bearer other"]).status == 400)
            let twice = try await harness.post(
                "{}", headers: [right, right, "X-Event: push", "X-Event: push ", "Content-Type: application/json "])
            #expect(twice.status == 202)
            #expect(harness.received.first?.metadata["event"] == "push")
        }
    }

    @Test func fieldsOfOneNameAreOneList() async throws {
        let echo = HTTPResource("/echo") {
            .ok(Array(($0.headers["Accept"] ?? "none").utf8), contentType: "text/plain")
        }
        try await withHarness(resources: [echo]) { harness in
            let response = try await harness.talk { client in
                try client.send(
                    "GET /echo HTTP/1.1\r\nHost: x\r\nAccept: text/plain;q=0.5 \r\nAccept: application/openmetrics-text\r\n\r\n"
                )
                return try client.response()
            }
            #expect(response?.body == "text/plain;q=0.5, application/openmetrics-text")
        }
    }

    @Test(arguments: ["/in", "/in/", "http://example.org/in", "HTTPS://example.org:8443/in", "https://example.org/in/"])
    func aTargetInAnyFormLeadsToItsPath(_ target: String) async throws {
        try await withHarness { harness in
            try await #expect(harness.post("{}", to: target).status == 202)
            #expect(harness.seen.map(\.route) == ["/in"])
        }
    }

    @Test func otherPathsAreStillNothing() async throws {
        try await withHarness { harness in
            for target in ["/in//", "//in", "/in/x", "https://example.org", "ftp://example.org/in", "/IN"] {
                try await #expect(harness.post("{}", to: target).status == 404, "\(target)")
            }
        }
    }

    /// RFC 9110, section 10.1.1: HTTP/1.0 has no 100.
    @Test func aClientOfHTTP10IsNotToldToGoOn() async throws {
        try await withHarness { harness in
            let response = try await harness.talk { client in
                try client.send("POST /in HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}")
                return try client.response()
            }
            #expect(response?.status == 202)
        }
    }

    @Test func typesWithTheSuffixOfJSONAreJSON() async throws {
        try await withHarness { harness in
            for type in [
                "application/vnd.github+json", "application/cloudevents+json; charset=utf-8",
                "Application/Problem+JSON ;a=b",
            ] {
                try await #expect(harness.post(Array("{}".utf8), type: type).status == 202, "\(type)")
            }
            for type in [
                "application/+json", "text/vnd.x+json", "application/x+jsonp", "application/x+json,text/plain", "*/*",
            ] {
                try await #expect(harness.post(Array("{}".utf8), type: type).status == 415, "\(type)")
            }
        }
    }
}
