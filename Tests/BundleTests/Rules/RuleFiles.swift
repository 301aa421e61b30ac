import DashboardModel
import Foundation
import GatewayTestSupport

/// The files of `prometheus/`, read once for all tests.
struct RuleFiles: Sendable {
    struct Alert: Sendable {
        let name: String
        let expression: String
        let json: JSONValue
    }

    /// A case of `promtool test rules` for an alert: at one time, with what is expected then.
    struct AlertCase: Sendable {
        let test: String
        let alert: String
        let expected: [JSONValue]
        /// The series of the whole test, as they are given.
        let input: [(series: String, values: String)]
    }

    static let directory = Repository.root.appending(path: "prometheus")
    static let python = ProcessInfo.processInfo.environment["SLUICE_PYTHON"] ?? "python3"
    static let canReadYAML = toolSucceeds([python, "-c", "import yaml"])
    static let hasPromtool = toolSucceeds(["promtool", "--version"])
    static let hasPrometheus = toolSucceeds(["prometheus", "--version"])

    let configuration: JSONValue
    let alerts: [Alert]
    /// Recording rules: the name and the expression.
    let records: [(name: String, expression: String)]
    let cases: [AlertCase]
    /// What the tests of recording rules ask for.
    let recordQueries: [String]

    /// The rules alone, in the order of the configuration.
    static func rules(of configuration: JSONValue) -> [String] {
        configuration["rule_files"].elements.compactMap(\.text)
    }

    static var shared: RuleFiles {
        get async throws { try await reading.value }
    }

    private static let reading = Task { try await RuleFiles() }

    private init() async throws {
        configuration = try await Self.yaml(["prometheus.yml"])[0]
        (alerts, records) = Self.rules(in: try await Self.yaml(Self.rules(of: configuration)))
        let tests = try await Self.yaml(Self.tests.map { "tests/\($0.lastPathComponent)" })
            .flatMap { $0["tests"].elements }
        cases = tests.flatMap { test in
            let input = test["input_series"].elements.map { ($0["series"].text ?? "", $0["values"].text ?? "") }
            return test["alert_rule_test"].elements.map { one in
                AlertCase(
                    test: test["name"].text ?? "", alert: one["alertname"].text ?? "",
                    expected: one["exp_alerts"].elements, input: input)
            }
        }
        recordQueries = tests.flatMap { $0["promql_expr_test"].elements }.compactMap { $0["expr"].text }
    }

    /// The files of unit tests.
    static var tests: [URL] {
        get throws { try Repository.files(in: "prometheus/tests", suffix: ".yml") }
    }

    /// The first release's, whose users have them in their Prometheus still.
    static func firstRelease() async throws -> (alerts: [Alert], records: [(name: String, expression: String)]) {
        let files = try Repository.files(in: "Tests/FirstRelease", suffix: ".yml")
        return rules(in: try await yaml(files.map { "../Tests/FirstRelease/\($0.lastPathComponent)" }))
    }

    private static func rules(in files: [JSONValue]) -> ([Alert], [(name: String, expression: String)]) {
        let rules = files.flatMap { $0["groups"].elements }.flatMap { $0["rules"].elements }
        let alerts = rules.compactMap { rule in
            rule["alert"].text.map { Alert(name: $0, expression: rule["expr"].text ?? "", json: rule) }
        }
        return (alerts, rules.compactMap { rule in rule["record"].text.map { ($0, rule["expr"].text ?? "") } })
    }

    private static func yaml(_ files: [String]) async throws -> [JSONValue] {
        let script = "import json, sys, yaml; print(json.dumps([yaml.safe_load(open(file)) for file in sys.argv[1:]]))"
        let read = try await runTool(
            [python, "-c", script] + files.map { directory.appending(path: $0).path }, in: try TemporaryDirectory())
        return try JSONValue(Data(read.output.utf8)).elements
    }
}
