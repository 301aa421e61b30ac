import Foundation
import GatewayTestSupport
import Sluice
import SluiceHTTP
import SluicePrometheus
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceGateway

#if canImport(Glibc)
    import Glibc
#endif

extension EndToEnd {
    /// The same gateway with Kafka as its queue.
    struct KafkaTests {
        @Test(.timeLimit(.minutes(1)))
        func aPushIsDeployedAndDeliveredThroughKafka() async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            let kafka = try KafkaForTests()
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
                try await eventually(within: .seconds(30), "annotations and messages of all three") {
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

        @Test(.timeLimit(.minutes(3)))
        func twoGatewaysShareTheWorkAndDoubleNoAnnotation() async throws {
            let (grafana, directories) = (try FakeGrafana(), [try TemporaryDirectory(), try TemporaryDirectory()])
            let kafka = try KafkaForTests()
            try await withGateway(in: directories[0], grafana: grafana) {
                kafka.use(in: &$0)
            } _: { first in
                var accepted: [String] = []
                func push(_ gateway: RunningGateway, _ count: Int) async throws {
                    for number in 0..<count {
                        let commit = StubCommit()
                        #expect(
                            try await gateway.client.push([commit], repository: "octo/\(number % 40)").status == 202)
                        accepted.append(commit.id)
                    }
                }
                try await push(first, 50)
                // It joins while the first works, and leaves again.
                try await withGateway(in: directories[1], grafana: grafana) {
                    kafka.use(in: &$0)
                } _: { second in
                    let acked = ["handler_name": "log-to-grafana", "outcome": "acked"]
                    var both = false
                    let end = ContinuousClock.now + .seconds(60)
                    while !both, ContinuousClock.now < end {
                        try await push(first, 5)
                        try await push(second, 5)
                        let counts = [
                            try await first.client.metrics().value("sluice_deliveries_total", acked) ?? 0,
                            try await second.client.metrics().value("sluice_deliveries_total", acked) ?? 0,
                        ]
                        both = counts.allSatisfy { $0 > 20 }
                        // Shared: what one has, the other has not.
                        #expect(counts.reduce(0, +) <= Double(accepted.count + 10))
                    }
                    #expect(both, "both gateways deliver annotations")
                }
                try await push(first, 50)
                try await eventually(within: .seconds(30), "every commit is annotated") {
                    let pushes = grafana.pushes
                    return accepted.allSatisfy { pushes[$0] != nil }
                }
                #expect(grafana.pushes.values.allSatisfy { $0 == 1 })
            }
        }

