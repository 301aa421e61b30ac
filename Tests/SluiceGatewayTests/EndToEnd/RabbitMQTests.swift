import Foundation
import GatewayTestSupport
import Logging
import Sluice
import SluiceAMQP
import SluicePrometheus
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// Deployments that come over RabbitMQ.
    struct RabbitMQTests {
        /// A queue of the test's own.
        private func amqp(_ broker: RabbitMQBroker) throws -> DeploymentsSource.AMQP {
            var amqp = DeploymentsSource.AMQP(try AMQPConfiguration(uri: broker.uri()))
            amqp.queue = "deployments-\(String(UInt64.random(in: .min ... .max), radix: 36))"
            return amqp
        }

        @Test(.timeLimit(.minutes(10)))
        func aPushIsDeployedOverRabbitMQToStagingAndProduction() async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            let amqp = try amqp(try await RabbitMQBroker.shared())
            try await withGateway(in: directory, grafana: grafana, slack: slack) { configuration in
                configuration.deployments.amqp = amqp
                var simulator = GatewayConfiguration.Simulator()
                simulator.stagingDelay = .milliseconds(200)
                simulator.productionDelay = .milliseconds(400)
                configuration.simulator = simulator
            } _: { gateway in
                let commit = StubCommit()
                #expect(try await gateway.client.push([commit]).status == 202)
                try await eventually("pushed, staging, production") {
                    Set(grafana.annotations.compactMap(\.tags.first))
                        == ["pushed", "deploy-staging", "deploy-production"]
                }
                #expect(grafana.annotations.count == 3)
                let metrics = try await gateway.client.metrics()
                #expect(
                    metrics.value("sluice_deliveries_total", ["handler_name": "rabbitmq-to-log", "outcome": "acked"])
                        == 2)
            }
        }

        @Test(.timeLimit(.minutes(10)))
        func nonsenseGoesToThePoisonQueueWithAReasonAndNothingElseIsHarmed() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let amqp = try amqp(try await RabbitMQBroker.shared())
            try await withGateway(in: directory, grafana: grafana) {
                $0.deployments.amqp = amqp
            } _: { gateway in
                let publisher = try AMQPPublisher(amqp.client, logger: .init(label: "test"))
                let good =
                    #"{"commit_id":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","env":"staging","timestamp":1767323045}"#
                let lines = ["nonsense", #"{"commit_id":"x","env":"a","timestamp":1}"#, good, "", "\u{0}"]
                try await publisher.publish(lines.map { Message(payload: Array($0.utf8)) }, to: Topic(amqp.queue))
                await publisher.close()
                try await eventually("the good one is annotated") {
                    grafana.annotations.count == 1
                }
                try await eventually("the others are poisoned") {
                    try await gateway.client.metric("sluice_poison_queue_messages", ["topic": "poison"]) == 4
                }
                #expect(gateway.log.contains("malformed_payload"))
            }
            let poisoned = try await BrokerAddress.sqlite(path: directory.path + "/data")
                .messages(of: "poison", ConsumeOptions())
            let reasons = try await poisoned.next(10)?.compactMap { $0.message.metadata["reason_poisoned"] } ?? []
            await poisoned.close()
            #expect(reasons.count == 4 && reasons.contains { $0.contains("commit_id is not a commit's hash") })
        }

        /// What RabbitMQ may refuse, at the start too.
        enum Refusal: CaseIterable {
            case password, virtualHost, exclusiveQueue, authority
        }

        /// Webhooks need no RabbitMQ, whatever is wrong with it and whenever.
        @Test(.timeLimit(.minutes(10)), arguments: Refusal.allCases)
        func takesWebhooksWhileRabbitMQRefuses(_ refusal: Refusal) async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let broker = try await RabbitMQBroker.shared()
            var amqp = try amqp(broker)
            var options = AMQPSubscriber.Configuration()
            options.isExclusive = true
            let other = try AMQPSubscriber(
                amqp.client, topology: .durableQueue, configuration: options, logger: .init(label: "test"))
            switch refusal {
            case .password: amqp.client.password = "wrong"
            case .virtualHost: amqp.client.vhost = "no-such-host"
            case .exclusiveQueue: _ = try await other.subscribe(to: Topic(amqp.queue))
            case .authority:
                let listener = try await TLSListener()
                amqp.client = try AMQPConfiguration(uri: "amqps://guest:guest@\(listener.address)/")
            }
            try await withGateway(in: directory, grafana: grafana) {
                $0.deployments.amqp = amqp
            } _: { gateway in
                try await eventually("a note of RabbitMQ") {
                    let ready = try await gateway.client.ready()
                    #expect(ready.status == 200, "\(ready.text)")
                    return ready.text.contains("rabbitmq")
                }
                #expect(try await gateway.client.push([StubCommit()]).status == 202)
                try await eventually("the annotation") { grafana.annotations.count == 1 }
            }
            await other.close()
        }

        @Test(.timeLimit(.minutes(10)))
        func comesUpWhenTheBrokerDoesAndTakesWebhooksMeanwhile() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let broker = try RabbitMQBroker()
            let amqp = try amqp(broker)
            try await withGateway(in: directory, grafana: grafana) {
                $0.deployments.amqp = amqp
            } _: { gateway in
                #expect(try await gateway.client.ready().text.contains("rabbitmq: "))
                #expect(try await gateway.client.push([StubCommit()]).status == 202)
                try await broker.start()
                try await eventually("no note of RabbitMQ") {
                    !(try await gateway.client.ready().text.contains("rabbitmq: "))
                }
                let publisher = try AMQPPublisher(amqp.client, logger: .init(label: "test"))
                let deployment = #"{"commit_id":"6113728f","env":"staging","timestamp":"2026-01-02T03:04:05Z"}"#
                try await publisher.publish([Message(payload: Array(deployment.utf8))], to: Topic(amqp.queue))
                await publisher.close()
                try await eventually("the annotation") { grafana.annotations.count == 2 }
            }
        }
    }
}
