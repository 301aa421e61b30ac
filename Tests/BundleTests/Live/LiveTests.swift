import DashboardModel
import Foundation
import GatewayTestSupport
import Sluice
import SluiceAMQP
import SluiceGateway
import SluicePrometheus
import SluiceTestBrokers
import SluiceTesting
import Testing

/// The whole, live: gateways between fake sinks, a real Prometheus as it is shipped, and every query that is shipped.
@Suite(
    .serialized, .enabled(if: RuleFiles.hasPrometheus, "needs prometheus (Debian: prometheus)"),
    .enabled(if: RuleFiles.canReadYAML, "needs pyyaml (SLUICE_PYTHON names a python that has it)"))
struct LiveTests {
    /// Of the shortest windows: eight scrapes.
    static let window = "8s"

    @Test(.timeLimit(.minutes(10)))
    func everyQueryOfEveryPanelAndRuleReturnsData() async throws {
        try await Self.withGateways { load, other, targets in
            let directory = try TemporaryDirectory()
            let prometheus = try LivePrometheus.start(scraping: targets, in: directory)
            defer { prometheus.stop() }
            let check = QueryCheck(prometheus: prometheus, known: try .bundled(), start: Date())
            try await eventually("two scrapes; Prometheus said: \(prometheus.log)") {
                let scrapes = try await prometheus.value("min(sum_over_time(up{job=\"sluice\"}[1m]))") ?? 0
                let up = try await prometheus.value("sum(up{job=\"sluice\"})")
                return scrapes >= 2 && up == Double(targets.count)
            }
            // From the first scrapes on, before anything happened.
            for query in Self.watermill {
                #expect(try await !prometheus.query(query).isEmpty, "no data before any message: \(query)")
            }
            try await load.goWell()
            try await other.goWell()
            try await eventually("what went well is scraped") {
                try await prometheus.value("sum(subscriber_messages_received_total{acked=\"acked\"})") ?? 0 >= 12
            }
            // And before anything failed.
            for query in Self.watermill {
                try await eventually("an answer to \(query)") { await check.problems("Watermill", query).isEmpty }
            }

            try await load.failInEveryWay { query in
                try await eventually("a scrape sees \(query)") { try await prometheus.value(query) != nil }
            }
            try await Self.settle(load.client)
            try await Self.settle(other.client)
            // Two scrapes more, so that every rate has seen the last of it.
            let scrapes = "min(count_over_time(up{job=\"sluice\"}[10m]))"
            let seen = try #require(await prometheus.value(scrapes))
            try await eventually("two more scrapes") { try await prometheus.value(scrapes) ?? 0 >= seen + 3 }

            try await Self.checkDashboards(check)
            try await Self.checkRules(check)
            try await Self.checkExemplars(check)
            try await Self.checkFirstRelease(check)
        }
    }

    /// One gateway on the embedded log, one on Kafka that hears of deployments over RabbitMQ.
    private static func withGateways(
        _ body: (_ load: ScriptedLoad, _ other: ScriptedLoad, _ targets: [Int]) async throws -> Void
    ) async throws {
        let (directory, grafana, slack) = (try TemporaryDirectory(), try FakeGrafana(), try FakeSlack())
        try await withGateway(in: directory, grafana: grafana, slack: slack, configure: configure) { gateway in
            let load = ScriptedLoad(client: gateway.client, grafana: grafana, slack: slack)
            let (directory, grafana, slack) = (try TemporaryDirectory(), try FakeGrafana(), try FakeSlack())
            let kafka = try KafkaForTests()
            let amqp = try await RabbitMQBroker.shared()
            try await withGateway(in: directory, grafana: grafana, slack: slack) { configuration in
                configure(&configuration)
                kafka.use(in: &configuration)
                do {
                    var source = DeploymentsSource.AMQP(try AMQPConfiguration(uri: amqp.uri()))
                    source.queue = "deployments-\(UUID().uuidString)"
                    configuration.deployments.amqp = source
                } catch {
                    Issue.record(error)
                }
            } _: { second in
                let other = ScriptedLoad(client: second.client, grafana: grafana, slack: slack)
                try await body(load, other, [load.client.metricsPort, second.client.metricsPort])
            }
        }
    }

