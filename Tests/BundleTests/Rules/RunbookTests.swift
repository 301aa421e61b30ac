import DashboardModel
import Foundation
import GatewayTestSupport
import SluiceGateway
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

    /// The lines are read together with a file that has the sections already, as a person puts them there.
    @Test func everyAlertHasTheLineToWriteOrSaysThatNoneHelps() async throws {
        var lines: [(title: String, text: String)] = []
        for (title, body) in sections {
            let parts = body.components(separatedBy: "**In the file**")
            #expect(parts.count == 2, "\(title) does not say once what to write")
            guard let part = parts.last else { continue }
            if part.hasPrefix(" no line helps: ") {
                #expect(part.contains("`"), "\(title) names no command")
            } else {
                let block = part.components(separatedBy: "\n\n```yaml\n").dropFirst().first?.components(
                    separatedBy: "```\n")
                lines.append((title, try #require(block?.first, "\(title) has no block")))
            }
        }
        #expect(lines.count >= 15)
        let directory = try TemporaryDirectory()
        for name in ["slack", "grafana"] {
            try Data("https://\(name).example.org".utf8).write(to: URL(fileURLWithPath: "\(directory.path)/\(name)"))
        }
        let texts = lines.map { $0.text.replacing("${file:/run/secrets/", with: "${file:") }
        for (line, whole) in zip(lines, try await Self.merge(texts)) {
            let path = "\(directory.path)/sluice.yaml"
            try Data(whole.utf8).write(to: URL(fileURLWithPath: path))
            do {
                _ = try GatewayConfiguration(
                    file: path,
                    environment: ["GITHUB_WEBHOOK_SECRET": "of-github", "DEPLOYMENTS_TOKEN": "of-deployments"])
            } catch {
                Issue.record("\(line.title): \(error)\n\(line.text)")
            }
        }
    }

    /// Each text together with a configuration that has the runbook's sources and sinks.
    private static func merge(_ texts: [String]) async throws -> [String] {
        let script = """
            import json, sys, yaml
            base = yaml.safe_load(sys.argv[1])
            def merge(one, other):
                if not isinstance(one, dict) or not isinstance(other, dict): return other
                return {key: merge(one.get(key), other.get(key, one.get(key))) for key in {**one, **other}}
            print(json.dumps([json.dumps(merge(base, yaml.safe_load(text))) for text in json.load(sys.stdin)]))
            """
        let base = """
            sources:
              github: {kind: github, secret: "${GITHUB_WEBHOOK_SECRET}"}
              deployments: {kind: deployments, token: "${DEPLOYMENTS_TOKEN}"}
            sinks:
              slack: {kind: slack, webhook: "https://hooks.slack.com/services/T/B/x"}
              grafana: {kind: grafana, url: "https://grafana.example.org", token: of-grafana}
            """
        let merged = try await runTool(
            [RuleFiles.python, "-c", script, base], input: Array(JSONEncoder().encode(texts)),
            in: try TemporaryDirectory())
        return try JSONDecoder().decode([String].self, from: Data(merged.output.utf8))
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
        let names = "backup|check|consume|dashboards|diff|health|pause|publish|resume|rules|run|status|test|why"
        let expression = try Regex(
            #"sluice ((?:groups|log|poison|replay|report) [a-z]+|(?:groups|log|poison|replay|report|"# + names
                + #")\b)([^`|\n]*)"#, as: (Substring, Substring, Substring).self)
        let commands = text.matches(of: expression)
        #expect(commands.count >= 10)
        for command in commands {
            let name = String(command.output.1)
            let help = try await runTool(
                [program] + name.split(separator: " ").map(String.init) + ["--help"], in: try TemporaryDirectory())
            #expect(help.status == 0, "sluice \(name) does not exist")
            for option in command.output.2.matches(of: /--[a-z-]+/) {
                #expect(help.output.contains("\(option.output)"), "sluice \(name) has no \(option.output)")
            }
        }
    }
}
