import DashboardModel
import Foundation
import Sluice
import SluiceAMQP
import SluiceGateway
import SluiceKafka
import Testing

/// The dashboards of this repository.
@Suite struct DashboardTests {
    static let bundled = (try? Dashboard.bundled()) ?? []
    static let names = bundled.map(\.name)
    static let hasPromtool = (try? run(["promtool", "--version"]))?.status == 0
    static let python = ProcessInfo.processInfo.environment["SLUICE_PYTHON"] ?? "python3"
    static let hasSchema = (try? run([python, "-c", "import jsonschema"]))?.status == 0
    static let schemas = ProcessInfo.processInfo.environment["GRAFANA_SCHEMAS"].flatMap { $0.isEmpty ? nil : $0 }

    private func dashboard(_ name: String) throws -> Dashboard {
        try #require(Self.bundled.first { $0.name == name })
    }

    @Test func thereAreThree() {
        #expect(Self.names == ["deployments.json", "pipeline.json", "watermill.json"])
        #expect(Self.bundled.map(\.uid) == ["webhooks", "sluice-pipeline", "watermill"])
    }

    @Test(arguments: names)
    func theCheckFindsNothing(name: String) throws {
        let check = DashboardCheck(known: try KnownMetrics.bundled(), siblings: Self.bundled)
        for finding in check.findings(try dashboard(name)) { Issue.record("\(finding)") }
    }

    @Test(.enabled(if: hasPromtool, "needs promtool (Debian: prometheus)"), arguments: names)
    func prometheusParsesEveryQuery(name: String) throws {
        let dashboard = try dashboard(name)
        let expansion = VariableExpansion.all(dashboard)
        let queries = dashboard.panels.flatMap(\.targets).map { expansion.expand($0.expression) }
        #expect(queries.filter { $0.contains("$") } == [])
        let verdict = try promtool(queries)
        #expect(verdict.status == 0, "\(verdict.output)")
        #expect(try promtool(["rate(up[5m]", "up"]).status != 0)
    }

    /// Writes the queries as recording rules, which promtool reads.
    private func promtool(_ queries: [String]) throws -> (status: Int32, output: String) {
        let encoder = JSONEncoder()
        // YAML knows no escaped slash.
        encoder.outputFormatting = .withoutEscapingSlashes
        let rules = try queries.enumerated().map { index, query in
            let quoted = String(decoding: try encoder.encode(query), as: UTF8.self)
            return "- record: query:\(index)\n  expr: \(quoted)\n"
        }
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).yml")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(("groups:\n- name: queries\n  rules:\n  " + rules.joined().replacing("\n", with: "\n  ")).utf8)
            .write(to: file)
        return try run(["promtool", "check", "rules", file.path])
    }

    @Test(
        .enabled(if: schemas != nil, "needs Grafana's JSON Schemas (GRAFANA_SCHEMAS names their directory)"),
        .enabled(if: hasSchema, "needs jsonschema (SLUICE_PYTHON names a python that has it)"), arguments: names)
    func grafanasSchemasFindNothing(name: String) throws {
        let dashboard = try dashboard(name)
        let verdict = try validate(dashboard)
        #expect(verdict.status == 0, "\(verdict.output)")
        var broken = dashboard
        broken.json["panels"][0]["options"]["colorMode"] = "loud"
        #expect(try validate(broken).status != 0)
        broken = dashboard
        broken.json["panels"][0]["targets"][0]["expr"] = .null
        #expect(try validate(broken).status != 0)
        broken = dashboard
        broken.json["refresh"] = 30
        #expect(try validate(broken).status != 0)
    }

    private func validate(_ dashboard: Dashboard) throws -> (status: Int32, output: String) {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        try JSONEncoder().encode(dashboard.json).write(to: file)
        let script = Repository.root.appending(path: "dashboards/source/validate.py")
        return try run([Self.python, script.path, Self.schemas ?? "", file.path])
    }

    /// The JSON is written by a program, so that all panels of a kind look alike; it is not edited by hand.
    @Test func theFilesAreWhatTheirSourceSays() throws {
        let script = Repository.root.appending(path: "dashboards/source/build.py")
        let verdict = try run([Self.python, script.path, "--check"])
        #expect(verdict.status == 0, "\(verdict.output)")
    }

    @Test(arguments: [
        "Do retries help?", "Do retries make an outage worse?", "Which errors deserve a retry?",
        "Is the back-off too long?",
        "Is the throttle too low?", "Is the throttle too high?", "Where does the time go?",
        "Did a deployment cause it?",
        "Is the backlog draining?", "When will the backlog be empty?",
    ])
    func thePipelineAnswers(question: String) throws {
        let panels = try dashboard("pipeline.json").panels
        #expect(panels.contains { $0.title.hasPrefix(question) })
    }

    @Test func rowsFollowTheMessage() throws {
        let rows = try dashboard("pipeline.json").everything.filter { $0["type"] == "row" }.compactMap {
            $0["title"].text
        }
        #expect(
            rows == [
                "Ingest", "Queue", "Handlers", "Retry", "Throttle", "Poison", "Destinations", "Sinks", "Kafka",
                "RabbitMQ", "Configuration", "Journal", "Process",
            ])
    }

    /// What only some gateways have stands in a row of its own: elsewhere, a panel without data is a fault.
    @Test(arguments: [("Kafka", Metric.kafka.map(\.name)), ("RabbitMQ", Metric.amqp.map(\.name))])
    func whatABrokerAloneHasIsInItsRow(row: String, metrics own: [String]) throws {
        for panel in try dashboard("pipeline.json").panels {
            let metrics = try panel.targets.map { try PromQLExpression($0.expression).metrics }
            #expect(metrics.allSatisfy { $0.isSubset(of: own) == (panel.row == row) }, "\(panel.title)")
        }
    }

    @Test func theVariablesDefaultToTheDataSourceThatIsProvisioned() throws {
        let file = Repository.root.appending(path: "dashboards/provisioning/datasources/sluice.yml")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
            .map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(lines.contains("uid: prometheus") && lines.contains("isDefault: true"))
        for dashboard in Self.bundled {
            let source = dashboard.variables.first { $0.type == "datasource" }
            #expect(source?.json["current"]["value"] == "prometheus", "\(dashboard.name)")
        }
    }
}

/// Runs a program and waits for it. What it says goes through a file, which no pipe's buffer limits.
func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try Data().write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    let output = try FileHandle(forWritingTo: file)
    process.standardOutput = output
    process.standardError = output
    try process.run()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: try Data(contentsOf: file), as: UTF8.self))
}