        /// As the runbook has it: looked at, and put back once the cause is mended. A scrape does not wait for Kafka.
        @Test(.timeLimit(.minutes(2)))
        func whatIsPoisonedIsToldOfAndPutBack() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let kafka = try KafkaForTests()
            let address = BrokerAddress.kafka(kafka.client)
            try await withGateway(in: directory, grafana: grafana) {
                kafka.use(in: &$0)
            } _: { gateway in
                func gauge(_ name: String) async throws -> Double? {
                    try await gateway.client.metrics().value(name, ["topic": "\(kafka.topic)-poison"])
                }
                grafana.behave { $0.method == "POST" ? .status(400) : .ordinary }
                let commit = StubCommit()
                let start = Double(Timestamp.now().millisecondsSince1970) / 1_000
                #expect(try await gateway.client.push([commit]).status == 202)
                try await eventually(within: .seconds(30), "the message in the poison queue") {
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
                    let asked = ContinuousClock.now
                    #expect(try await gauge("sluice_poison_queue_messages") == 1)
                    #expect(ContinuousClock.now - asked < .seconds(3))
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
                try await eventually(within: .seconds(30), "the annotation, and an empty poison queue") {
                    guard grafana.pushes[commit.id] == 1 else { return false }
                    let (messages, time) = (try await gauge("sluice_poison_queue_messages"), try await gauge(oldest))
                    return messages == 0 && time == 0
                }
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func saysThatItsCredentialsAreRefusedAndShowsThemToNobody() async throws {
            let broker = try RefusingBroker()
            let process = try SluiceProcess(
                [
                    "KAFKA_BROKERS": broker.address, "KAFKA_USERNAME": "someone", "KAFKA_PASSWORD": "word-of-someone",
                    "KAFKA_SASL_MECHANISM": "scram-sha-256", "LOG_LEVEL": "debug",
                ], in: try TemporaryDirectory())
            let client = try await process.listeningClient()
            var answer = ""
            try await eventually(within: .seconds(30), "the reason; it said \(process.errors)") {
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

        @Test(.timeLimit(.minutes(1)), arguments: [true, false])
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
            try await eventually(within: .seconds(30), "an end of the handshake; it said \(process.errors)") {
                trusts
                    ? server.text.contains("CN = a client")
                    : try await client.ready().text.contains("certificate could not be verified")
            }
            #expect(server.text.contains("CN = a client") == trusts)
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
            #expect(!process.errors.contains(server.files.keyPassword))
        }

        @Test(.timeLimit(.minutes(1)))
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

        /// What the other had delivered when it was killed, no commit says, and this one has not handled it.
        @Test(.timeLimit(.minutes(3)))
        func aGatewayTakesOverFromAnotherThatWasKilledAndDoublesNothing() async throws {
            let (grafana, directories) = (try FakeGrafana(), [try TemporaryDirectory(), try TemporaryDirectory()])
            let kafka = try KafkaForTests()
            let load = PushLoad(pace: .milliseconds(60))
            try await withGateway(in: directories[0], grafana: grafana) {
                kafka.use(in: &$0)
            } _: { first in
                let environment = sinkEnvironment(grafana, nil).merging(kafka.environment) { $1 }
                let second = try SluiceProcess(environment, in: directories[1])
                let client = try await second.client()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<6 { group.addTask { await load.run(number) } }
                    defer { load.end() }
                    load.send(to: first.client)
                    let acked = ["handler_name": "log-to-grafana", "outcome": "acked"]
                    try await eventually(within: .seconds(60), "the second delivers annotations") {
                        try await client.metrics().value("sluice_deliveries_total", acked) ?? 0 > 40
                    }
                    second.signal(SIGKILL)
                    #expect(try await second.exitStatus() == -SIGKILL)
                    let annotated = grafana.annotations.count
                    try await eventually(within: .seconds(60), "the first goes on") {
                        grafana.annotations.count > annotated + 50
                    }
                    load.send(to: nil)
                }
                try await eventually(within: .seconds(60), "everything accepted is annotated") {
                    let annotations = grafana.pushes
                    return load.accepted.allSatisfy { annotations[$0] != nil }
                }
            }
            #expect(grafana.pushes.values.allSatisfy { $0 == 1 })
        }

        @Test(.timeLimit(.minutes(4)))
        func whatWasAnswered202ArrivesHoweverOftenTheProgramIsKilledOrBrokersGo() async throws {
            let grafana = try FakeGrafana()
            // Who takes over does not know what the one before has handled.
            let directories = try (0..<4).map { _ in try TemporaryDirectory() }
            let kafka = try KafkaForTests()
            // Every annotation is looked for before it is made: what is pushed has to be delivered within the test.
            let load = PushLoad(pace: .milliseconds(100))
            let environment = sinkEnvironment(grafana, nil).merging(kafka.environment) { $1 }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<6 { group.addTask { await load.run(number) } }
                defer { load.end() }
                for kill in 0..<3 {
                    let process = try SluiceProcess(environment, in: directories[kill])
                    let client = try await process.client()
                    let before = load.count
                    let annotated = grafana.annotations.count
                    load.send(to: client)
                    if kill == 1, let mock = kafka.mock {
                        try await eventually("load") { load.count > before + 30 }
                        try mock.takeDown()
                        try await Task.sleep(for: .seconds(1))
                        try mock.bringUp()
                    }
                    try await eventually(within: .seconds(40), "load") {
                        load.count > before + 100 && grafana.annotations.count > annotated + 20
                    }
                    process.signal(SIGKILL)
                    #expect(try await process.exitStatus() == -SIGKILL)
                    load.send(to: nil)
                }
            }
            let accepted = load.accepted
            try await withGateway(in: directories[3], grafana: grafana) {
                kafka.use(in: &$0)
            } _: { gateway in
                func missing() -> Int {
                    let annotations = grafana.pushes
                    return accepted.count { annotations[$0] == nil }
                }
                try await eventually(
                    within: .seconds(60), "everything accepted is annotated; the log ends \(gateway.log.suffix(2_000))"
                ) { missing() == 0 }
            }
            let doubled = grafana.pushes.values.count { $0 > 1 }
            print("kill -9 on Kafka, 3 times: \(accepted.count) accepted, \(doubled) doubled annotations")
            #expect(doubled == 0)
        }
    }
}
