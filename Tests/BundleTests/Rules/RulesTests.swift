import DashboardModel
import Foundation
import GatewayTestSupport
import Testing

/// Prometheus's configuration, the rules, and their own tests.
@Suite(.enabled(if: RuleFiles.canReadYAML, "needs pyyaml (SLUICE_PYTHON names a python that has it)"))
struct RulesTests {
    let files: RuleFiles

    init() async throws {
        files = try await RuleFiles.shared
    }

    private func promtool(_ arguments: [String]) async throws -> (status: Int32, output: String) {
        // It collects garbage for half of its time otherwise.
        try await runTool(["GOGC=800", "promtool"] + arguments, in: try TemporaryDirectory())
    }

    private func path(_ name: String) -> String { RuleFiles.directory.appending(path: name).path }

    @Test(.enabled(if: RuleFiles.hasPromtool, "needs promtool (Debian: prometheus)"))
    func promtoolAcceptsTheConfigurationAndTheRules() async throws {
        let configuration = try await promtool(["check", "config", "--lint-fatal", path("prometheus.yml")])
        #expect(configuration.status == 0, "\(configuration.output)")
        let rules = RuleFiles.rules(of: files.configuration)
        #expect(rules.count >= 2)
        let check = try await promtool(["check", "rules", "--lint-fatal"] + rules.map(path))
        #expect(check.status == 0, "\(check.output)")
    }

    @Test(.enabled(if: RuleFiles.hasPromtool, "needs promtool (Debian: prometheus)"))
    func theUnitTestsOfTheRulesPass() async throws {
        let tests = try RuleFiles.tests.map(\.path)
        #expect(tests.count >= 2)
        let verdict = try await promtool(["test", "rules"] + tests)
        #expect(verdict.status == 0, "\(verdict.output)")
    }

    @Test func everyAlertFiresInOneTestAndOnlyNearlyDoesInAnother() throws {
        #expect(files.alerts.count >= 11)
        for alert in files.alerts {
            let own = Dictionary(grouping: files.cases.filter { $0.alert == alert.name }, by: \.test)
            #expect(own.values.contains { $0.contains { !$0.expected.isEmpty } }, "\(alert.name) fires nowhere")
            let silent = own.values.filter { $0.allSatisfy(\.expected.isEmpty) }
            #expect(!silent.isEmpty, "\(alert.name) is silent nowhere")
            // Silence means something only where the alert looks at something.
            let metrics = try self.metrics(behind: alert.expression)
            for cases in silent {
                let given = Set(cases.flatMap(\.input).map { String($0.series.prefix { $0 != "{" }) })
                #expect(!given.isDisjoint(with: metrics), "\(alert.name) is silent for want of series")
            }
        }
        let known = Set(files.alerts.map(\.name))
        for name in files.cases.map(\.alert) { #expect(known.contains(name), "\(name) is tested and does not exist") }
    }

    @Test func everyRecordingRuleIsUsedAndTested() throws {
        #expect(!files.records.isEmpty)
        let dashboards = try Dashboard.bundled().flatMap(\.panels).flatMap(\.targets).map(\.expression)
        for record in files.records {
            let users = files.alerts.map(\.expression) + dashboards + files.records.map(\.expression)
            #expect(users.contains { $0.contains(record.name) }, "\(record.name) is used by nothing")
            #expect(files.recordQueries.contains { $0.contains(record.name) }, "\(record.name) has no test")
            #expect(record.name.split(separator: ":").count == 3, "\(record.name) is not level:metric:operations")
        }
    }

    @Test func theRulesNameOnlyMetricsAndLabelsThatExist() throws {
        let known = try KnownMetrics.bundled()
        for (name, text) in files.alerts.map({ ($0.name, $0.expression) }) + files.records {
            let expression = try PromQLExpression(text)
            #expect(!expression.metrics.isEmpty || text == "vector(0.999)", "\(name) asks for nothing")
            for (selector, _) in expression.selectors {
                let metric = try #require(selector.metric, "\(name)")
                #expect(known.contains(metric), "\(name) names \(metric)")
                guard let labels = known.labels(of: metric) else { continue }
                for matcher in selector.matchers {
                    #expect(labels.contains(matcher.label), "\(name): \(metric) has no label \(matcher.label)")
                }
            }
        }
    }

    @Test func everyAlertSaysWhatHasToBeSaid() throws {
        for alert in files.alerts {
            let name = alert.name
            #expect(name.hasPrefix("Sluice"))
            #expect(alert.json["for"].text != nil, "\(name) has no `for`")
            #expect(["critical", "warning"].contains(alert.json["labels"]["severity"].text), "\(name)")
            let annotations = alert.json["annotations"]
            for word in ["summary", "description"] {
                #expect(annotations[word].text?.isEmpty == false, "\(name) has no \(word)")
            }
            #expect(annotations["description"].text?.contains("{{ $") == true, "\(name) tells no figures")
            #expect(annotations["runbook_url"].text?.hasSuffix("/prometheus/RUNBOOK.md#\(name.lowercased())") == true)
        }
        #expect(Set(files.alerts.map(\.name)).count == files.alerts.count)
    }

    /// The metrics of an expression, and of the recording rules that it names.
    private func metrics(behind text: String) throws -> Set<String> {
        let metrics = try PromQLExpression(text).metrics
        return try files.records.filter { metrics.contains($0.name) }
            .reduce(into: metrics) { $0.formUnion(try PromQLExpression($1.expression).metrics) }
    }
}
