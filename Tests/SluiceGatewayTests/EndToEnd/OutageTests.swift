import Foundation
import GatewayTestSupport
import Sluice
import SluicePrometheus
import SluiceSQLite
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// Sinks that fail, each in its way: nothing is lost or doubled, and the other sink does not notice.
    struct OutageTests {
        enum Sink: CaseIterable { case grafana, slack }

        /// Both sinks and a gateway between them, and what was pushed.
        struct Scene {
            let grafana: FakeGrafana
            let slack: FakeSlack
            let gateway: RunningGateway
            let failing: Sink

            var sick: FakeSink { failing == .grafana ? grafana : slack }
            var destination: String { failing == .grafana ? "grafana" : "slack" }
            var handler: String { failing == .grafana ? "log-to-grafana" : "log-to-slack" }
            var sickCounts: [String: Int] { failing == .grafana ? grafana.pushes : slack.pushes }
            var healthyCounts: [String: Int] { failing == .grafana ? slack.pushes : grafana.pushes }

            func push(_ count: Int) async throws -> [String] {
                let commits = (0..<count).map { _ in StubCommit() }
                #expect(try await gateway.client.push(commits).status == 202)
                return commits.map(\.id)
            }

            func healthyHas(_ commits: [String]) async throws {
                try await eventually("the healthy sink has everything") {
                    commits.allSatisfy { healthyCounts[$0] == 1 }
                }
            }

            func sickHas(_ commits: [String]) async throws {
                try await eventually("the sink caught up") { commits.allSatisfy { sickCounts[$0] != nil } }
            }
        }

        static func withScene(
            _ failing: Sink, in directory: TemporaryDirectory? = nil,
            configure: (inout GatewayConfiguration) -> Void = { _ in }, _ body: (Scene) async throws -> Void
        ) async throws {
            let directory = try directory ?? TemporaryDirectory()
            let (grafana, slack) = (try FakeGrafana(), try FakeSlack())
            try await withGateway(in: directory, grafana: grafana, slack: slack, configure: configure) { gateway in
                try await body(Scene(grafana: grafana, slack: slack, gateway: gateway, failing: failing))
                let metrics = try await gateway.client.metrics()
                for sample in metrics.samples where sample.name == "sluice_unaccounted_messages" {
                    #expect(sample.value == 0)
                }
            }
        }

        @Test(arguments: Sink.allCases)
        func aSinkThatIsDownCatchesUpWithoutHoldingUpTheOther(failing: Sink) async throws {
            try await Self.withScene(failing) { scene in
                let before = try await scene.push(3)
                try await scene.sickHas(before)
                // What it took and the gateway does not know of would come again.
                let route = "log-to-\(scene.failing == .grafana ? "grafana" : "slack")"
                try await eventually("the answers are read") {
                    try await scene.gateway.client.metric(
                        "sluice_deliveries_total", ["handler_name": route, "outcome": "acked"]) == Double(before.count)
                }
                scene.sick.goDown()
                let during = try await scene.push(20)
                try await scene.healthyHas(during)
                // Long enough for several attempts and redeliveries to fail.
                try await eventually("failed attempts") {
                    let metrics = try await scene.gateway.client.metrics()
                    let target = scene.failing == .grafana ? "grafana" : "slack"
                    let failed = metrics.value(
                        "sluice_http_client_requests_total", ["target": target, "code": "connect_failed"])
                    return (failed ?? 0) > 20
                }
                #expect(during.allSatisfy { scene.sickCounts[$0] == nil })
                let up = try await scene.gateway.client.metric(
                    "sluice_connection_up", ["component": scene.failing == .grafana ? "grafana" : "slack"])
                #expect(up == 0)
                try scene.sick.comeBack()
                try await scene.sickHas(during)
                #expect((before + during).allSatisfy { scene.sickCounts[$0] == 1 })
                let metrics = try await scene.gateway.client.metrics()
                let component = ["component": scene.failing == .grafana ? "grafana" : "slack"]
                #expect(metrics.value("sluice_connection_up", component) == 1)
                #expect(metrics.value("sluice_reconnects_total", component) == 1)
                #expect(scene.gateway.log.contains("attempts fail"))
                #expect(scene.gateway.log.contains("attempts succeed again"))
            }
        }

        @Test(arguments: Sink.allCases)
        func aSlowSinkDoesNotHoldUpTheOther(failing: Sink) async throws {
            try await Self.withScene(failing) { scene in
                let gate = BlockingGate()
                scene.sick.behave { _ in
                    gate.wait()
                    return .ordinary
                }
                defer { gate.open() }
                let commits = try await scene.push(20)
                try await scene.healthyHas(commits)
                #expect(scene.sickCounts.isEmpty)
                gate.open()
                try await scene.sickHas(commits)
                #expect(commits.allSatisfy { scene.sickCounts[$0] == 1 })
            }
        }

        @Test(arguments: Sink.allCases)
        func nothingIsSentInsideARetryAfterWindow(failing: Sink) async throws {
            try await Self.withScene(failing) { scene in
                let refusal = Mutex<ContinuousClock.Instant?>(nil)
                scene.sick.behave { request in
                    refusal.withLock { refusal in
                        if let first = refusal, ContinuousClock.now > first + .milliseconds(1_990) { return .ordinary }
                        if refusal == nil { refusal = request.arrival }
                        return .status(429, headers: ["Retry-After": "2"])
                    }
                }
                let commits = try await scene.push(10)
                try await scene.healthyHas(commits)
                let later = try await scene.push(3)
                try await scene.sickHas(commits + later)
                let first = try #require(refusal.withLock { $0 })
                // What was on its way when the first refusal came cannot be called back: one for each of Grafana's lanes.
                let inside = scene.sick.requests.count {
                    $0.arrival >= first && $0.arrival < first + .milliseconds(1_990)
                }
                #expect(inside <= (failing == .grafana ? 8 : 1))
                #expect((commits + later).allSatisfy { scene.sickCounts[$0] == 1 })
            }
        }

        @Test(arguments: Sink.allCases)
        func answers500AreRetriedUntilTheSinkIsWell(failing: Sink) async throws {
            try await Self.withScene(failing) { scene in
                let count = Mutex(0)
                scene.sick.behave { request in
                    guard request.method == "POST" else { return .ordinary }
                    return count.withLock { count in
                        count += 1
                        // Grafana stores half of what it answers 500 to, as a proxy in front of it makes it seem.
                        return count > 40 ? .ordinary : count % 2 == 0 ? .status(500) : .take(.status(500))
                    }
                }
                let commits = try await scene.push(10)
                try await scene.healthyHas(commits)
                try await scene.sickHas(commits)
                try await eventually("all is settled") {
                    try await scene.gateway.client.metric(
                        "sluice_consumer_lag_messages", ["handler_name": scene.handler]) == 0
                }
                // Grafana is asked before an annotation is posted again; Slack cannot be asked.
                if failing == .grafana { #expect(commits.allSatisfy { scene.sickCounts[$0] == 1 }) }
            }
        }

        @Test(arguments: Sink.allCases)
        func onlyTheMessageThatTheSinkNamesIsPoisoned(failing: Sink) async throws {
            let directory = try TemporaryDirectory()
            let poison = StubCommit()
            try await Self.withScene(failing, in: directory) { scene in
                let words = failing == .grafana ? #"{"message":"bad request data"}"# : "invalid_payload"
                scene.sick.behave { request in
                    request.text.contains(poison.id) ? .status(400, body: words) : .ordinary
                }
                let before = try await scene.push(3)
                #expect(try await scene.gateway.client.push([poison]).status == 202)
                let after = try await scene.push(3)
                try await scene.sickHas(before + after)
                try await scene.healthyHas(before + after + [poison.id])
                #expect(scene.sickCounts[poison.id] == nil)
                let metrics = try await scene.gateway.client.metrics()
                #expect(
                    metrics.value("sluice_deliveries_total", ["handler_name": scene.handler, "outcome": "poisoned"])
                        == 1)
                #expect(metrics.value("sluice_poison_queue_messages") == 1)
            }
            let messages = try await poisonedMessages(in: directory)
            #expect(messages.count == 1)
            let message = try #require(messages.first)
            #expect(String(decoding: message.payload, as: UTF8.self).contains(poison.id))
            #expect(message.metadata["event_type"] == "commitPushed")
            #expect(message.metadata["topic_poisoned"] == "events")
            #expect(message.metadata["handler_poisoned"] == (failing == .grafana ? "log-to-grafana" : "log-to-slack"))
            #expect(message.metadata["subscriber_poisoned"] == "sqlite")
            #expect(message.metadata["attempts_poisoned"] == "1")
            #expect(message.metadata["reason_poisoned"]?.isEmpty == false)
            #expect(message.metadata["time_poisoned"] != nil)
            #expect(message.metadata["look_first"] == nil)
        }

        /// A revoked webhook, an archived channel, credentials that do not hold, the address of something else: a
        /// person has to act.
        @Test(arguments: [
            (Sink.slack, 403, "action_prohibited", "action_prohibited"), (.slack, 404, "no_service", "no_service"),
            (.slack, 410, "channel_is_archived", "channel_is_archived"), (.slack, 400, "<html>", "status 400"),
            (.slack, 413, "", "status 413"), (.slack, 405, "", "status 405"),
            (.slack, 200, #"{"ok":false,"error":"channel_not_found"}"#, "channel_not_found"),
            (.slack, 200, "<html>Log in</html>", "status 200 without"), (.slack, 204, "", "status 204 without"),
            (.grafana, 401, "", "grafana_http_401"), (.grafana, 403, "", "grafana_http_403"),
            (.grafana, 405, "", "grafana_http_405"), (.grafana, 413, "<html>", "grafana_http_413"),
            (.grafana, 200, "<html>Log in</html>", "status 200 that is not"),
            (.grafana, 200, #"{"message":"ok"}"#, "status 200 that is not"),
        ])
        func aSinkThatAPersonHasToMendIsHeldAndNothingIsPoisoned(
            failing: Sink, status: Int, body: String, note: String
        ) async throws {
            try await Self.withScene(failing) { scene in
                scene.sick.behave { _ in .status(status, body: body) }
                let commits = try await scene.push(5)
                try await scene.healthyHas(commits)
                try await eventually("the note in /readyz") {
                    let ready = try await scene.gateway.client.ready()
                    return ready.status == 200
                        && ready.text.contains("\(scene.destination): held: ") && ready.text.contains(note)
                }
                #expect(scene.sickCounts.isEmpty)
                let during = try await scene.gateway.client.metrics()
                let held = ["destination": scene.destination, "why": "held"]
                #expect(during.value("sluice_destination_shut", held) == 1)
                #expect(scene.gateway.log.contains("destination refuses every message"))
                scene.sick.behave { _ in .ordinary }
                try await scene.sickHas(commits)
                #expect(commits.allSatisfy { scene.sickCounts[$0] == 1 })
                let metrics = try await scene.gateway.client.metrics()
                #expect(
                    metrics.value("sluice_deliveries_total", ["handler_name": scene.handler, "outcome": "poisoned"])
                        == 0)
                #expect(metrics.value("sluice_destination_shut", held) == 0)
                try await eventually("the note is gone") {
                    try await scene.gateway.client.ready().text.contains("held") == false
                }
            }
        }

        /// Grafana takes an annotation, and the answer is lost: it is asked before it is given the same again.
        @Test func anAnswerThatIsLostDoublesNoAnnotation() async throws {
            try await Self.withScene(.grafana, configure: { $0.pace.answerTimeout = .seconds(1) }) { scene in
                let count = Mutex(0)
                scene.grafana.behave { request in
                    guard request.method == "POST" else { return .ordinary }
                    let turn = count.withLock { count in
                        count += 1
                        return count
                    }
                    return switch turn % 4 {
                    case 0: .take(.fault(.close))
                    case 1: .take(.fault(.never))
                    case 2: .take(.fault(.reset))
                    default: .ordinary
                    }
                }
                let commits = try await scene.push(12)
                try await scene.sickHas(commits)
                try await eventually("all is settled") {
                    try await scene.gateway.client.metric(
                        "sluice_consumer_lag_messages", ["handler_name": "log-to-grafana"]) == 0
                }
                #expect(commits.allSatisfy { scene.sickCounts[$0] == 1 })
            }
        }
    }
}

/// What lies in the poison queue of a gateway that has stopped.
func poisonedMessages(in directory: TemporaryDirectory) async throws -> [Message] {
    let log = try SQLiteLog.open(SQLiteLog.Configuration(path: directory.path + "/data/events.sqlite"))
    var messages: [Message] = []
    let count = try await log.backlog(group: "test", topic: "poison").messages
    if count > 0 {
        let subscription = try await log.subscriber(group: "test").subscribe(to: "poison")
        while messages.count < count, let batch = try await subscription.next() {
            for delivery in batch {
                messages.append(delivery.message)
                delivery.acknowledge()
            }
        }
        subscription.cancel()
    }
    await log.close()
    return messages
}
