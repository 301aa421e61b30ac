import CRDKafka
import Foundation
import GRDB
import GatewayTestSupport
import Sluice
import SluiceKafka
import SluicePrometheus
import SluiceSQLite
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// Facts, from what tells them to the ledger.
    struct FactsTests {
        private static let branch = """
            {"ref":"refs/heads/new","before":"0000000000000000000000000000000000000000",
             "after":"9400f1b21cb527d7fa3d3eabba93557a18ebe7a2","deleted":false,"created":true,"forced":false,
             "repository":{"name":"hello","full_name":"octo/hello"},"commits":[]}
            """

        private func ledger(_ directory: TemporaryDirectory) -> FactStore {
            FactStore(path: directory.path + "/data/deployments.sqlite")
        }

        private func incident(_ id: String, _ more: String) -> [UInt8] {
            Array(#"{"id":"\#(id)","service":"hello",\#(more)}"#.utf8)
        }

        /// Sends each kind of fact once: a push of two commits, one of none, a deployment, an incident.
        private func sendAll(_ client: GatewayClient, deployment: Int = 7) async throws {
            var commits = [StubCommit(), StubCommit()]
            for index in commits.indices { commits[index].time = RFC3339.format(.now()) }
            #expect(try await client.push(commits).status == 202)
            #expect(try await client.gitHub(Array(Self.branch.utf8)).status == 202)
            let deployed =
                #"{"commit_id":"\#(commits[1].id)","env":"production","timestamp":"\#(RFC3339.format(.now()))","service":"hello","id":\#(deployment)}"#
            #expect(try await client.send("POST", "/webhooks/deployments", body: Array(deployed.utf8)).status == 202)
            let opened = #""opened":"\#(RFC3339.format(.now()))""#
            #expect(try await client.send("POST", "/webhooks/incidents", body: incident("i", opened)).status == 202)
        }

        private func check(_ facts: [Fact]) {
            #expect(Fact.Kind.allCases.map { kind in facts.count { $0.kind == kind } } == [2, 1, 1], "\(facts)")
            for case .push(let push) in facts {
                #expect(push.isLinked && push.isComplete && (push.commits.count == 2 || push.before == nil))
            }
            for case .deployment(let deployment) in facts { #expect(deployment.id == "7" && deployment.succeeded) }
        }

        private func addIncidents(_ configuration: inout GatewayConfiguration) {
            configuration.sources.append(ConfiguredSource("incidents", IncidentsSource()))
        }

        @Test(.timeLimit(.minutes(10)), arguments: [false, true])
        func whatIsToldIsInTheLedgerOnceAlsoWhenItIsMadeAgain(_ onKafka: Bool) async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let kafka = onKafka ? try KafkaForTests(realGroups: true) : nil
            func run(_ body: (RunningGateway) async throws -> Void) async throws {
                try await withGateway(in: directory, grafana: grafana) {
                    kafka?.use(in: &$0)
                    addIncidents(&$0)
                } _: { gateway in
                    try await body(gateway)
                }
            }
            try await run { gateway in
                try await sendAll(gateway.client)
                try await eventually("all of it in the ledger, counted once") {
                    let counted = try await gateway.client.metric(
                        "sluice_deployments_total",
                        ["service": "hello", "environment": "production", "result": "success"])
                    return try ledger(directory).facts().count == 4 && counted == 1
                }
                check(try ledger(directory).facts())
                // Sinks are told what they always were: two commits, one deployment.
                try await eventually("the sink has them") { grafana.annotations.count == 3 }
                let metrics = try await gateway.client.metrics()
                let facts = kafka.map { "\($0.topic)-facts" } ?? "facts"
                func published(_ route: String, _ topic: String) -> Double? {
                    metrics.value("sluice_messages_published_total", ["handler_name": route, "topic": topic])
                }
                #expect(published("github-to-log", facts) == 2 && published("incidents-to-log", facts) == 1)
                #expect(published("github-to-log", kafka?.topic ?? "events") == 2)
                #expect(try await gateway.client.ready().status == 200)
            }
            let before = try ledger(directory).facts()
            let path = directory.path + "/data/deployments.sqlite"
            for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
            try await run { gateway in
                try await eventually("all of it in the ledger again") {
                    (try? ledger(directory).facts()) == before
                }
                try await sendAll(gateway.client, deployment: 8)
                try await eventually("what came since, too") { try ledger(directory).facts().count == 6 }
            }
        }

        /// A webhook is one commit: there is no event without its fact.
        @Test func eventsAndTheirFactAreOnTheLogTogether() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            try await withGateway(in: directory, grafana: grafana) { gateway in
                let answer = try await gateway.client.push([StubCommit(), StubCommit()])
                #expect(answer.status == 202)
            }
            let log = SQLiteLogView(path: directory.path + "/data/events.sqlite")
            let (events, facts) = (try log.messages(in: "events"), try log.messages(in: "facts"))
            #expect(events.count == 2 && facts.count == 1)
            #expect(Set((events + facts).map(\.timestamp)).count == 1)
            #expect(events.allSatisfy { $0.message.metadata[Fact.typeKey] == nil })
            let correlation = CorrelationID().name
            #expect(facts.first?.message.metadata[correlation] == events.first?.message.metadata[correlation])
            #expect(facts.first?.key == events.first?.key)
        }

        @Test func factsOfKindsThatAreNotKnownArePassedOverAndCounted() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            try await withGateway(in: directory, grafana: grafana) { gateway in
                try await eventually("the ledger") {
                    FileManager.default.fileExists(atPath: directory.path + "/data/deployments.sqlite")
                }
                let log = try SQLiteLog.open(.init(path: directory.path + "/data/events.sqlite"))
                func message(_ type: String?, _ payload: String = "{}") -> Message {
                    var message = Message(payload: Array(payload.utf8))
                    message.metadata[Fact.typeKey] = type
                    return message
                }
                let good = Fact.push(FactFixtures.push(1...1, at: 1)).message()
                try await log.publisher().publish(
                    [message("merge"), message("push"), message(nil), good, message("odd word")], to: "facts")
                await log.close()
                try await eventually("each is counted, and the one that is known is in the ledger") {
                    let metrics = try await gateway.client.metrics()
                    func unknown(_ type: String) -> Double? {
                        metrics.value(
                            "sluice_unknown_facts_total", ["handler_name": "facts-to-ledger", "fact_type": type])
                    }
                    return try ledger(directory).facts().count == 1 && unknown("merge") == 1
                        && unknown("malformed") == 1 && unknown("other") == 2
                }
            }
        }

        /// A person makes the topics, and has made those of the release before; or has not permitted the new one.
        @Test(
            .timeLimit(.minutes(10)),
            arguments: [RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED])
        func withoutItsTopicWebhooksAreTakenAndItIsSaid(_ error: rd_kafka_resp_err_t) async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let kafka = try KafkaForTests(realGroups: true)
            let mock = try kafka.faults()
            let facts = "\(kafka.topic)-facts"
            mock.setTopicError(facts, error)
            for name in [kafka.topic, "\(kafka.topic)-poison"] { try mock.createTopic(name) }
            try await withGateway(in: directory, grafana: grafana) {
                kafka.use(in: &$0)
                $0.kafka?.createsTopics = false
            } _: { gateway in
                let commit = StubCommit()
                #expect(try await gateway.client.push([commit]).status == 202)
                try await eventually("the sink has it") { grafana.annotations.count == 1 }
                let ready = try await gateway.client.ready()
                #expect(ready.status == 200 && ready.text.contains("facts are not kept"), "\(ready.text)")
                if error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART {
                    #expect(ready.text.contains("kafka-topics.sh --create --topic \(facts)"), "\(ready.text)")
                }
                #expect(
                    try await gateway.client.metric("sluice_facts_left_out_total", ["topic": facts]) == 1)
                try await eventually("the event is a fact without a link") {
                    guard case .push(let push) = try ledger(directory).facts().first else { return false }
                    return push.commits.map(\.id) == [commit.id] && !push.isLinked
                }
                mock.setTopicError(facts, RD_KAFKA_RESP_ERR_NO_ERROR)
                try await eventually("the note is gone") {
                    try await !gateway.client.ready().text.contains("facts are not kept")
                }
                #expect(try await gateway.client.push([StubCommit()]).status == 202)
                try await eventually("facts are kept from now on") {
                    try ledger(directory).facts().contains {
                        if case .push(let push) = $0 { push.isLinked } else { false }
                    }
                }
            }
        }

        /// Two gateways: each has a ledger of its own, with everything in it.
        @Test(.timeLimit(.minutes(10)))
        func eachGatewayOnKafkaKnowsAllFacts() async throws {
            let grafana = try FakeGrafana()
            let directories = [try TemporaryDirectory(), try TemporaryDirectory()]
            let kafka = try KafkaForTests(realGroups: true)
            try await withGateway(in: directories[0], grafana: grafana) {
                kafka.use(in: &$0)
                addIncidents(&$0)
            } _: { one in
                try await sendAll(one.client)
                try await withGateway(in: directories[1], grafana: grafana) {
                    kafka.use(in: &$0)
                    addIncidents(&$0)
                } _: { two in
                    try await sendAll(two.client, deployment: 8)
                    for directory in directories {
                        try await eventually("all facts") {
                            let facts = try ledger(directory).facts()
                            return facts.count { if case .push(let push) = $0 { push.isLinked } else { false } } == 3
                                && facts.count { $0.kind == .deployment } == 2
                        }
                    }
                }
            }
        }

        /// A gateway that was not there then knows what was so, too.
        @Test(.timeLimit(.minutes(10)))
        func factsOfTheLogAreMovedToKafka() async throws {
            let grafana = try FakeGrafana()
            let (directory, other) = (try TemporaryDirectory(), try TemporaryDirectory())
            let kafka = try KafkaForTests(realGroups: true)
            try await withGateway(in: directory, grafana: grafana, configure: addIncidents) { gateway in
                try await sendAll(gateway.client)
                try await eventually("all of it in the ledger") { try ledger(directory).facts().count == 4 }
            }
            let facts = try ledger(directory).facts()
            for _ in 0..<2 {
                try await withGateway(in: directory, grafana: grafana) {
                    kafka.use(in: &$0)
                } _: { gateway in
                    try await eventually("nothing is left to be moved") {
                        try await !gateway.client.ready().text.contains("log-to-kafka")
                    }
                }
            }
            try await withGateway(in: other, grafana: grafana) {
                kafka.use(in: &$0)
            } _: { _ in
                try await eventually("all of it in another ledger") { try ledger(other).facts() == facts }
            }
            let groups = try GroupsTool(directory: directory.path + "/data").groups()
            #expect(groups.allSatisfy { $0.backlog.messages == 0 }, "\(groups)")
        }

        /// A log of events alone, and a ledger that knows some of them: of one the route's settlement was lost, of one the ledger
        /// does not know yet.
        @Test(.timeLimit(.minutes(10)), arguments: [true, false])
        func afterTheUpgradeEachDeploymentIsThereOnceAndCountedOnce(_ hasLedger: Bool) async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let data = directory.path + "/data"
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            let pushes = FactFixtures.events(of: FactFixtures.push(1...3, at: 1))
            let deployed = (1...3).map { FactFixtures.deployment(of: $0, at: Double($0) + 1) }
            let log = try SQLiteLog.open(.init(path: data + "/events.sqlite"))
            try await log.publisher(key: Event.orderingKeySelector).publish(
                (pushes + deployed).map { $0.message() }, to: "events")
            let subscription = try await log.subscriber(group: "log-to-metrics").subscribe(to: "events")
            var settled = 0
            while settled < 4 {
                guard let batch = try await subscription.next() else { break }
                for delivery in batch where settled < 4 {
                    delivery.acknowledge()
                    settled += 1
                }
            }
            await log.close()
            if hasLedger {
                let database = try DatabaseQueue(path: data + "/deployments.sqlite")
                try await database.write { database in
                    try database.execute(sql: FactFixtures.ledgerOfTheReleaseBefore)
                    for push in pushes {
                        try database.execute(
                            sql: "INSERT INTO pushes VALUES (?, 'octo/hello', ?, ?)",
                            arguments: [push.commit, push.occurredOn.millisecondsSince1970, 1_767_300_000_000])
                    }
                    for event in deployed.prefix(2) {
                        try database.execute(
                            sql: "INSERT INTO deployments VALUES (?, 'hello', 'production', ?, ?, 1, 1, ?)",
                            arguments: [
                                event.messageID.description, event.commit, event.occurredOn.millisecondsSince1970,
                                1_767_300_000_000,
                            ])
                    }
                }
                try database.close()
            }
            try await withGateway(in: directory, grafana: grafana) { gateway in
                let place = ["service": "hello", "environment": "production", "result": "success"]
                // Without its ledger the route counts what it has not settled, as ever.
                let counted: Double = hasLedger ? 1 : 2
                try await eventually("what was not counted is") {
                    let metrics = try await gateway.client.metrics()
                    return metrics.value("sluice_deployments_total", place) == counted
                        && metrics.value("sluice_consumer_lag_messages", ["handler_name": "log-to-metrics"]) == 0
                }
                let facts = try ledger(directory).facts()
                #expect(facts.count == 6)
                #expect(
                    facts.compactMap { if case .deployment(let deployment) = $0 { deployment.id } else { nil } }
                        == deployed.map(\.messageID.description))
                #expect(facts.allSatisfy { if case .push(let push) = $0 { !push.isLinked } else { true } })
                // From now on there are facts: the same deployment told again is not another.
                let body =
                    #"{"commit_id":"\#(deployed[2].commit)","env":"production","timestamp":"2026-01-01T04:00:00Z","service":"hello","repository":"octo/hello"}"#
                #expect(
                    try await gateway.client.send("POST", "/webhooks/deployments", body: Array(body.utf8)).status == 202
                )
                try await eventually("its fact is read") {
                    try await gateway.client.metric(
                        "sluice_deliveries_total", ["handler_name": "facts-to-ledger", "outcome": "acked"]) == 1
                }
                #expect(try ledger(directory).facts().count == 6)
                #expect(try await gateway.client.metric("sluice_deployments_total", place) == counted)
            }
        }

        @Test func alertsAndIncidentsAskForTheirToken() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            try await withGateway(in: directory, grafana: grafana) {
                $0.sources.append(ConfiguredSource("alertmanager", AlertmanagerSource(token: Secret("word-of-alerts"))))
                $0.sources.append(ConfiguredSource("incidents", IncidentsSource(token: Secret("word-of-incidents"))))
            } _: { gateway in
                let alerts = """
                    {"status":"firing","version":"4","alerts":[{"status":"firing","labels":{"service":"hello"},
                     "startsAt":"\(RFC3339.format(.now()))","endsAt":"0001-01-01T00:00:00Z","fingerprint":"f1"},
                     {"status":"firing","labels":{},"startsAt":"2026-01-01T00:00:00Z","fingerprint":"f2"}]}
                    """
                let incident = incident("i", #""opened":"\#(RFC3339.format(.now()))""#)
                for (path, token, body) in [
                    ("/webhooks/alertmanager", "word-of-alerts", Array(alerts.utf8)),
                    ("/webhooks/incidents", "word-of-incidents", incident),
                ] {
                    func status(_ headers: [(String, String)]) async throws -> Int {
                        try await gateway.client.send("POST", path, headers: headers, body: body).status
                    }
                    #expect(try await status([]) == 401)
                    #expect(try await status([("Authorization", "Bearer wrong")]) == 401)
                    #expect(try await status([("Authorization", "Bearer \(token)")]) == 202)
                    #expect(
                        try await gateway.client.send(
                            "POST", path, headers: [("Authorization", "Bearer \(token)")], body: Array("[]".utf8)
                        ).status == 400)
                }
                try await eventually("both in the ledger") { try ledger(directory).facts().count == 2 }
                #expect(
                    try await gateway.client.metric("sluice_alerts_left_out_total", ["reason": "no_service"])
                        == 1)
                #expect(grafana.annotations.isEmpty)
            }
        }
    }
}
