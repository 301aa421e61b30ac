import Sluice
import SluiceHTTP
import Testing

@Suite struct FormatTests {
    @Test func headersBecomeMetadata() async throws {
        let format = HTTPMessageFormat.body(headers: ["X-GitHub-Event": "github_event", "X-Absent": "absent"])
        try await withHarness(endpoint: { $0.format = format }) { harness in
            _ = try await harness.post("{}", headers: ["x-github-event: push"])
            #expect(harness.received.first?.metadata["github_event"] == "push")
            #expect(harness.received.first?.metadata["absent"] == nil)
        }
    }

    @Test func watermillsHeadersAreUnderstood() async throws {
        try await withHarness { harness in
            let metadata = #"{"a":"x","b\n":"\u00e9 \ud83d\ude00 \"q\"","":"","half":"\ud83d"}"#
            let response = try await harness.post(
                "1", headers: ["Message-Uuid: 6e1b5a1e-29a7-4d1d-8b2c-8b1f4b3a2c11", "Message-Metadata: \(metadata)"])
            #expect(response.status == 202)
            let message = try #require(harness.received.first)
            #expect(message.id.description == "6e1b5a1e-29a7-4d1d-8b2c-8b1f4b3a2c11")
            #expect(message.metadata["a"] == "x")
            #expect(message.metadata["b\n"] == "é 😀 \"q\"")
            #expect(message.metadata[""] == "")
            // As Go reads it.
            #expect(message.metadata["half"] == "\u{FFFD}")
            for empty in ["{}", "null", " { } "] {
                try await #expect(harness.post("1", headers: ["Message-Metadata: \(empty)"]).status == 202)
            }
        }
    }

    @Test(arguments: [
        "{", "[]", "{}x", #"{"a"}"#, #"{"a":1}"#, #"{"a":"b",}"#, #"{"a":"\x"}"#, #"{"a":"b""#,
        #"{"a":{}}"#, "nulls", #"{"a":"\u12"#, "\"",
    ])
    func malformedMetadataIs400(text: String) async throws {
        try await withHarness { harness in
            let response = try await harness.post("1", headers: ["Message-Metadata: \(text)"])
            #expect(response.status == 400)
            #expect(isErrorLine(response, "Message-Metadata"))
            let long = String(repeating: "x", count: 300)
            try await #expect(harness.post("1", headers: ["Message-Uuid: \(long)"]).status == 400)
        }
    }

    @Test func metadataAreBounded() async throws {
        func header(_ count: Int) -> String {
            "Message-Metadata: {\((0..<count).map { "\"n\($0)\":\"\"" }.joined(separator: ","))}"
        }
        try await withHarness { harness in
            try await #expect(harness.post("1", headers: [header(MetadataLimits.count)]).status == 202)
            let response = try await harness.post("1", headers: [header(MetadataLimits.count + 1)])
            #expect(response.status == 400)
            #expect(isErrorLine(response, "\(MetadataLimits.count) entries"))
        }
    }

    @Test func thePayloadMayBeAFieldOfAForm() async throws {
        try await withHarness(endpoint: {
            $0.contentTypes.append("application/x-www-form-urlencoded")
            $0.format = .body(formField: "payload")
        }) { harness in
            let type = "application/x-www-form-urlencoded"
            let body = "x=1&payload=%7B%22a%22%3A+%22%c3%A9%26%22%7d&payload=2"
            try await #expect(harness.post(Array(body.utf8), type: type).status == 202)
            #expect(harness.received.first?.payload == Array(#"{"a": "é&"}"#.utf8))
            for malformed in ["x=1", "", "payload=%7", "payload=%", "payload=%zz", "payloads=1"] {
                let response = try await harness.post(Array(malformed.utf8), type: type)
                #expect(response.status == 400)
                #expect(isErrorLine(response, "form"))
            }
            try await #expect(harness.post("payload=1").status == 202)
            #expect(harness.received.last?.payload == Array("payload=1".utf8))
        }
    }

    @Test func anErrorOfAFormatIs400AndARejectionChoosesItsAnswer() async throws {
        struct Odd: Error {}
        try await withHarness(endpoint: {
            $0.format = HTTPMessageFormat { request in
                switch request.body.first {
                case UInt8(ascii: "r"): throw HTTPRejection(403, "not you")
                case UInt8(ascii: "p"): throw HandlerError("x", reason: "x", disposition: .poison("too odd"))
                default: throw Odd()
                }
            }
        }) { harness in
            try await #expect(harness.post("r").status == 403)
            try await #expect(harness.post("p").body.contains("too odd"))
            try await #expect(harness.post("o").status == 400)
        }
    }
}
