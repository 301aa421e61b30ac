import Foundation
import GatewayTestSupport
import Sluice
import SluicePrometheus
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// What Prometheus gets to see.
    struct MetricsTests {
        static let python = ProcessInfo.processInfo.environment["SLUICE_PYTHON"] ?? "python3"
        static let hasPromtool = toolSucceeds(["promtool", "--version"])
        static let hasPrometheus = toolSucceeds(["prometheus", "--version"])
        static let hasParser = toolSucceeds([python, "-c", "import prometheus_client.openmetrics.parser"])

        /// Events, an ignored webhook, a refused one, a poisoned message and retries: something of everything.
        static func makeTraffic(_ client: GatewayClient, _ grafana: FakeGrafana, _ slack: FakeSlack) async throws {
            let poison = StubCommit()
            let count = Mutex(0)
            slack.behave { request in
                if request.text.contains(poison.id) { return .status(400, body: "invalid_payload") }
                return count.withLock { count in
                    count += 1
                    return count % 5 == 1 ? .status(500) : .ordinary
                }
            }
            #expect(try await client.push((0..<10).map { _ in StubCommit() } + [poison]).status == 202)
            #expect(try await client.gitHub(Array("{}".utf8), event: "issues").status == 202)
            #expect(try await client.gitHub(Array("{".utf8)).status == 400)
            #expect(try await client.send("GET", "/nowhere", type: nil).status == 404)
            let deployment = DeploymentsTests.body()
            #expect(try await client.send("POST", "/webhooks/deployments", body: deployment).status == 202)
            try await eventually("both sinks") { grafana.annotations.count == 12 && slack.posts.count == 11 }
        }

        static func withTraffic(_ body: (GatewayClient) async throws -> Void) async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            try await withGateway(in: directory, grafana: grafana, slack: slack) { gateway in
                try await makeTraffic(gateway.client, grafana, slack)
                try await body(gateway.client)
            }
        }

        @Test(.enabled(if: hasPromtool, "needs promtool (Debian: prometheus)"))
        func promtoolHasNothingToSay() async throws {
            try await Self.withTraffic { client in
                let directory = try TemporaryDirectory()
                let verdict = try await runTool(
                    ["promtool", "check", "metrics"], input: try await client.scrape(), in: directory)
                #expect(verdict.status == 0)
                #expect(verdict.output == "")
            }
        }

        @Test(.enabled(if: hasParser, "needs prometheus-client (SLUICE_PYTHON names a python that has it)"))
        func theStrictParserOfOpenMetricsReadsEverySample() async throws {
            try await Self.withTraffic { client in
                let body = try await client.scrape(.openMetrics)
                let script = """
                    import sys
                    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
                    print(sum(len(f.samples) for f in parse(sys.stdin.buffer.read().decode("utf-8"))))
                    """
                let verdict = try await runTool([Self.python, "-c", script], input: body, in: try TemporaryDirectory())
                #expect(verdict.status == 0, "\(verdict.output)")
                let count = Exposition(body, format: .openMetrics).samples.count
                #expect(count > 500)
                #expect(verdict.output == "\(count)\n")
            }
        }

        @Test(arguments: [ExpositionFormat.text, .openMetrics])
        func ourCheckerFindsNothing(format: ExpositionFormat) async throws {
            try await Self.withTraffic { client in
                var checker = ExpositionChecker(format: format)
                let first = try await client.scrape(format)
                #expect(checker.check(first) == [])
                #expect(try await client.push([StubCommit()]).status == 202)
                let second = try await client.scrape(format)
                #expect(checker.check(second) == [])
            }
        }

        @Test(.enabled(if: hasPrometheus, "needs prometheus (Debian: prometheus)"))
        func aRealPrometheusScrapesIt() async throws {
            try await Self.withTraffic { client in
                let directory = try TemporaryDirectory()
                let prometheus = try PrometheusServer(in: directory) { _ in
                    """
                    global: {scrape_interval: 2s, scrape_timeout: 2s}
                    scrape_configs:
                    - {job_name: sluice, static_configs: [{targets: ["127.0.0.1:\(client.metricsPort)"]}]}
                    """
                }
                defer { prometheus.stop() }
                func value(_ query: String) async throws -> Double? { try await prometheus.value(query) }
                try await eventually("the target is up; Prometheus said: \(prometheus.log)") {
                    try await value("up{job=\"sluice\"}") == 1
                }
                // A scrape that a busy machine missed ends every series until the next.
                func eventual(_ query: String, _ expected: Double) async throws {
                    try await eventually("\(expected) for \(query)") { try await value(query) == expected }
                }
                try await eventual("count(sluice_unaccounted_messages)", 6)
                try await eventual("max(abs(sluice_unaccounted_messages))", 0)
                try await eventual("sum(sluice_deliveries_total{outcome=\"poisoned\"})", 1)
                try await eventual("sum(sluice_deployments_total{result=\"success\"})", 1)
                try await eventual("count(subscriber_messages_received_total)", 12)
                for query in [
                    "histogram_quantile(0.5, sum(sluice_event_age_seconds_bucket) by (le))",
                    "scrape_samples_scraped{job=\"sluice\"} > 500",
                ] {
                    try await eventually(query) { try await value(query) != nil }
                }
            }
        }

        @Test func whatIsKnownInAdvanceIsThereAt0BeforeAnyTraffic() async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            try await withGateway(in: directory, grafana: grafana, slack: slack) { gateway in
                let metrics = try await gateway.client.metrics()
                let routes = [
                    "github-to-log", "deployments-to-log", "log-to-grafana", "log-to-slack", "log-to-metrics",
                ]
                let outcomes = ["acked", "rejected", "poisoned", "discarded", "deduplicated"]
                func isZero(_ name: String, _ labels: [String: String], _ location: SourceLocation = #_sourceLocation) {
                    #expect(metrics.value(name, labels) == 0, "\(name) \(labels)", sourceLocation: location)
                }
                for route in routes {
                    let handler = ["handler_name": route]
                    isZero("sluice_messages_received_total", handler)
                    isZero("sluice_redeliveries_total", handler)
                    isZero("sluice_deliveries_in_flight", handler)
                    isZero("sluice_unaccounted_messages", handler)
                    for outcome in outcomes {
                        isZero("sluice_deliveries_total", handler.merging(["outcome": outcome]) { $1 })
                    }
                    for acked in ["acked", "nacked"] {
                        isZero("subscriber_messages_received_total", handler.merging(["acked": acked]) { $1 })
                    }
                    for stage in DeliveryStage.allCases {
                        isZero("sluice_delivery_stage_seconds_count", handler.merging(["stage": stage.rawValue]) { $1 })
                    }
                    for success in ["true", "false"] {
                        isZero("handler_execution_time_seconds_count", handler.merging(["success": success]) { $1 })
                    }
                    for result in ["success", "failure"] {
                        isZero(
                            "sluice_handler_attempt_duration_seconds_count", handler.merging(["result": result]) { $1 })
                    }
                }
                for route in routes.dropLast() {
                    isZero("sluice_messages_published_total", ["handler_name": route, "topic": "events"])
                    for success in ["true", "false"] {
                        isZero("publish_time_seconds_count", ["handler_name": route, "success": success])
                    }
                }
                for route in routes.dropFirst(2) {
                    let handler = ["handler_name": route]
                    isZero("sluice_poison_publish_failures_total", handler)
                    isZero("sluice_consumer_lag_messages", handler)
                    isZero("sluice_oldest_pending_timestamp_seconds", handler)
                    isZero("sluice_retry_backoff_seconds_count", handler)
                    #expect(metrics.value("sluice_retry_budget_remaining_ratio", handler) == 1)
                    for name in ["sluice_poisoned_total", "sluice_retries_total", "sluice_retries_exhausted_total"] {
                        #expect(
                            metrics.samples.contains { $0.name == name && $0["handler_name"] == route && $0.value == 0 }
                        )
                    }
                }
                for route in routes[2...3] {
                    for type in ["commitPushed", "commitDeployed", "deploymentFailed"] {
                        isZero("sluice_event_age_seconds_count", ["handler_name": route, "event_type": type])
                    }
                    for result in ["fresh", "duplicate", "in_progress"] {
                        isZero("sluice_dedup_checks_total", ["handler_name": route, "result": result])
                    }
                    isZero("sluice_event_clock_skew_total", ["handler_name": route])
                }
                isZero("sluice_throttle_wait_seconds_count", ["handler_name": "log-to-slack"])
                isZero("sluice_throttle_waiting", ["handler_name": "log-to-slack"])
                isZero("sluice_poison_queue_messages", ["topic": "poison"])
                isZero("sluice_poison_oldest_message_timestamp_seconds", ["topic": "poison"])
                for target in ["grafana", "slack"] {
                    isZero("sluice_http_client_requests_total", ["target": target, "code": "200"])
                    isZero("sluice_reconnects_total", ["component": target])
                    #expect(metrics.value("sluice_connection_up", ["component": target]) == 1)
                    isZero("sluice_http_client_request_duration_seconds_count", ["target": target])
                }
                for level in ["trace", "debug", "notice", "warning", "error", "critical"] {
                    #expect(metrics.value("sluice_log_lines_total", ["level": level]) != nil)
                }
                #expect(try #require(metrics.value("sluice_log_lines_total", ["level": "info"])) > 0)
                for path in ["/webhooks/github", "/webhooks/deployments", "/"] {
                    for code in ["202", "400", "401", "403", "413", "415", "503"] {
                        isZero("sluice_http_requests_total", ["route": path, "method": "POST", "code": code])
                    }
                    isZero("sluice_http_request_duration_seconds_count", ["route": path])
                }
                isZero("sluice_webhooks_ignored_total", ["event": "ping"])
                #expect(metrics.value("sluice_connection_up", ["component": "sqlite"]) == 1)
                #expect(metrics.value("sluice_build_info") == 1)
                #expect(metrics.samples.contains { $0.name == "process_resident_memory_bytes" && $0.value > 0 })
                // What depends on what is deployed, and on brokers and a collector that are not configured.
                let later = [
                    "sluice_kafka", "sluice_amqp", "sluice_deployments", "sluice_deployment_lead_time_seconds",
                    "sluice_last_deployment_timestamp_seconds", "sluice_change_failures",
                    "sluice_time_to_restore_seconds", "sluice_trace_", "sluice_change_lead_time", "sluice_deployment_",
                    "sluice_failed_deployment_recovery", "sluice_rollouts_failed", "sluice_commits_undeployed",
                    "sluice_alerts_left_out", "sluice_facts_left_out",
                ]
                let present = Set(metrics.families.filter { !$0.samples.isEmpty }.map(\.name))
                // An area of which nothing is there is that of a middleware that the gateway does not use.
                let used = Metric.coreAreas.filter { area in area.metrics.contains { present.contains($0.name) } }
                #expect(
                    Set(used.map(\.title)).isSuperset(of: [
                        "Watermill's", "Flow", "Time and attempts", "Destinations", "Limits of destinations",
                        "Circuit breakers", "Retry", "Throttle", "Poison", "Deduplication",
                    ]))
                let unused = Set(Metric.coreAreas.flatMap(\.metrics).map(\.name))
                    .subtracting(used.flatMap(\.metrics).map(\.name))
                for metric in Metric.catalogue where !present.contains(metric.name) && !unused.contains(metric.name) {
                    #expect(later.contains { metric.name.hasPrefix($0) }, "\(metric.name) has no series")
                }
            }
        }

        @Test(.timeLimit(.minutes(10)))
        func messagesAreConservedAtEveryScrapeWhileEverythingFails() async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            for sink in [grafana, slack] as [FakeSink] {
                sink.behave { _ in
                    switch Int.random(in: 0..<20) {
                    case 0: .status(500)
                    case 1: .reply(.fault(.close))
                    case 2: .take(.fault(.reset))
                    case 3: .status(400)
                    case 4: .reply(.status(503, delay: .milliseconds(20)))
                    default: .ordinary
                    }
                }
            }
            try await withGateway(
                in: directory, grafana: grafana, slack: slack, configure: { $0.pace.answerTimeout = .seconds(1) }
            ) { gateway in
                let client = gateway.client
                let isOver = Flag()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<4 {
                        group.addTask {
                            while !isOver.isUp {
                                _ = try? await client.push([StubCommit(), StubCommit()], repository: "octo/\(number)")
                                _ = try? await client.gitHub(Array("{\"commits\": [{}]}".utf8))
                            }
                        }
                    }
                    defer { isOver.raise() }
                    let end = ContinuousClock.now + .seconds(2)
                    var scrapes = 0
                    var checker = ExpositionChecker(format: .text)
                    while ContinuousClock.now < end || scrapes < 3 {
                        let body = try await client.scrape()
                        #expect(checker.check(body) == [])
                        expectConservation(Exposition(body, format: .text))
                        scrapes += 1
                    }
                }
                for sink in [grafana, slack] as [FakeSink] { sink.behave { _ in .ordinary } }
                for handler in ["log-to-grafana", "log-to-slack", "log-to-metrics"] {
                    try await eventually("\(handler) is through") {
                        try await client.metric(
                            "sluice_consumer_lag_messages", ["handler_name": handler]) == 0
                    }
                }
                let metrics = try await client.metrics()
                expectConservation(metrics)
                let events = try #require(
                    metrics.value("sluice_messages_published_total", ["handler_name": "github-to-log"]))
                #expect(events > 20)
                for (handler, sink) in [("log-to-grafana", "grafana"), ("log-to-slack", "slack")] {
                    func count(_ outcome: String) -> Double {
                        metrics.value("sluice_deliveries_total", ["handler_name": handler, "outcome": outcome]) ?? -1
                    }
                    // Every event is delivered or poisoned, whatever happened on the way.
                    #expect(count("acked") + count("poisoned") == events, "\(sink)")
                    #expect(metrics.value("sluice_deliveries_in_flight", ["handler_name": handler]) == 0)
                }
                print("conservation: \(Int(events)) events, every scrape in balance")
            }
        }

        private func expectConservation(_ metrics: Exposition, _ location: SourceLocation = #_sourceLocation) {
            var handlers = 0
            for sample in metrics.samples where sample.name == "sluice_unaccounted_messages" {
                guard let handler = sample["handler_name"] else { continue }
                handlers += 1
                #expect(sample.value == 0, "\(handler)", sourceLocation: location)
                let settled = metrics.samples.reduce(0.0) { sum, sample in
                    sample.name == "sluice_deliveries_total" && sample["handler_name"] == handler
                        ? sum + sample.value : sum
                }
                let received = metrics.value("sluice_messages_received_total", ["handler_name": handler]) ?? -1
                let inFlight = metrics.value("sluice_deliveries_in_flight", ["handler_name": handler]) ?? -1
                #expect(received == settled + inFlight, "\(handler)", sourceLocation: location)
            }
            #expect(handlers == 6, sourceLocation: location)
        }
    }
}
