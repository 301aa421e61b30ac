import Foundation
import Sluice
import SluiceHTTP
import SluiceTesting
import Testing

@testable import SluiceGateway

/// The presets against what their services document.
struct HTTPSinkPresetTests {
    private static func options(_ preset: HTTPSinkOptions.Preset, _ url: String) -> HTTPSinkOptions {
        HTTPSinkOptions(
            preset: preset, url: Secret(url), routingKey: preset == .pagerDuty ? Secret("hunter2") : nil)
    }

    private func answered(
        _ preset: HTTPSinkOptions.Preset, _ status: Int, _ body: String = "",
        headers: KeyValuePairs<String, String> = [:]
    ) async throws -> Disposition? {
        let reply = TestHTTPServer.Reply.status(status, headers: headers, body: body)
        return try await withHTTPSink({ Self.options(preset, $0.url()) }, respond: { _ in reply }) { sink, _ in
            let outcome = await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.push())
            #expect(!"\(outcome.map { "\($0) \($0.reason)" } ?? "")".contains("hunter2"))
            return outcome?.disposition
        }
    }

    private func sent(_ preset: HTTPSinkOptions.Preset, _ delivery: SinkDelivery) async throws -> TestHTTPServer.Request
    {
        let reply = TestHTTPServer.Reply.status(preset == .discord ? 204 : 202, body: #"{"status":"success"}"#)
        return try await withHTTPSink({ Self.options(preset, $0.url("/hook")) }, respond: { _ in reply }) {
            sink, server in
            try await sink.deliver(delivery)
            let request = try #require(server.requests.first)
            #expect(request.method == "POST")
            #expect(request["Content-Type"] == "application/json")
            #expect(request["Idempotency-Key"] == nil)
            return request
        }
    }

    private func hold(_ status: Int) -> Disposition { .hold("receiver: status \(status)", for: .seconds(7)) }

    private func poison(_ status: Int) -> Disposition { .poison("receiver: status \(status)") }

    // MARK: Teams

    private func card(_ delivery: SinkDelivery) async throws -> (
        blocks: [[String: Any]], card: [String: Any], size: Int
    ) {
        let request = try await sent(.teams, delivery)
        #expect(request.json["type"] as? String == "message")
        let attachment = try #require((request.json["attachments"] as? [[String: Any]])?.first)
        #expect(attachment["contentType"] as? String == "application/vnd.microsoft.card.adaptive")
        let card = try #require(attachment["content"] as? [String: Any])
        #expect(card["type"] as? String == "AdaptiveCard")
        #expect(card["version"] as? String == "1.4")
        let blocks = try #require(card["body"] as? [[String: Any]])
        for block in blocks {
            #expect(block["type"] as? String == "TextBlock")
            #expect(block["wrap"] as? Bool == true)
        }
        return (blocks, card, request.body.count)
    }

    @Test func teamsGetsAnAdaptiveCard() async throws {
        let (blocks, card, _) = try await card(HTTPSinkFixture.push())
        #expect(
            blocks.map { $0["text"] as? String } == [
                "Commit 6113728 pushed to acme/shop (main) by ann", "Fix the leak",
            ])
        let action = try #require((card["actions"] as? [[String: Any]])?.first)
        #expect(action["type"] as? String == "Action.OpenUrl")
        #expect(action["url"] as? String == "https://git.example.org/c/1")
        let failed = try await self.card(HTTPSinkFixture.failed())
        #expect(failed.blocks.count == 1)
        #expect(
            failed.blocks.first?["text"] as? String == "Commit 6113728 failed to deploy to production (web, acme/shop)")
        #expect(failed.blocks.first?["color"] as? String == "Attention")
        #expect(failed.card["actions"] == nil)
    }

    @Test func whatIsMarkupInACardIsEscaped() async throws {
        let push = HTTPSinkFixture.push(
            message: "[click](https://evil.example.org) **b** `c` {{DATE(2017-02-14T06:08:39Z)}}\u{202E}",
            author: "a_b_c")
        let texts = try await card(push).blocks.map { $0["text"] as? String }
        #expect(texts.first == "Commit 6113728 pushed to acme/shop (main) by a\\_b\\_c")
        #expect(
            texts.last
                == "\\[click\\](https://evil.example.org) \\*\\*b\\*\\* \\`c\\` \\{\\{DATE(2017-02-14T06:08:39Z)}}\u{FFFD}"
        )
    }

    @Test func aCardStaysWithin28KB() async throws {
        for filler in ["\u{1F680}", "_", "\u{1}", "ü", "\\"] {
            let long = String(repeating: filler, count: 30_000)
            let (_, _, size) = try await card(
                HTTPSinkFixture.push(
                    message: long, author: String(long.prefix(80)), ref: String(repeating: "r", count: 1_024),
                    url: "https://x.example.org/" + String(repeating: "u", count: 2_000)))
            #expect(size < 28_000)
        }
    }

    @Test func teamsAnswersAreRead() async throws {
        #expect(try await answered(.teams, 202) == nil)
        #expect(try await answered(.teams, 200, "<html>Sign in</html>") == hold(200))
        #expect(
            try await answered(.teams, 400, #"{"error":{"code":"TriggerInputSchemaMismatch","message":"hunter2"}}"#)
                == poison(400))
        #expect(try await answered(.teams, 400) == poison(400))
        #expect(
            try await answered(.teams, 400, #"{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"x"}}"#)
                == hold(400))
        #expect(try await answered(.teams, 401, #"{"error":{"code":"DirectApiAuthorizationRequired"}}"#) == hold(401))
        #expect(try await answered(.teams, 413) == poison(413))
        #expect(try await answered(.teams, 404) == hold(404))
        #expect(try await answered(.teams, 429, headers: ["Retry-After": "30"]) == .throttled(after: .seconds(30)))
        #expect(try await answered(.teams, 502) == .retry())
    }

    // MARK: Discord

    @Test func discordGetsAMessageWithoutMentions() async throws {
        let json = try await sent(
            .discord, HTTPSinkFixture.push(message: "@everyone <@123> [x](https://y) a_b", author: "*ann*")
        ).json
        #expect(
            json["content"] as? String
                == "🚀 **Commit 6113728 pushed to acme/shop (main) by \\*ann\\***\n@everyone \\<@123\\> \\[x\\](https://y) a\\_b\n<https://git.example.org/c/1>"
        )
        let mentions = try #require(json["allowed_mentions"] as? [String: Any])
        #expect((mentions["parse"] as? [Any])?.isEmpty == true)
        #expect(mentions.count == 1)
        let deployed = try await sent(.discord, HTTPSinkFixture.deployed()).json
        #expect(deployed["content"] as? String == "✅ **Commit 6113728 deployed to production (web, acme/shop)**")
    }

    @Test func aMessageHasAtMost2000Characters() async throws {
        for filler in ["x", "_", "👩‍👩‍👧‍👦", "\u{1}", "ü"] {
            for (count, url) in [(3_000, 0), (1_900, 100), (3_000, 580), (3_000, 2_000)] {
                let link = url == 0 ? nil : "https://x.example.org/" + String(repeating: "u", count: url)
                let push = HTTPSinkFixture.push(
                    message: String(repeating: filler, count: count), author: String(repeating: "_", count: 255),
                    ref: String(repeating: "r", count: 1_024), url: link)
                let content = try #require(try await sent(.discord, push).json["content"] as? String)
                #expect(content.utf16.count <= 2_000)
                #expect(content.utf16.count > 1_000)
                // No escape is cut in two.
                #expect(!content.contains("\\…"))
            }
        }
    }

    @Test func discordsAnswersAreRead() async throws {
        #expect(try await answered(.discord, 204) == nil)
        #expect(try await answered(.discord, 200, #"{"id":"1","channel_id":"2","content":"x"}"#) == nil)
        for foreign in ["", "ok", "<html>", "{}", #"{"id":1,"channel_id":"2"}"#] {
            let disposition = try await answered(.discord, 200, foreign)
            #expect(disposition == .hold("receiver: status 200 that is no answer of discord", for: .seconds(7)))
        }
        #expect(
            try await answered(.discord, 400, #"{"code":50035,"errors":{},"message":"Invalid Form Body hunter2"}"#)
                == poison(400))
        #expect(try await answered(.discord, 400, #"{"content":["Must be 2000 or fewer in length."]}"#) == poison(400))
        #expect(
            try await answered(.discord, 400, #"{"code":50006,"message":"Cannot send an empty message"}"#)
                == poison(400))
        #expect(
            try await answered(
                .discord, 400, #"{"code":220001,"message":"Webhooks posted to forum channels must have a thread_name"}"#
            ) == hold(400))
        #expect(try await answered(.discord, 400, "<html>Bad Request</html>") == hold(400))
        #expect(try await answered(.discord, 404, #"{"code":10015,"message":"Unknown Webhook"}"#) == hold(404))
        #expect(try await answered(.discord, 401, #"{"code":50027,"message":"Invalid Webhook Token"}"#) == hold(401))
        #expect(try await answered(.discord, 500) == .retry())
    }

    @Test func discordsWaitIsInTheBody() async throws {
        func wait(_ body: String, _ headers: KeyValuePairs<String, String> = [:]) async throws -> Disposition? {
            try await answered(.discord, 429, body, headers: headers)
        }
        let limited = #"{"message":"You are being rate limited.","retry_after":64.57,"global":false}"#
        #expect(try await wait(limited, ["Retry-After": "65"]) == .throttled(after: .milliseconds(64_570)))
        #expect(try await wait(#"{"retry_after":0.3005}"#) == .throttled(after: .milliseconds(301)))
        #expect(try await wait(#"{"retry_after":2}"#) == .throttled(after: .seconds(2)))
        #expect(try await wait("error code: 1015", ["Retry-After": "7"]) == .throttled(after: .seconds(7)))
        for odd in [
            #"{"retry_after":-1}"#, #"{"retry_after":"5"}"#, #"{"retry_after":1e99}"#, #"{"retry_after":"#, "[]",
        ] {
            #expect(try await wait(odd) == .throttled(after: nil))
        }
    }

    // MARK: PagerDuty

    @Test func pagerDutyGetsAChangeEvent() async throws {
        let push = HTTPSinkFixture.push(message: "Fix \"it\"\nmore")
        let json = try await sent(.pagerDuty, push).json
        #expect(json["routing_key"] as? String == "hunter2")
        let payload = try #require(json["payload"] as? [String: Any])
        #expect(payload["summary"] as? String == "Commit 6113728 pushed to acme/shop (main) by ann: Fix \"it\"")
        #expect(payload["timestamp"] as? String == "2026-01-02T03:04:05.678Z")
        #expect(payload["source"] as? String == "acme/shop")
        #expect(
            payload["custom_details"] as? [String: String] == [
                "event_id": push.id.description, "kind": "commitPushed", "commit": HTTPSinkFixture.commit,
                "repository": "acme/shop", "author": "ann", "ref": "refs/heads/main", "message": "Fix \"it\"",
            ])
        #expect(
            (json["links"] as? [[String: String]]) == [["href": "https://git.example.org/c/1", "text": "View commit"]])
        let failed = try await sent(.pagerDuty, HTTPSinkFixture.failed()).json
        let details = (failed["payload"] as? [String: Any])?["custom_details"] as? [String: String]
        #expect(details?["environment"] == "production" && details?["service"] == "web")
        #expect(failed["links"] == nil)
        #expect(
            HTTPSinkOptions(preset: .pagerDuty).address?.reveal() == "https://events.pagerduty.com/v2/change/enqueue")
    }

    @Test func aSummaryHasAtMost1024Characters() async throws {
        let push = HTTPSinkFixture.push(message: String(repeating: "👩‍👩‍👧‍👦", count: 900))
        let payload = try #require(try await sent(.pagerDuty, push).json["payload"] as? [String: Any])
        let summary = try #require(payload["summary"] as? String)
        #expect(summary.utf16.count <= 1_024 && summary.utf16.count > 1_000 && summary.hasSuffix("…"))
    }

    @Test func pagerDutysAnswersAreRead() async throws {
        #expect(
            try await answered(.pagerDuty, 202, #"{"status":"success","message":"Change event processed","links":[]}"#)
                == nil)
        for foreign in ["", "{}", #"{"status":"ok"}"#, "<html>", #"{"status":"success""#] {
            let disposition = try await answered(.pagerDuty, 202, foreign)
            #expect(disposition == .hold("receiver: status 202 that is no answer of pagerduty", for: .seconds(7)))
        }
        let invalid =
            #"{"status":"invalid event","message":"Event object is invalid","errors":["\#(#"'payload.summary' is missing or blank"#)"]}"#
        #expect(try await answered(.pagerDuty, 400, invalid) == poison(400))
        for key in ["Invalid routing key", "Length of 'routing_key' is incorrect (should be 32 characters)"] {
            let body = #"{"status":"invalid event","message":"Event object is invalid","errors":["\#(key)"]}"#
            #expect(try await answered(.pagerDuty, 400, body) == hold(400))
        }
        #expect(try await answered(.pagerDuty, 400, "<html>Bad Request</html>") == hold(400))
        #expect(try await answered(.pagerDuty, 403) == hold(403))
        #expect(try await answered(.pagerDuty, 429) == .throttled())
        #expect(try await answered(.pagerDuty, 500) == .retry())
    }

    // MARK: All of them

    /// Events at random, of what is hard on JSON: each preset, CloudEvents and the default give JSON that Foundation's parser reads.
    @Test func whateverHappenedTheBodyIsJSON() throws {
        var generator = SeededGenerator(seed: 15)
        let bits =
            EventTemplateTests.awkward + ["main", "ü", "a_b", " ", "<@1>", "..", String(repeating: "x", count: 3_000)]
        func text(_ most: Int) -> String {
            (0..<Int.random(in: 0...most, using: &generator)).map { _ in bits.randomElement(using: &generator) ?? "" }
                .joined()
        }
        let template =
            #"{"a":"{{message}}{{{text}}}","b":["{{repository}}","{{first5(author)}}"],"c":{{unix}}{{#service}},"d":"{{.}}"{{/service}}}"#
        let bodies = try [
            HTTPSinkOptions(preset: .teams), HTTPSinkOptions(preset: .discord),
            HTTPSinkOptions(preset: .pagerDuty, routingKey: Secret("k")), HTTPSinkOptions(body: template),
            HTTPSinkOptions(),
            HTTPSinkOptions(cloudEvents: .init(mode: .structured)), HTTPSinkOptions(cloudEvents: .init()),
            HTTPSinkOptions(body: template, cloudEvents: .init(mode: .structured)),
        ].map { try HTTPSinkBody($0) }
        for round in 0..<2_000 {
            let deployment = Deployment(
                id: HTTPSinkFixture.commit, env: text(3), occurredOn: HTTPSinkFixture.time, service: text(2),
                repository: text(2))
            let event: Event =
                switch round % 3 {
                case 0:
                    .commitPushed(
                        CommitPushed(
                            id: HTTPSinkFixture.commit, message: text(20), author: text(3),
                            occurredOn: HTTPSinkFixture.time,
                            repository: text(2), ref: text(2), url: text(2)))
                case 1: .commitDeployed(deployment)
                default: .deploymentFailed(deployment)
                }
            for body in bodies {
                do {
                    let bytes = try body.bytes(for: SinkDelivery(event), target: "x")
                    _ = try JSONSerialization.jsonObject(with: Data(bytes))
                } catch let error as HandlerError {
                    #expect(error.reason == "body_too_large")
                }
            }
        }
    }

    @Test func eachPresetKeepsToThePaceOfItsService() {
        #expect(HTTPSinkOptions(preset: .teams).throttle == Throttle(rate: 1))
        #expect(HTTPSinkOptions(preset: .discord).throttle == Throttle(rate: 0.5, burst: 5))
        #expect(HTTPSinkOptions(preset: .pagerDuty).throttle == Throttle(rate: 2, burst: 10))
        #expect(HTTPSinkOptions().throttle == nil)
    }
}
