import GatewayTestSupport
import Sluice
import Testing

@testable import SluiceGateway

/// Which events a sink gets.
struct EventFilterTests {
    private static let time = Timestamp(millisecondsSince1970: 1_700_000_000_000)

    private static func push(_ repository: String? = "acme/web", ref: String? = "refs/heads/main") -> Event {
        .commitPushed(
            CommitPushed(
                id: "abcd", message: "", author: "", occurredOn: time, repository: repository, ref: ref))
    }

    private static func deployment(
        _ environment: String = "production", service: String? = "web-shop", repository: String? = nil
    ) -> Deployment {
        Deployment(id: "abcd", env: environment, occurredOn: time, service: service, repository: repository)
    }

    private static let deployed = Event.commitDeployed(deployment())
    private static let failed = Event.deploymentFailed(deployment(repository: "acme/web"))

    private static func only(_ text: String) throws -> EventFilter {
        let file = try FileForTests(
            "sinks:\n  chat:\n    kind: slack\n    webhook: https://x.example\n    only: \(text)\n")
        return try #require(try file.read().sinks.first?.only)
    }

    @Test(arguments: [
        ("[{event: [commitPushed]}]", push(), true), ("[{event: commitPushed}]", push(), true),
        ("[{event: [commitPushed]}]", deployed, false),
        ("[{event: [commitDeployed, deploymentFailed]}]", failed, true),
        ("[{repository: [acme/web]}]", push(), true), ("[{repository: [acme/web]}]", push("acme/web2"), false),
        ("[{repository: [\"acme/*\"]}]", push(), true), ("[{repository: [\"acme/*\"]}]", failed, true),
        ("[{repository: [\"acme/*\"]}]", push(nil), false), ("[{repository: [\"*\"]}]", push(), false),
        ("[{repository: [\"*/*\"]}]", push(), true), ("[{repository: [\"acme/*\"]}]", push("acme/a/b"), false),
        ("[{branch: [main]}]", push(), true), ("[{branch: [main]}]", push(ref: "refs/tags/main"), false),
        ("[{branch: [main]}]", push(ref: nil), false),
        ("[{branch: [\"*\"]}]", push(ref: "refs/heads/feature/x"), false),
        ("[{branch: [\"*/*\"]}]", push(ref: "refs/heads/feature/x"), true), ("[{branch: [main]}]", deployed, false),
        ("[{environment: [production]}]", deployed, true), ("[{environment: [\"prod*\", staging]}]", failed, true),
        ("[{environment: [staging]}]", deployed, false), ("[{environment: [\"*\"]}]", push(), false),
        ("[{service: [\"web-*\"]}]", deployed, true), ("[{service: [\"web-*\"]}]", push(), false),
        ("[{service: [\"*\"]}]", .commitDeployed(deployment(service: nil)), false),
        // Everything of an entry, and one of the entries.
        ("[{repository: [\"acme/*\"], branch: [main, next]}]", push(), true),
        ("[{repository: [\"other/*\"], branch: [main]}]", push(), false),
        ("[{branch: [next]}, {environment: [production]}]", push(), false),
        ("[{branch: [next]}, {environment: [production]}]", deployed, true),
        ("[{branch: [next]}, {repository: [acme/web]}]", push(), true),
    ])
    func matchesWhatItSays(text: String, event: Event, isWanted: Bool) throws {
        #expect(try Self.only(text).matches(event) == isWanted)
    }

    @Test(arguments: [
        ("", "", true), ("", "a", false), ("*", "", true), ("*", "abc", true), ("*", "a/c", false), ("a*", "a", true),
        ("*c", "abc", true), ("a*c", "abbbc", true), ("a*c", "ab", false), ("a*/*d", "abc/cd", true),
        ("**", "ab", true), ("**", "a/b", false), ("a*b*c", "a1b2b3c", true), ("a*b*c", "acb", false),
        ("*/*", "a/b", true), ("*/*", "a", false), ("a*/", "a/b", false), ("web-*", "web-", true), ("?", "a", false),
        ("[a]", "a", false), ("a.c", "abc", false), ("*é", "café", true), ("*", "\u{1F600}", true),
    ])
    func aStarStandsForAnythingButASlash(pattern: String, text: String, matches: Bool) {
        #expect(TextPattern(pattern).matches(text) == matches)
    }

    /// What a backtracking matcher would take years for: the steps are at most those of the lengths multiplied.
    @Test func noPatternTakesManySteps() {
        let text = String(repeating: "a", count: 255)
        for pattern in [
            String(repeating: "a*", count: 126) + "b", String(repeating: "*a", count: 126) + "*b",
            String(repeating: "*", count: 255), "*" + String(repeating: "a", count: 200) + "b",
        ] {
            var steps = 0
            _ = TextPattern(pattern).matches(text, steps: &steps)
            #expect(steps > 0 && steps <= (pattern.utf8.count + 1) * (text.utf8.count + 1), "\(pattern): \(steps)")
        }
    }

    /// Each pattern against each text, as a slow and plain matcher has it.
    @Test func agreesWithAPlainMatcher() {
        let letters = ["a", "b", "/", "*"]
        func words(_ length: Int, _ letters: [String]) -> [String] {
            length == 0 ? [""] : words(length - 1, letters).flatMap { word in letters.map { word + $0 } }
        }
        func plain(_ pattern: Substring, _ text: Substring) -> Bool {
            guard let first = pattern.first else { return text.isEmpty }
            if first == "*" {
                if plain(pattern.dropFirst(), text) { return true }
                return text.first.map { $0 != "/" && plain(pattern, text.dropFirst()) } ?? false
            }
            return text.first == first && plain(pattern.dropFirst(), text.dropFirst())
        }
        let texts = (0...4).flatMap { words($0, Array(letters.prefix(3))) }
        for pattern in (0...4).flatMap({ words($0, letters) }) {
            for text in texts where TextPattern(pattern).matches(text) != plain(pattern[...], text[...]) {
                Issue.record("\(pattern) and \(text)")
            }
        }
    }
}
