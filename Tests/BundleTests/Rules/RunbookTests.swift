import DashboardModel
import Foundation
import GatewayTestSupport
import Testing

/// The runbook names what exists.
@Suite(.enabled(if: RuleFiles.canReadYAML, "needs pyyaml (SLUICE_PYTHON names a python that has it)"))
struct RunbookTests {
    let files: RuleFiles
    let text: String

    init() async throws {
        files = try await RuleFiles.shared
        text = try String(contentsOf: RuleFiles.directory.appending(path: "RUNBOOK.md"), encoding: .utf8)
    }

    /// The sections of the third level: the heading and what stands under it.
    private var sections: [(title: String, body: String)] {
        text.components(separatedBy: "\n### ").dropFirst().map { section in
            let lines = section.split(separator: "\n", maxSplits: 1)
            let body = lines.count > 1 ? String(lines[1]) : ""
            return (lines.first.map(String.init) ?? "", body.components(separatedBy: "\n## ")[0])
        }
    }

    @Test func everyAlertHasASectionAndEverySectionAnAlert() {
        let titles = sections.map(\.title)
        #expect(Set(titles).count == titles.count)
        #expect(Set(titles) == Set(files.alerts.map(\.name)))
        for (title, body) in sections {
            for part in ["**Means**", "**How bad**", "**Confirm**", "**Do**"] {
                #expect(body.contains(part), "\(title) does not say \(part)")
            }
        }
    }

    @Test func theSeverityIsTheOneOfTheAlert() {
        for alert in files.alerts {
            let body = sections.first { $0.title == alert.name }?.body ?? ""
            let severity = (alert.json["labels"]["severity"].text ?? "").capitalized
            #expect(body.contains("**How bad** \(severity)"), "\(alert.name)")
        }
    }

    @Test func everyLinkInsideLeadsSomewhere() {
        let anchors = Set(sections.map { $0.title.lowercased() })
        for link in text.matches(of: /\]\(#([^)]*)\)/) {
            #expect(anchors.contains(String(link.output.1)), "#\(link.output.1)")
        }
    }

    @Test func everyPanelItNamesExists() throws {
        let panels = Set(
            try Dashboard.bundled().flatMap { board in board.panels.map { "\(board.title) › \($0.title)" } })
        let flat = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let named = flat.matches(of: /\*\*(\w+ › [^*]+)\*\*/).map { String($0.output.1) }.filter { !$0.hasSuffix("…") }
        #expect(named.count > 20)
        for name in named { #expect(panels.contains(name), "no panel \(name)") }
        // Every section leads to a panel.
        for (title, body) in sections { #expect(body.contains(" › "), "\(title) names no panel") }
    }

    @Test func everyQueryNamesOnlyWhatExists() throws {
        let known = try KnownMetrics.bundled()
        let flat = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let queries = flat.matches(of: /`([^`]*)`/).map { String($0.output.1) }.filter { quoted in
            quoted.contains("sluice_") || quoted.hasPrefix("up{")
        }
        #expect(queries.count > 10)
        for query in queries {
            let expression = try PromQLExpression(query)
            for (selector, _) in expression.selectors {
                let metric = try #require(selector.metric)
                #expect(known.contains(metric), "\(query)")
                for matcher in selector.matchers {
                    #expect(known.labels(of: metric)?.contains(matcher.label) ?? true, "\(query)")
                }
            }
        }
    }

    @Test(.enabled(if: SluiceProcess.executable != nil, "needs the program"))
    func everyCommandAndOptionOfTheProgramExists() async throws {
        let program = try #require(SluiceProcess.executable).path
        let commands = text.matches(of: /sluice (consume|publish|health|run|rules|dashboards)\b([^`|\n]*)/)
        #expect(commands.count >= 3)
        for command in commands {
            let name = String(command.output.1)
            let help = try await runTool([program, name, "--help"], in: try TemporaryDirectory())
            #expect(help.status == 0, "sluice \(name) does not exist")
            for option in command.output.2.matches(of: /--[a-z-]+/) {
                #expect(help.output.contains("\(option.output)"), "sluice \(name) has no \(option.output)")
            }
        }
    }
}
