import Foundation
import Sluice
import SluiceHTTP
import SluiceTesting
import Testing

@testable import SluiceGateway

/// The sink of the kind `http` against a real server: what it sends, and what it makes of answers.
struct HTTPSinkTests {
    @Test func sendsTheEventAsJSONWhereNothingElseIsSaid() async throws {
        try await withHTTPSink {
            HTTPSinkOptions(url: Secret($0.url("/hook?x=1")), headers: ["X-Team": Secret("shop")])
        } _: {
            sink, server in
            let push = HTTPSinkFixture.push()
            try await sink.deliver(push)
            try await sink.deliver(HTTPSinkFixture.deployed(repository: nil))
            let request = try #require(server.requests.first)
            #expect(request.method == "POST")
            #expect(request.target == "/hook?x=1")
            #expect(request["Content-Type"] == "application/json")
            #expect(request["X-Team"] == "shop")
            #expect(request["Idempotency-Key"] == push.id.description)
            #expect(
                request.text
                    == #"{"kind":"commitPushed","event_id":"\#(push.id)","id":"\#(HTTPSinkFixture.commit)","message":"Fix the leak\n\nIt was small.","author":"ann","occurred_on":"2026-01-02T03:04:05.678Z","repository":"acme/shop","ref":"refs/heads/main","url":"https://git.example.org/c/1"}"#
            )
            #expect(server.requests.last?.json["env"] as? String == "production")
        }
    }

    @Test func sendsWhatTheTemplateGives() async throws {
        let options: (TestHTTPServer) -> HTTPSinkOptions = {
            HTTPSinkOptions(
                url: Secret($0.url()), method: "PUT",
                headers: ["content-type": Secret("application/vnd.acme+json; v=1")],
                body: #"{"what": "{{text}}", "when": {{unixMs}}}"#, sendsIdempotencyKey: false)
        }
        try await withHTTPSink(options) { sink, server in
            try await sink.deliver(HTTPSinkFixture.push(message: "\"Fix\"\u{2028}", author: "\\"))
            let request = try #require(server.requests.first)
            #expect(request.method == "PUT")
            #expect(
                request.headers.filter { $0.name.lowercased() == "content-type" }.map(\.value) == [
                    "application/vnd.acme+json; v=1"
                ])
            #expect(request["Idempotency-Key"] == nil)
            #expect(request.json["what"] as? String == "Commit 6113728 pushed to acme/shop (main) by \\: \"Fix\"")
            #expect(request.json["when"] as? Int == 1_767_323_045_678)
        }
    }

    @Test func aFormAndAGetAreWrittenInTheirOwnWay() async throws {
        try await withHTTPSink {
            HTTPSinkOptions(
                url: Secret($0.url("/form")), headers: ["Content-Type": Secret("application/x-www-form-urlencoded")],
                body: "text={{message}}&by={{author}}")
        } _: { sink, server in
            try await sink.deliver(HTTPSinkFixture.push(message: "a&b=c %", author: "ü"))
            #expect(server.requests.first?.text == "text=a%26b%3Dc%20%25&by=%C3%BC")
        }
        try await withHTTPSink {
            HTTPSinkOptions(url: Secret($0.url("/{{id}}")), method: "GET", allowsPrivateAddresses: true)
        } _: { sink, server in
            try await sink.deliver(HTTPSinkFixture.push())
            #expect(server.requests.first?.target == "/\(HTTPSinkFixture.commit)")
            #expect(server.requests.first?.method == "GET")
            #expect(server.requests.first?.body == [])
            #expect(server.requests.first?["Content-Type"] == nil)
        }
    }

    @Test func aTemplateThatGivesNothingSendsNothing() async throws {
        try await withHTTPSink {
            HTTPSinkOptions(
                url: Secret($0.url()),
                body: "{{#deploymentFailed}}\n{\"env\": \"{{environment}}\"}\n{{/deploymentFailed}}\n")
        } _: { sink, server in
            let outcome = await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.push())
            #expect(outcome?.reason == "template_empty")
            guard case .discard? = outcome?.disposition.kind else {
                return #expect(Bool(false), "\(outcome.debugDescription)")
            }
            #expect(await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.failed()) == nil)
            #expect(server.requests.map(\.text) == ["{\"env\": \"production\"}\n"])
        }
    }

    @Test func aBodyThatIsTooLargeIsPoisonedUnsent() async throws {
        try await withHTTPSink {
            HTTPSinkOptions(url: Secret($0.url()), body: "\"{{message}}\"", maximumBody: 1_024)
        } _: { sink, server in
            let outcome = await HTTPSinkFixture.outcome(
                of: sink, HTTPSinkFixture.push(message: String(repeating: "secret", count: 200)))
            #expect(outcome?.disposition == .poison("the body for receiver is larger than 1024 bytes"))
            #expect(outcome?.reason == "body_too_large")
            #expect(await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.push()) == nil)
            #expect(server.requests.count == 1)
        }
        try await withHTTPSink {
            HTTPSinkOptions(url: Secret($0.url()), cloudEvents: .init(mode: .structured), maximumBody: 1_024)
        } _: { sink, server in
            let outcome = await HTTPSinkFixture.outcome(
                of: sink, HTTPSinkFixture.push(message: String(repeating: "x", count: 900)))
            #expect(outcome?.reason == "body_too_large")
            #expect(server.requests.isEmpty)
        }
    }

    // MARK: Answers

    @Test(arguments: [
        (200, "ok"), (204, "ok"), (299, "ok"), (302, "hold"), (304, "hold"), (400, "hold"), (401, "hold"),
        (403, "hold"),
        (404, "hold"), (408, "retry"), (410, "hold"), (413, "hold"), (415, "hold"), (422, "poison"), (425, "retry"),
        (429, "throttled"), (500, "retry"), (501, "retry"), (503, "retry"), (599, "retry"),
    ])
    func eachClassOfAnswersHasItsMeaning(_ status: Int, _ expected: String) async throws {
        try await withHTTPSink(
            { HTTPSinkOptions(url: Secret($0.url("/hunter2"))) },
            respond: { _ in .status(status, headers: ["Location": "/elsewhere"], body: "hunter2") }
        ) { sink, server in
            let outcome = await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.push())
            switch expected {
            case "ok": #expect(outcome == nil)
            case "poison": #expect(outcome?.disposition == .poison("receiver: status \(status)"))
            case "retry": #expect(outcome?.disposition == .retry(after: nil))
            case "throttled": #expect(outcome?.disposition == .throttled(after: nil))
            default: #expect(outcome?.disposition == .hold("receiver: status \(status)", for: .seconds(7)))
            }
            if let outcome {
                #expect(outcome.reason == "http_\(status)")
                #expect(!"\(outcome) \(outcome.reason) \(outcome.disposition)".contains("hunter2"))
            }
            #expect(server.requests.count == 1, "a redirect is not followed")
        }
    }

    @Test(arguments: [
        (202, "ok"), (200, "hold"), (204, "hold"), (400, "poison"), (404, "poison"), (500, "retry"), (501, "hold"),
        (503, "retry"),
        (429, "hold"),
    ])
    func theConfigurationSaysWhatStatusesMean(_ status: Int, _ expected: String) async throws {
        let answers = HTTPSinkOptions.Answers(success: [202], poison: ["4xx", 501], retry: ["5xx"])
        try await withHTTPSink(
            { HTTPSinkOptions(url: Secret($0.url()), answers: answers) }, respond: { _ in .status(status) }
        ) { sink, _ in
            let outcome = await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.push())
            let word =
                switch outcome?.disposition.kind {
                case nil: "ok"
                case .poison?: "poison"
                case .retry?: "retry"
                case .throttled?: "throttled"
                case .hold?: "hold"
                case .discard?: "discard"
                }
            // A status of its own counts before a class; 501 and 429 are in the class and the list above it.
            #expect(word == (status == 501 ? "poison" : status == 429 ? "poison" : expected))
        }
    }

    @Test(arguments: [429, 503])
    func aTimeThatTheReceiverNamesIsHeeded(_ status: Int) async throws {
        try await withHTTPSink(
            { HTTPSinkOptions(url: Secret($0.url())) },
            respond: { _ in .status(status, headers: ["Retry-After": "2.5"]) }
        ) { sink, _ in
            let outcome = await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.push())
            let after = Duration.milliseconds(2_500)
            #expect(outcome?.disposition == (status == 429 ? .throttled(after: after) : .retry(after: after)))
        }
    }

    // MARK: CloudEvents

    @Test func theBinaryModeHasItsAttributesInHeaders() async throws {
        try await withHTTPSink {
            HTTPSinkOptions(url: Secret($0.url()), cloudEvents: .init(source: "/gateways/1"))
        } _: { sink, server in
            let push = HTTPSinkFixture.push(repository: "acme/größe \"100%\"")
            try await sink.deliver(push)
            try await sink.deliver(push)
            let request = try #require(server.requests.first)
            let attributes = request.headers.filter { $0.name.lowercased().hasPrefix("ce-") }.map {
                "\($0.name.lowercased())=\($0.value)"
            }
            #expect(
                attributes == [
                    "ce-specversion=1.0", "ce-id=\(push.id)", "ce-source=/gateways/1",
                    "ce-type=dev.sluice.commitPushed",
                    "ce-time=2026-01-02T03:04:05.678Z", "ce-subject=acme/gr%C3%B6%C3%9Fe%20%22100%25%22",
                ])
            #expect(request["Content-Type"] == "application/json")
            #expect(request.body == push.event.message().payload)
            #expect(Set(server.requests.map { $0["ce-id"] }).count == 1)
        }
    }

    @Test func theStructuredModeHasThemInTheBody() async throws {
        try await withHTTPSink {
            HTTPSinkOptions(url: Secret($0.url()), cloudEvents: .init(mode: .structured, typePrefix: "org.acme."))
        } _: { sink, server in
            let failed = HTTPSinkFixture.failed(in: "prod \"1\"")
            try await sink.deliver(failed)
            let request = try #require(server.requests.first)
            #expect(request["Content-Type"] == "application/cloudevents+json")
            #expect(request.headers.allSatisfy { !$0.name.lowercased().hasPrefix("ce-") })
            let json = request.json
            #expect(json["specversion"] as? String == "1.0")
            #expect(json["id"] as? String == failed.id.description)
            #expect(json["source"] as? String == "/sluice")
            #expect(json["type"] as? String == "org.acme.deploymentFailed")
            #expect(json["time"] as? String == "2026-01-02T03:04:05.678Z")
            #expect(json["subject"] as? String == "acme/shop")
            #expect(json["datacontenttype"] as? String == "application/json")
            #expect((json["data"] as? [String: Any])?["env"] as? String == "prod \"1\"")
        }
    }

    @Test func theDataOfACloudEventMayComeOfATemplate() async throws {
        for mode in [HTTPSinkOptions.CloudEvents.Mode.binary, .structured] {
            try await withHTTPSink {
                HTTPSinkOptions(
                    url: Secret($0.url()), body: #"{"commit": "{{shortId}}"}"#, cloudEvents: .init(mode: mode))
            } _: { sink, server in
                try await sink.deliver(HTTPSinkFixture.push())
                let json = try #require(server.requests.first).json
                let data = mode == .binary ? json : json["data"] as? [String: Any] ?? [:]
                #expect(data as? [String: String] == ["commit": "6113728"])
            }
        }
    }

    // MARK: Secrets

    @Test func nothingThatIsPrintedShowsASecret() async throws {
        let options = HTTPSinkOptions(
            url: Secret("http://127.0.0.1:1/hunter2?{{id}}"), headers: ["Authorization": Secret("hunter2")],
            body: "\"{{id}}\"", allowsPrivateAddresses: true)
        var text = ""
        let client = try HTTPClient()
        let sink = try options.makeSink(SinkParts(name: "receiver", hold: .seconds(7), client: client))
        let outcome = await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.push())
        await client.close(within: .zero)
        for value: Any in [options, sink, ConfiguredSink("x", options), outcome as Any] {
            text += "\(value) \(String(reflecting: value)) "
            dump(value, to: &text)
        }
        text += options.cautions.joined()
        #expect(outcome?.reason == "connect_failed")
        #expect(!text.contains("hunter2"))
    }

    @Test func whatCrossesTheNetworkInTheClearIsCautionedOf() {
        #expect(HTTPSinkOptions(url: Secret("http://x.example.org")).cautions.count == 1)
        #expect(HTTPSinkOptions(url: Secret("http://localhost/")).cautions.isEmpty)
        #expect(HTTPSinkOptions(preset: .pagerDuty).cautions.isEmpty)
        let chosen = HTTPSinkOptions(url: Secret("https://{{service}}.example.org"), headers: ["A": Secret("b")])
        #expect(
            chosen.cautions == ["url: the event chooses the host, which gets the headers and what is secret in them"])
    }
}
