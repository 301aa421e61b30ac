import Testing

@testable import SluiceGateway

/// What is wrong with a scenario is said where it is wrong.
struct ScenarioFaultsTests {
    private static let frame = ["sinks": "{chat: {}}", "arrivals": "at 0s", "expect": "{delivered: all}"]

    private func faults(_ parts: [String: String]) -> String {
        let text = Self.frame.merging(parts) { $1 }.sorted { $0.key < $1.key }.filter { !$0.value.isEmpty }
            .map { "\($0.key): \($0.value)" }.joined(separator: "\n")
        do {
            _ = try Scenario(text, path: "test.yaml")
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test(arguments: [
        (["sinks": ""], "the key sinks is missing: at least one"),
        (["arrivals": ""], "the key arrivals is missing: such as `every 1s for 10m`"),
        (["expect": ""], "the key expect is missing"),
        (["sinks": "{}"], "expected at least one sink"),
        (["sinks": "[chat]"], "expected a mapping whose keys are names, not a list"),
        (["sinks": "{chat: {kind: slak}}"], "expected grafana, slack or http"),
        (["arrivals": "[]"], "expected at least one arrival"),
        (["arrivals": "every 5s"], "`every` needs `for`: how long it goes on, as in"),
        (["arrivals": "every 5s per 10m"], "`every` needs `for`"),
        (["arrivals": "5 times"], "expected words such as `every 100ms for 10m`"),
        (["arrivals": "every 0s for 5m"], "expected words such as"),
        (["arrivals": "{every: 5s}"], "`every` needs `for`"),
        (["arrivals": "{for: 5s}"], "`for` needs `every`"),
        (["arrivals": "every 1ms for 1h"], "expected at most 200,000 events, not 3,600,000"),
        (["arrivals": "{burst: 1, every: 1ms, for: 999999d}"], "expected a duration such as"),
        (["arrivals": "{at: [1s, soon]}"], "expected a duration such as 5s, or a list of some"),
        (["arrivals": "{event: commitPulled}"], "expected commitPushed, commitDeployed or deploymentFailed"),
        (["expect": "{}"], "nothing is expected"),
        (["expect": "[]"], "expected at least one expectation"),
        (["expect": "{sink: chat}"], "nothing is expected"),
        (["expect": "{attempts: many}"], "expected a number: 100, at most 100, at least 100"),
        (["expect": "{attempts: 5 to 3}"], "expected a number: 100"),
        (["expect": "{waits: {p99: at most fast}}"], "expected a duration: 30s, at most 30s"),
        (["expect": "{delivered: some}"], "expected all, or a number: 100"),
        (["expect": "{order: strict}"], "expected kept, total or per_key"),
        (["expect": "{sink: chatt, attempts: 1}"], "there is no sink chatt: was chat meant?"),
        (["expect": "{destination: mail, attempts: 1}"], "no sink delivers to mail; there is chat"),
        (["expect": "{messages: 2, attempts: 1}"], "there is no message 2: 1 come"),
        (["expect": "{messages: 1-x, attempts: 1}"], "there is no message called 1-x"),
        (["expect": "{key: acme/web, attempts: 1}"], "no event of acme/web comes"),
        (["expect": "{by: 5s, attempts: 1}"], "`by` belongs to `delivered`"),
        (["expect": "{at: 5s, attempts: 1}"], "`at` belongs to `waiting`"),
        (["expect": "{from: 5s, delivered: all}"], "`from` and `to` belong to `attempts`"),
        (["expect": "{from: 5s, to: 1s, attempts: 1}"], "expected `to` to be later than `from`"),
        (["answers": "{mail: {}}"], "no sink delivers to mail"),
        (["answers": "{chat: {status: 99}}"], "expected a whole number, 200 to 599"),
        (["answers": "{chat: {latency: 5s to 1s}}"], "expected a duration such as 80ms, or two"),
        (["answers": "{chat: {when: {from: 1s}}}"], "expected a list of mappings"),
        (["answers": "{chat: {when: [{error: broken}]}}"], "expected connect_failed, dns_failed"),
        (["answers": "{chat: {when: [{from: 5s, to: 5s}]}}"], "expected `to` to be later than `from`"),
        (["answers": "{chat: {capacity: {rate: 5}}}"], "expected a rate such as 1/s"),
        (["seed": "-1"], "expected a whole number, from 0"),
        (["for": "0s"], "expected a duration such as 100ms, 5s, 5m or 1h, more than 0"),
        (["expectations": "{}"], "the key expectations is not known here: was expect meant?"),
        (["for": "5s", "arrivals": "at 5s"], "the last event comes at 5s, and the scenario ends at 5s: set `for`"),
        (["queue": "{kind: log}"], "queue: a scenario's queue is in memory"),
        (["arival": "at 1s"], "was arrivals meant?"),
    ])
    func saysWhatIsWrong(parts: [String: String], words: String) {
        let faults = faults(parts)
        #expect(faults.contains(words), "\(faults)")
        #expect(faults.hasPrefix("test.yaml:"))
        #expect(faults.contains("^"))
    }

    @Test func aBoundThatYAMLTakesForABlockIsExplained() {
        let text = "\(faults(["expect": "\n  attempts: >= 3"]))"
        #expect(text.contains("needs quotes, or words: at least 3"), "\(text)")
        let flow = "\(faults(["expect": "{attempts: >= 3}"]))"
        #expect(flow.contains("needs quotes, or words: at least 3"), "\(flow)")
    }

    @Test func anEmptyFileIsExplained() {
        for text in ["", "# nothing\n", "---\n"] {
            let faults = #expect(throws: FileFaults.self) { try Scenario(text, path: "test.yaml") }
            #expect(faults?.faults.map(\.text) == ["the file is empty: a scenario has sinks, arrivals and expect"])
        }
    }
}
