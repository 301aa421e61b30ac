import Foundation
import GatewayTestSupport
import Glibc
import Sluice
import SluiceHTTP
import SluicePrometheus
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// The same gateway with Kafka as its queue.
    struct KafkaQueueTests {
        @Test(.timeLimit(.minutes(10)))
        func aPushIsDeployedAndDeliveredThroughKafka() async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            let kafka = try KafkaForTests(realGroups: true)
            try await withGateway(in: directory, grafana: grafana, slack: slack) { configuration in
                kafka.use(in: &configuration)
                var simulator = GatewayConfiguration.Simulator()
                simulator.stagingDelay = .milliseconds(200)
                simulator.productionDelay = .milliseconds(400)
                configuration.simulator = simulator
            } _: { gateway in
                let commits = (0..<10).map { _ in StubCommit() }
                for commit in commits {
                    #expect(
                        try await gateway.client.push([commit], repository: "octo/\(commit.id.prefix(1))").status == 202
                    )
                }
                try await eventually("annotations and messages of all three") {
                    grafana.annotations.count >= 30 && slack.posts.count >= 30
                }
                #expect(grafana.annotations.count == 30 && slack.posts.count == 30)
                try await eventually("no lag, nothing unaccounted for") {
                    let metrics = try await gateway.client.metrics()
                    let lags = metrics.samples.filter { $0.name == "sluice_consumer_lag_messages" }
                    return !lags.isEmpty && lags.allSatisfy { $0.value == 0 }
                        && metrics.samples.filter { $0.name == "sluice_unaccounted_messages" }.allSatisfy {
                            $0.value == 0
                        }
                }
                let metrics = try await gateway.client.metrics()
                #expect(metrics.value("sluice_connection_up", ["component": "kafka"]) == 1)
                #expect(
                    metrics.value(
                        "sluice_deployments_total",
                        [
                            "service": "\(commits[0].id.prefix(1))", "environment": "production", "result": "success",
                        ]) ?? 0 >= 1)
            }
        }

        /// As the runbook has it: looked at, and put back once the cause is mended. A scrape does not wait for Kafka.
        @Test(.timeLimit(.minutes(10)))
        func whatIsPoisonedIsToldOfAndPutBack() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let kafka = try KafkaForTests()
            let address = BrokerAddress.kafka(kafka.client)
            try await withGateway(in: directory, grafana: grafana) {
                kafka.use(in: &$0)
            } _: { gateway in
                func gauge(_ name: String) async throws -> Double? {
                    try await gateway.client.metric(name, ["topic": "\(kafka.topic)-poison"])
                }
                grafana.behave {
                    $0.method == "POST" ? .status(400, body: #"{"message":"bad request data"}"#) : .ordinary
                }
                let commit = StubCommit()
                let start = Double(Timestamp.now().millisecondsSince1970) / 1_000
                #expect(try await gateway.client.push([commit]).status == 202)
                try await eventually("the message in the poison queue") {
                    try await gauge("sluice_poison_queue_messages") == 1
                }
                let oldest = "sluice_poison_oldest_message_timestamp_seconds"
                let time = try #require(try await gauge(oldest))
                #expect(time >= start - 1 && time < start + 60)
                var json = ConsumeTool.untilIdle
                json.format = .json
                let poison = Topic("\(kafka.topic)-poison")
                #expect(try await address.consume(json, of: poison).count == 1)

                if let mock = kafka.mock {
                    try mock.takeDown()
                    try await eventually("the gateway knows") { try await gateway.client.ready().status == 503 }
                    #expect(try await gauge("sluice_poison_queue_messages") == 1)
                    #expect(try await gateway.client.bestScrapeTime(under: .seconds(2)) < .seconds(2))
                    try mock.bringUp()
                    try await gateway.client.waitUntilReady()
                }

                grafana.behave { _ in .ordinary }
                let lines = try await address.consume(json, of: poison, group: "\(kafka.topic)-poison")
                var back = PublishTool()
                back.format = .json
                let count = try await address.publish(
                    lines.map { $0 + "\n" }, back, to: Topic(kafka.topic), key: Event.repositoryKey)
                #expect(count == 1)
                try await eventually("the annotation, and an empty poison queue") {
                    guard grafana.pushes[commit.id] == 1 else { return false }
                    let (messages, time) = (try await gauge("sluice_poison_queue_messages"), try await gauge(oldest))
                    return messages == 0 && time == 0
                }
            }
        }

        @Test(.timeLimit(.minutes(10)))
        func saysThatItsCredentialsAreRefusedAndNeverShowsThem() async throws {
            let broker = try RefusingBroker()
            let process = try SluiceProcess(
                [
                    "KAFKA_BROKERS": broker.address, "KAFKA_USERNAME": "someone", "KAFKA_PASSWORD": "word-of-someone",
                    "KAFKA_SASL_MECHANISM": "scram-sha-256", "LOG_LEVEL": "debug",
                ], in: try TemporaryDirectory())
            let client = try await process.listeningClient()
            var answer = ""
            try await eventually("the reason; it said \(process.errors)") {
                answer = try await client.ready().text
                return answer.contains(RefusingBroker.refusal)
            }
            #expect(broker.mechanisms.first == "SCRAM-SHA-256")
            let metrics = String(decoding: try await client.scrape(), as: UTF8.self)
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
            for text in [answer, metrics, process.errors, process.standardOutput] {
                #expect(!text.contains("word-of-someone"))
            }
        }

        @Test(.timeLimit(.minutes(10)), arguments: [true, false])
        func provesItselfOverTLSWhereItTrustsTheBroker(_ trusts: Bool) async throws {
            let server = try await TLSListener()
            let process = try SluiceProcess(
                [
                    "KAFKA_BROKERS": server.address,
                    "KAFKA_TLS_CA": trusts ? server.files.authority : server.files.stranger,
                    "KAFKA_TLS_CERT": server.files.certificate, "KAFKA_TLS_KEY": server.files.key,
                    "KAFKA_TLS_KEY_PASSWORD": server.files.keyPassword, "LOG_LEVEL": "debug",
                ], in: try TemporaryDirectory())
            let client = try await process.listeningClient()
            try await eventually("an end of the handshake; it said \(process.errors)") {
                trusts
                    ? server.text.contains("CN = a client")
                    : try await client.ready().text.contains("certificate could not be verified")
            }
            #expect(server.text.contains("CN = a client") == trusts)
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
            #expect(!process.errors.contains(server.files.keyPassword))
        }

        @Test(.timeLimit(.minutes(10)))
        func comesUpWhenTheClusterDoes() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let kafka = try KafkaForTests()
            let mock = try kafka.faults()
            try mock.takeDown()
            let process = try SluiceProcess(
                sinkEnvironment(grafana, nil).merging(kafka.environment) { $1 }, in: directory)
            let client = try await process.listeningClient()
            let answer = try await client.ready()
            #expect(answer.status == 503 && answer.text.contains("kafka: "), "\(answer.text)")
            let refused = try await client.push([StubCommit()])
            #expect(refused.status == 503 && refused.headers["Retry-After"] != nil)
            try mock.bringUp()
            try await client.waitUntilReady()
            let commit = StubCommit()
            #expect(try await client.push([commit]).status == 202)
            try await eventually("the annotation") { grafana.pushes[commit.id] == 1 }
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
        }
    }
}
