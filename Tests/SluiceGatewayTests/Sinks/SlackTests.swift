import Foundation
import Sluice
import SluiceGateway
import Testing

struct SlackTests {
    private func push(_ message: String, author: String = "ann", url: String? = nil) -> Event {
        .commitPushed(
            CommitPushed(
                id: "abcd", message: message, author: author, occurredOn: Timestamp(millisecondsSince1970: 0),
                repository: "octo/hello", ref: "refs/heads/main", url: url))
    }

    private struct Body: Decodable {
        struct Text: Decodable {
            var type: String
            var text: String
            var verbatim: Bool
        }
        struct Block: Decodable {
            var type: String
            var text: Text?
            var elements: [Text]?
        }
        var text: String
        var blocks: [Block]
    }

    private func body(_ event: Event) throws -> Body {
        try JSONDecoder().decode(Body.self, from: Data(SlackMessage.body(for: event)))
    }

    /// Whether each ampersand begins one of the three entities. In bytes: a combining mark may follow one.
    private func hasOnlyEntities(_ text: String) -> Bool {
        Array(text.utf8).split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false).dropFirst().allSatisfy {
            $0.starts(with: "amp;".utf8) || $0.starts(with: "lt;".utf8) || $0.starts(with: "gt;".utf8)
        }
    }

    @Test func sendsTheSampleApplicationsTexts() throws {
        #expect(SlackMessage.text(of: push("Fix\nmore")) == ":rocket: Commit `abcd` *pushed* by ann: _Fix_")
        #expect(SlackMessage.text(of: push(" \n")) == ":rocket: Commit `abcd` *pushed* by ann")
        let deployed = Event.commitDeployed(
            Deployment(
                id: "abcd", env: "a&b", occurredOn: Timestamp(millisecondsSince1970: 0), service: "api"))
        let body = try body(deployed)
        #expect(body.text == ":heavy_check_mark: Commit `abcd` deployed to *a&amp;b*")
        #expect(body.blocks.map(\.type) == ["section", "context"])
        #expect(body.blocks[0].text?.text == body.text)
        #expect(body.blocks[1].elements?.map(\.text) == ["api"])
    }

    @Test func linksTheCommit() throws {
        let context = try body(push("m", url: "https://x.org/a?b=1&c=2")).blocks[1].elements?.first
        #expect(context?.text == "octo/hello · main · <https://x.org/a?b=1&amp;c=2|View commit>")
        #expect(context?.verbatim == true)
        #expect(try body(push("m", url: "https://x.org/|evil>")).blocks[1].elements?.first?.text == "octo/hello · main")
    }

    @Test(arguments: ["<!channel>", "<!here|x>", "<@U123>", "a & b < c > d", "&lt;!channel&gt;", "<\u{301}!channel>"])
    func letsNoTextMentionEverybody(text: String) throws {
        for event in [push(text), push("m", author: text)] {
            let body = try body(event)
            for text in [body.text] + body.blocks.compactMap(\.text?.text) {
                #expect(!text.unicodeScalars.contains("<") && !text.unicodeScalars.contains(">"))
                #expect(hasOnlyEntities(text))
            }
        }
    }

    @Test(arguments: ["&", "<", "🚀", "é", "x", "👨‍👩‍👧", "a&"])
    func cutsSectionsAtSlacksLimitBetweenCharacters(unit: String) throws {
        let message = String(repeating: unit, count: 5_000)
        let text = try #require(try body(push(message)).blocks[0].text?.text)
        #expect(text.utf16.count <= 3_000)
        #expect(text.utf16.count > 2_950)
        #expect(text.hasSuffix("…_"))
        #expect(hasOnlyEntities(text))
    }

    @Test(arguments: [
        "https://x.org/?" + String(repeating: "&", count: 1_900),
        "https://x.org/" + String(repeating: "a", count: 1_980),
        "https://x.org/?" + String(repeating: "a&", count: 300),
    ])
    func theContextFitsAfterEscaping(url: String) throws {
        let event = Event.commitPushed(
            CommitPushed(
                id: "abcd", message: "m", author: "a", occurredOn: Timestamp(millisecondsSince1970: 0),
                repository: String(repeating: "&", count: 255), ref: String(repeating: "<", count: 1_024), url: url))
        let context = try #require(try body(event).blocks[1].elements?.first).text
        #expect(context.utf16.count <= 3_000)
        #expect(hasOnlyEntities(context))
        // Half an address leads nowhere.
        #expect(context.contains("View commit") == (context.components(separatedBy: "|View commit>").count == 2))
    }

    @Test func showsATabAsASpace() throws {
        #expect(SlackMessage.text(of: push("Fix\tthe\tleak", author: "ann")).hasSuffix("by ann: _Fix the leak_"))
        #expect(ConsoleLine.text(of: push("Fix\tit")).hasSuffix(": Fix it"))
        #expect("a\tb\u{1B}".replacingUnsafeCharacters() == "a b\u{FFFD}")
    }

    @Test func cutsNothingThatFits() throws {
        let front = SlackMessage.text(of: push("x")).utf16.count - 1
        let message = String(repeating: "x", count: 3_000 - front)
        #expect(SlackMessage.text(of: push(message)).contains(message + "_"))
        #expect(SlackMessage.text(of: push(message + "x")).hasSuffix("x…_"))
    }
}