    private static func configure(_ configuration: inout GatewayConfiguration) {
        configuration.gitHub.secret = Secret("the-secret-of-the-tests")
        configuration.change("slack") { $0.throttle = Throttle(rate: 10) }
        configuration.pace.answerTimeout = .seconds(1)
        configuration.pace.verdicts.interval = .milliseconds(500)
        configuration.pace.verdicts.patience = .seconds(2)
        var simulator = GatewayConfiguration.Simulator()
        simulator.stagingDelay = .seconds(1)
        simulator.productionDelay = .seconds(2)
        configuration.simulator = simulator
    }

    private static func settle(_ client: GatewayClient) async throws {
        try await eventually("every route is through") {
            let metrics = try await client.metrics()
            let lag = metrics.samples.filter { $0.name == "sluice_consumer_lag_messages" }
            return !lag.isEmpty && lag.allSatisfy { $0.value == 0 }
        }
    }

    private static func checkDashboards(_ check: QueryCheck) async throws {
        let dashboards = try Dashboard.bundled()
        #expect(dashboards.count == 3)
        try await checkDashboards(dashboards, check)
    }

    /// What users of the first release have in their Grafana and Prometheus runs as it is.
    private static func checkFirstRelease(_ check: QueryCheck) async throws {
        let dashboards = try Repository.files(in: "Tests/FirstRelease", suffix: ".json").map(Dashboard.init)
        #expect(dashboards.count == 3)
        try await checkDashboards(dashboards, check)
        let (alerts, records) = try await RuleFiles.firstRelease()
        #expect(alerts.count == 15 && records.count == 10)
        // Its recording rules are this release's by name.
        let questions =
            records.map { QueryCheck.Question(name: $0.name, query: $0.expression, isInstant: true) }
            + alerts.map {
                QueryCheck.Question(name: $0.name, query: QueryCheck.answering($0.expression), isInstant: true)
            }
        let problems = try await check.lastingProblems(questions)
        #expect(problems.isEmpty, "\(problems.joined(separator: "\n"))")
    }

    private static func checkDashboards(_ dashboards: [Dashboard], _ check: QueryCheck) async throws {
        var questions: [QueryCheck.Question] = []
        var lists: [(name: String, query: String, label: String)] = []
        for dashboard in dashboards {
            let variables = VariableExpansion.all(dashboard, rateInterval: window, range: "2m")
            for panel in dashboard.panels {
                for target in panel.targets where !target.expression.isEmpty {
                    questions.append(
                        QueryCheck.Question(
                            name: "\(dashboard.title) › \(panel.title) \(target.refID)",
                            query: variables.expand(target.expression), isInstant: target.isInstant))
                }
            }
            for variable in dashboard.variables {
                guard let match = variable.query.wholeMatch(of: /label_values\((.+), *(\w+)\)/) else { continue }
                lists.append(
                    (
                        "\(dashboard.title): values for $\(variable.name)", variables.expand(String(match.output.1)),
                        String(match.output.2)
                    ))
            }
        }
        let problems = try await check.lastingProblems(questions)
        #expect(problems.isEmpty, "\(problems.joined(separator: "\n"))")
        for list in lists {
            try await eventually(list.name) {
                try await check.prometheus.query(list.query).contains { $0.labels[list.label] != nil }
            }
        }
        #expect(questions.count + lists.count > 80)
        print("live: \(questions.count + lists.count) queries of dashboards")
    }

