import Foundation
import Sluice
import Testing

@testable import SluiceGateway

/// Pushes that are told as one.
struct SlackDigestTests {
    private static func push(
        _ number: Int, message: String = "Fix", author: String = "jane", ref: String? = "refs/heads/main"
    )
        -> Event
    {
        .commitPushed(
            CommitPushed(
                id: String(repeating: "a", count: 37) + "\(100 + number)", message: message, author: author,
                occurredOn: Timestamp(millisecondsSince1970: 1_767_323_045_000), repository: "acme/shop", ref: ref))
    }

    private struct Body: Decodable {
        struct Block: Decodable {
            struct Text: Decodable { var text: String }
            var type: String
            var text: Text
        }
        var text: String
        var blocks: [Block]
    }

    private static func body(_ events: [Event]) throws -> Body {
        try JSONDecoder().decode(Body.self, from: Data(SlackMessage.digest(of: events)))
    }

    @Test func saysHowManyCommitsWentWhereWithTheirFirstLines() throws {
        let body = try Self.body([
            Self.push(0, message: "Fix the leak\n\nAt length"), Self.push(1, message: "", author: "joe"),
            Self.push(2, message: "a <b> & c"),
        ])
        let hash = String(repeating: "a", count: 37)
        let expected = """
            :rocket: 3 commits to *acme/shop* (main)
            • `\(hash)100` Fix the leak (jane)
            • `\(hash)101` (joe)
            • `\(hash)102` a &lt;b&gt; &amp; c (jane)
            """
        #expect(body.text == expected)
        #expect(body.blocks.map(\.text.text) == [expected])
        #expect(
            try Self.body([Self.push(0, ref: nil), Self.push(1)]).text.hasPrefix(":rocket: 2 commits to *acme/shop*\n"))
    }

    /// 50 lines of the longest kind: every commit is named, and Slack takes it.
    @Test(arguments: ["x", "&", "é", "😀", "👨‍👩‍👧‍👦"])
    func everyCommitIsNamedWithinWhatSlackTakes(filling: String) throws {
        let events = (0..<SlackMessage.maximumLines).map {
            Self.push(
                $0, message: String(repeating: filling, count: 5_000), author: String(repeating: filling, count: 200))
        }
        let body = try Self.body(events)
        #expect(body.blocks.count <= 50)
        #expect(body.blocks.allSatisfy { $0.text.text.utf16.count <= 3_000 })
        #expect(body.text.utf16.count <= 40_000)
        let sections = body.blocks.map(\.text.text).joined(separator: "\n")
        for event in events {
            #expect(sections.contains("`\(event.commit)`") && body.text.contains("`\(event.commit)`"))
        }
    }

    private static func message(_ event: Event, webhook: String?) -> Message {
        var message = event.message()
        message.metadata["correlation_id"] = webhook
        return message
    }

    @Test func onlyPushesOfOneWebhookOneRepositoryAndOneBranchAreJoined() throws {
        let key = ReaderPart.joining(nil).key
        let first = try #require(key(Self.message(Self.push(0), webhook: "w1")))
        #expect(key(Self.message(Self.push(1), webhook: "w1")) == first)
        #expect(key(Self.message(Self.push(1), webhook: "w2")) != first)
        #expect(key(Self.message(Self.push(1, ref: "refs/heads/next"), webhook: "w1")) != first)
        #expect(key(Self.message(Self.push(1), webhook: nil)) == nil)
        #expect(key(Self.message(Self.push(1), webhook: "")) == nil)
        let deployment = Event.commitDeployed(
            Deployment(id: "aaaa", env: "production", occurredOn: Timestamp(millisecondsSince1970: 0)))
        #expect(key(Self.message(deployment, webhook: "w1")) == nil)
        var torn = Self.message(Self.push(0), webhook: "w1")
        torn.payload = Array("{".utf8)
        #expect(key(torn) == nil)
        var moved = Self.message(Self.push(0), webhook: "w1")
        moved.metadata[HandledOnLog.key] = "log-to-slack"
        #expect(key(moved) == nil)
    }

    @Test func whatTheSinkDoesNotWantIsNotJoined() {
        let key = ReaderPart.joining(EventFilter([.init(branch: ["next"])])).key
        #expect(key(Self.message(Self.push(0), webhook: "w")) == nil)
        #expect(key(Self.message(Self.push(0, ref: "refs/heads/next"), webhook: "w")) != nil)
    }

    /// Each message belongs to one part, also one that cannot be read.
    @Test func eachMessageBelongsToOnePart() {
        var messages = [Self.push(0).message(), Message(text: "torn")]
        for type in ["commitDeployed", "deploymentFailed", "incidentDetected", ""] {
            messages.append(Message(metadata: [Event.typeKey: type], payload: []))
        }
        for message in messages {
            #expect(ReaderPart.urgent.contains(message) != ReaderPart.pushes.contains(message))
            #expect(ReaderPart.whole.contains(message))
        }
        #expect(ReaderPart.pushes.contains(messages[0]) && ReaderPart.urgent.contains(messages[1]))
    }

    @Test func namesOfGroupsGoBothWays() {
        #expect(ReaderPart.pushesGroup(of: "log-to-slack") == "log-to-slack-pushes")
        #expect(ReaderPart.sinksGroup(ofPushes: "log-to-slack-pushes") == "log-to-slack")
        #expect(
            ReaderPart.sinksGroup(ofPushes: "log-to-slack") == nil && ReaderPart.sinksGroup(ofPushes: "-pushes") == nil)
    }

    @Test func whatToWriteForGroupsThatNoSinkReadsIsTheSinksOwn() {
        let others = ["log-to-chat", "log-to-chat-pushes", "log-to-web-pushes"]
        #expect(UnreadGroup.remedy("log-to-chat", among: others).contains("`group: log-to-chat`"))
        #expect(UnreadGroup.remedy("log-to-chat-pushes", among: others).contains("`group: log-to-chat`"))
        #expect(UnreadGroup.remedy("log-to-web-pushes", among: others).contains("`group: log-to-web-pushes`"))
    }

    @Test func aSinkWithADigestHasTwoGroupsOfItsOwn() throws {
        func problems(_ change: (inout ConfiguredSink) -> Void) -> [ConfigurationError.Problem] {
            var sink = ConfiguredSink("chat", SlackSink(webhook: Secret("https://x.example"), digest: true))
            change(&sink)
            return [sink].problems
        }
        #expect(problems { _ in }.isEmpty)
        #expect(problems { $0.group = String(repeating: "g", count: 57) }.isEmpty)
        #expect(problems { $0.group = String(repeating: "g", count: 58) }.map(\.field) == ["sinks.chat.group"])
        #expect(problems { $0.ordering = .perKey() }.map(\.field) == ["sinks.chat.ordering"])
        let first = ConfiguredSink("chat", SlackSink(webhook: Secret("https://x.example"), digest: true))
        let second = ConfiguredSink("chat-pushes", SlackSink(webhook: Secret("https://x.example")))
        #expect([first, second].problems.map(\.field) == ["sinks.chat-pushes.group"])
    }
}
