import Foundation
import GatewayTestSupport
import Glibc
import Sluice
import SluiceKafka
import SluicePrometheus
import SluiceSQLite
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// Kafka becomes the queue of a data directory whose log holds events, and the log becomes it again.
    struct LogTransferTests {
        private static let name = "log-to-kafka"

        let grafana: FakeGrafana
        let slack: FakeSlack
        let directory: TemporaryDirectory
        let kafka: KafkaForTests

        init() throws {
            (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            // Kafka's groups have agreed as soon as their members have come; a mock one waits 3 s for each change.
            kafka = try KafkaForTests(realGroups: true)
        }

        /// Pushes to a gateway on the log, in so many repositories, while one of the sinks is down.
        private func accept(_ count: Int, repositories: Int = 3, whileSlackIsDown slackIsDown: Bool) async throws
            -> [String]
        {
            let commits = (0..<repositories).map { _ in (0..<count / repositories).map { _ in StubCommit() } }
            if slackIsDown { slack.goDown() } else { grafana.goDown() }
            try await withGateway(in: directory, grafana: grafana, slack: slack) { gateway in
                for (number, commits) in commits.enumerated() {
                    #expect(try await gateway.client.push(commits, repository: "octo/\(number)").status == 202)
                }
                try await eventually("the other sink has them") {
                    (slackIsDown ? grafana.pushes.count : slack.pushes.count) == count
                }
                try await eventually("the metrics have them") {
                    try await self.lag("log-to-metrics", gateway) == 0
                }
            }
            if slackIsDown { try slack.comeBack() } else { try grafana.comeBack() }
            return commits.flatMap(\.self).map(\.id)
        }

        private func lag(_ route: String, _ gateway: RunningGateway) async throws -> Double {
            let samples = try await gateway.client.metrics().samples
            return samples.filter { sample in
                sample.name == "sluice_consumer_lag_messages"
                    && sample.labels.contains { $0.name == "handler_name" && $0.value == route }
            }.reduce(0) { $0 + $1.value }
        }

        private func onKafka(_ configuration: inout GatewayConfiguration) { kafka.use(in: &configuration) }

        @Test(.timeLimit(.minutes(10)))
        func whatWasAcceptedOnTheLogIsDeliveredFromKafkaOnce() async throws {
            let accepted = try await accept(30, whileSlackIsDown: true)
            try kafka.mock?.setRoundTrip(milliseconds: 100)
            try await withGateway(in: directory, grafana: grafana, slack: slack, configure: onKafka) { gateway in
                if let mock = kafka.mock {
                    try await eventually("the note") {
                        try await gateway.client.ready().text.contains("log-to-kafka: ")
                    }
                    #expect(try await gateway.client.ready().text.contains(" that the embedded log took before"))
                    try mock.setRoundTrip(milliseconds: 0)
                }
                try await eventually("everything is in Slack") {
                    slack.pushes.count == accepted.count
                }
                try await eventually("no note") {
                    try await !gateway.client.ready().text.contains("log-to-kafka")
                }
                try await eventually("the groups were looked at") {
                    try await gateway.client.metric("sluice_idle_groups", [:]) == 0
                }
                let ready = try await gateway.client.ready().text
                #expect(!ready.contains("no route and no process") && !ready.contains("has no position"), "\(ready)")
                #expect(!ready.contains("is new here"), "\(ready)")
                #expect(!gateway.log.contains("no route and no process"))
                let lines = gateway.log.split(separator: "\n").filter {
                    $0.contains("the embedded log is moved to Kafka")
                }
                #expect(lines.count == 1 && lines.allSatisfy { $0.contains("30") })
                try await eventually("nothing waits") {
                    let metrics = try await gateway.client.metrics()
                    return metrics.samples.filter { $0.name == "sluice_consumer_lag_messages" }.allSatisfy {
                        $0.value == 0
                    }
                }
            }
            #expect(slack.pushes.values.allSatisfy { $0 == 1 })
            #expect(grafana.pushes.count == 30 && grafana.pushes.values.allSatisfy { $0 == 1 })
            // Later starts have nothing to do, and leave nothing behind.
            try await withGateway(in: directory, grafana: grafana, slack: slack, configure: onKafka) { gateway in
                let commit = StubCommit()
                #expect(try await gateway.client.push([commit]).status == 202)
                try await eventually("the next push") { slack.pushes[commit.id] == 1 }
                #expect(!gateway.log.contains("log-to-kafka") && !gateway.log.contains("moved to Kafka"))
            }
            #expect(slack.posts.count == 31)
            let groups = try GroupsTool(directory: directory.path + "/data").groups()
            #expect(!groups.contains { $0.name == Self.name })
            #expect(groups.allSatisfy { $0.backlog.messages == 0 })
        }

        /// One that is killed stands for one that is stopped too. The real program, and Kafka is away at first.
        @Test(.timeLimit(.minutes(10)))
        func aKillInTheMiddleLosesAndDoublesNothing() async throws {
            // The group does not wait for the member that was killed: sessions are short here.
            let kafka = try KafkaForTests()
            let mock = try kafka.faults()
            let accepted = try await accept(200, repositories: 2, whileSlackIsDown: false)
            let environment = kafka.environment.merging(sinkEnvironment(grafana, slack)) { $1 }
            try mock.takeDown()
            let first = try SluiceProcess(environment, in: directory)
            let away = try await first.listeningClient()
            try await eventually("a note while Kafka is away") {
                let answer = try await away.ready()
                return answer.status == 503 && answer.text.contains("log-to-kafka: 200 events and ")
            }
            try mock.setRoundTrip(milliseconds: 40)
            try mock.bringUp()
            func moved(_ client: GatewayClient) async throws -> Double {
                try await client.metric(
                    "sluice_deliveries_total", ["handler_name": Self.name, "outcome": "acked"]) ?? 0
            }
            try await eventually("some are moved") { try await moved(away) >= 20 }
            first.signal(SIGKILL)
            #expect(try await first.exitStatus() == -SIGKILL)
            let groups = try GroupsTool(directory: directory.path + "/data").groups()
            let left = groups.first { $0.name == Self.name }?.backlog.messages ?? 0
            #expect(left > 0 && left < 200, "\(left) are left")
            try mock.setRoundTrip(milliseconds: 0)
            try await withGateway(in: directory, grafana: grafana, slack: slack, configure: { kafka.use(in: &$0) }) {
                gateway in
                try await eventually("everything is in Grafana") {
                    grafana.pushes.count == accepted.count
                }
                try await eventually("no note") {
                    try await !gateway.client.ready().text.contains("log-to-kafka")
                }
                #expect(try await moved(gateway.client) <= Double(left))
                #expect(!(try await gateway.client.ready().text.contains("has no position")))
                try await eventually("nothing waits") {
                    try await lag("log-to-grafana", gateway) + lag("log-to-slack", gateway) == 0
                }
            }
            #expect(grafana.pushes.values.allSatisfy { $0 == 1 })
            #expect(slack.pushes.count == 200 && slack.pushes.values.allSatisfy { $0 == 1 })
        }

        @Test(.timeLimit(.minutes(10)))
        func whatCouldNotBeDeliveredMovesToThePoisonTopic() async throws {
            grafana.behave {
                $0.method == "POST" ? .status(400, body: #"{"message":"bad request data"}"#) : .ordinary
            }
            let commits = (0..<3).map { _ in StubCommit() }
            try await withGateway(in: directory, grafana: grafana, slack: slack) { gateway in
                #expect(try await gateway.client.push(commits).status == 202)
                try await eventually("they are poisoned") {
                    try await gateway.client.metric("sluice_poison_queue_messages", ["topic": "poison"]) == 3
                }
                try await eventually("Slack has them") { slack.posts.count == 3 }
            }
            grafana.behave { _ in .ordinary }
            let address = BrokerAddress.kafka(kafka.client)
            try await withGateway(in: directory, grafana: grafana, slack: slack, configure: onKafka) { gateway in
                let topic = "\(kafka.topic)-poison"
                try await eventually("they are in Kafka's poison topic") {
                    try await gateway.client.metric("sluice_poison_queue_messages", ["topic": topic]) == 3
                }
                try await eventually("no note") {
                    try await !gateway.client.ready().text.contains("log-to-kafka")
                }
                var json = ConsumeTool.untilIdle
                json.format = .json
                let lines = try await address.consume(json, of: Topic(topic))
                #expect(lines.count == 3)
                for commit in commits { #expect(lines.count { $0.contains(commit.id) } == 1) }
                #expect(lines.allSatisfy { $0.contains(#""handler_poisoned":"log-to-grafana""#) })
                #expect(lines.allSatisfy { !$0.contains(HandledOnLog.key) })
                // Every sink had done with the events: they stay.
                #expect(try await address.consume(json, of: Topic(kafka.topic)).isEmpty)
            }
            #expect(grafana.annotations.isEmpty && slack.posts.count == 3)
            try await withGateway(in: directory, grafana: grafana, slack: slack) { gateway in
                let metrics = try await gateway.client.metrics()
                #expect(metrics.value("sluice_poison_queue_messages", ["topic": "poison"]) == 0)
            }
        }

        /// Another gateway of the group has a data directory of its own, which knows nothing of what was delivered.
        @Test(.timeLimit(.minutes(10)))
        func anotherGatewayDeliversNothingASecondTime() async throws {
            let accepted = try await accept(60, repositories: 30, whileSlackIsDown: false)
            let other = try TemporaryDirectory()
            try await withGateway(in: other, grafana: grafana, slack: slack, configure: onKafka) { second in
                try await withGateway(in: directory, grafana: grafana, slack: slack, configure: onKafka) { gateway in
                    try await eventually("everything is in Grafana") {
                        grafana.pushes.count == accepted.count
                    }
                    try await eventually("no note") {
                        try await !gateway.client.ready().text.contains("log-to-kafka")
                    }
                }
                // Alone now, it reads to the end.
                try await eventually("nothing waits") {
                    try await lag("log-to-grafana", second) + lag("log-to-slack", second) == 0
                }
            }
            #expect(slack.posts.count == 60 && grafana.pushes.values.allSatisfy { $0 == 1 })
        }

        @Test(.timeLimit(.minutes(10)))
        func aSinkThatIsNewOnKafkaBeginsWithWhatComesAfterIt() async throws {
            grafana.goDown()
            try await withGateway(in: directory, grafana: grafana) { gateway in
                let answer = try await gateway.client.push((0..<5).map { _ in StubCommit() })
                #expect(answer.status == 202)
            }
            try grafana.comeBack()
            try await withGateway(in: directory, grafana: grafana, slack: slack, configure: onKafka) { gateway in
                try await eventually("everything is in Grafana") { grafana.pushes.count == 5 }
                let commit = StubCommit()
                #expect(try await gateway.client.push([commit]).status == 202)
                try await eventually("the next is in Slack") { slack.pushes[commit.id] == 1 }
                try await eventually("nothing waits") {
                    try await lag("log-to-slack", gateway) == 0
                }
            }
            #expect(slack.posts.count == 1)
        }

        @Test(.timeLimit(.minutes(10)))
        func theWayBackIsNotedUntilKafkaIsTheQueueAgain() async throws {
            let note = "kafka was the queue until "
            func start(
                _ configure: (inout GatewayConfiguration) -> Void,
                _ check: (RunningGateway) async throws -> Void
            ) async throws {
                try await withGateway(in: directory, slack: slack, configure: configure) { gateway in
                    let commit = StubCommit()
                    #expect(try await gateway.client.push([commit]).status == 202)
                    try await eventually("the push is in Slack") { slack.pushes[commit.id] == 1 }
                    try await check(gateway)
                }
            }
            try await start({ _ in }) { gateway in
                let ready = try await gateway.client.ready()
                #expect(!ready.text.contains("kafka"), "\(ready.text)")
                #expect(!gateway.log.contains("kafka"))
            }
            try await start(onKafka) { gateway in
                let ready = try await gateway.client.ready()
                #expect(!ready.text.contains(note), "\(ready.text)")
                // A directory without events to move has no route for them: facts are moved all the same.
                #expect(!gateway.log.contains("log-to-kafka "))
            }
            for _ in 0..<2 {
                try await start({ _ in }) { gateway in
                    let ready = try await gateway.client.ready()
                    #expect(ready.status == 200 && ready.text.contains(note), "\(ready.text)")
                    #expect(ready.text.contains("topics \(kafka.topic) and \(kafka.topic)-poison"), "\(ready.text)")
                    #expect(gateway.log.contains(note))
                    #expect(!ready.text.contains("group "), "\(ready.text)")
                }
            }
            try await start({ $0.groupRetention = .milliseconds(1) }) { gateway in
                let ready = try await gateway.client.ready()
                #expect(!ready.text.contains(note), "\(ready.text)")
            }
            try await start(onKafka) { gateway in
                let ready = try await gateway.client.ready()
                #expect(!ready.text.contains(note), "\(ready.text)")
            }
        }
    }
}