    private static func checkRules(_ check: QueryCheck) async throws {
        let files = try await RuleFiles.shared
        let records = files.records.map { QueryCheck.Question(name: $0.name, query: $0.name, isInstant: true) }
        let alerts = files.alerts.map {
            QueryCheck.Question(name: $0.name, query: QueryCheck.answering($0.expression), isInstant: true)
        }
        var problems = try await check.lastingProblems(records + alerts)
        let known = try #require(try await check.prometheus.ask("rules") as? [String: Any])
        let rules = (known["groups"] as? [[String: Any]] ?? []).flatMap { $0["rules"] as? [[String: Any]] ?? [] }
        #expect(rules.count == files.alerts.count + files.records.count)
        for rule in rules where rule["health"] as? String != "ok" {
            problems.append("\(rule["name"] ?? ""): \(rule["health"] ?? "") \(rule["lastError"] ?? "")")
        }
        #expect(problems.isEmpty, "\(problems.joined(separator: "\n"))")
        // A message was poisoned, for a reason that is new; and nothing is lost.
        let firing = rules.filter { $0["state"] as? String == "firing" }.compactMap { $0["name"] as? String }
        #expect(firing.contains("SluiceMessagesPoisoned"))
        #expect(!firing.contains("SluiceUnaccountedMessages"))
        let reason = "increase(sluice_poisoned_total{reason=\"slack_invalid_payload\"}[10m])"
        #expect(try await check.prometheus.value(reason) ?? 0 > 0)
    }

    private static func checkExemplars(_ check: QueryCheck) async throws {
        for metric in ["handler_execution_time_seconds_bucket", "sluice_event_age_seconds_bucket"] {
            let answer = try await check.prometheus.ask(
                "query_exemplars",
                [
                    "query": metric, "start": "\(check.start.timeIntervalSince1970)",
                    "end": "\(Date().timeIntervalSince1970)",
                ])
            let series = try #require(answer as? [[String: Any]])
            let exemplars = series.flatMap { $0["exemplars"] as? [[String: Any]] ?? [] }
            #expect(!exemplars.isEmpty, "\(metric) has no exemplars")
            let labels = exemplars.compactMap { $0["labels"] as? [String: String] }
            #expect(labels.allSatisfy { $0["correlation_id"]?.isEmpty == false })
        }
    }

    /// Watermill's own dashboard asks like this.
    static let watermill = [
        "sum by (handler_name) (rate(subscriber_messages_received_total{instance=~\".+\", handler_name=~\".+\", acked=\"acked\"}[8s]))",
        "sum by (handler_name) (rate(subscriber_messages_received_total{instance=~\".+\", handler_name=~\".+\", acked=\"nacked\"}[8s]))",
        "sum by (instance, acked) (rate(subscriber_messages_received_total{instance=~\".+\"}[8s]))",
        "sum by (handler_name) (rate(subscriber_messages_received_total{acked=\"acked\"}[8s])) / sum by (handler_name) (rate(subscriber_messages_received_total[8s]))",
        "histogram_quantile(0.95, sum by (le, handler_name) (rate(handler_execution_time_seconds_bucket{instance=~\".+\", handler_name=~\".+\"}[8s])))",
        "histogram_quantile(0.5, sum by (le, instance) (rate(handler_execution_time_seconds_bucket{instance=~\".+\"}[8s])))",
        "sum by (handler_name) (rate(handler_execution_time_seconds_count{success=\"true\"}[8s])) / sum by (handler_name) (rate(handler_execution_time_seconds_count[8s]))",
        "sum by (handler_name) (rate(handler_execution_time_seconds_count{instance=~\".+\", success=\"false\"}[8s]))",
        "histogram_quantile(0.95, sum by (le, publisher_name) (rate(publish_time_seconds_bucket{instance=~\".+\", publisher_name=~\".+\"}[8s])))",
        "sum by (publisher_name) (rate(publish_time_seconds_count{instance=~\".+\", publisher_name=~\".+\", success=\"false\"}[8s])) / sum by (publisher_name) (rate(publish_time_seconds_count{instance=~\".+\", publisher_name=~\".+\"}[8s]))",
        "sum by (handler_name, publisher_name) (rate(publish_time_seconds_sum[8s])) / sum by (handler_name, publisher_name) (rate(publish_time_seconds_count[8s]))",
    ]
}

struct QueryCheckTests {
    @Test func aComparisonThatFiltersBecomesOneThatAnswers() {
        #expect(QueryCheck.answering("up{job=\"sluice\"} == 0") == "up{job=\"sluice\"} == bool 0")
        #expect(
            QueryCheck.answering("a{b!=\"c\"} > 1 and on (d) sum(e) <= 2 * f")
                == "a{b!=\"c\"} > bool 1 and on (d) sum(e) <= bool 2 * f")
    }
}
