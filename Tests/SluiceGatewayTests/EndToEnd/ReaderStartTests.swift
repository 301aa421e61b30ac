import Foundation
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
    /// Where a sink begins, on the log and on Kafka.
    struct ReaderStartTests {
        let grafana: FakeGrafana
        let slack: FakeSlack
        let directory: TemporaryDirectory

        init() throws { (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory()) }

        /// Pushes to a gateway until Grafana, and Slack where it is given, have so many.
        @discardableResult
        private func run(
            _ kafka: KafkaForTests?, slack isOn: Bool, push count: Int, slackHas expected: Int = 0,
            in directory: TemporaryDirectory? = nil, configure: (inout GatewayConfiguration) -> Void = { _ in }
        ) async throws -> GatewayClient.Answer {
            try await withGateway(in: directory ?? self.directory, grafana: grafana, slack: isOn ? slack : nil) {
                kafka?.use(in: &$0)
                configure(&$0)
            } _: { gateway in
                for _ in 0..<count {
                    let commit = StubCommit()
                    #expect(try await gateway.client.push([commit]).status == 202)
                    try await eventually("the annotation") { grafana.pushes[commit.id] == 1 }
                }
                try await eventually("nothing waits") {
                    let lags = try await gateway.client.metrics().samples.filter {
                        $0.name == "sluice_consumer_lag_messages"
                    }
                    return slack.posts.count >= expected && lags.allSatisfy { $0.value == 0 }
                }
                #expect(slack.posts.count == expected)
                return try await gateway.client.ready()
            }
        }

        @Test(.timeLimit(.minutes(10)), arguments: [false, true])
        func aNewSinkBeginsWithWhatComesAfterIt(_ onKafka: Bool) async throws {
            let kafka = onKafka ? try KafkaForTests(realGroups: true) : nil
            let first = try await run(kafka, slack: false, push: 3)
            #expect(!first.text.contains("is new"), "\(first.text)")
            let second = try await run(kafka, slack: true, push: 2, slackHas: 2)
            #expect(second.text.contains("log-to-slack: is new here and begins behind the 3 events"), "\(second.text)")
            let third = try await run(kafka, slack: true, push: 1, slackHas: 3)
            #expect(!third.text.contains("is new"), "\(third.text)")
        }

        @Test(.timeLimit(.minutes(10)), arguments: [false, true])
        func aNewSinkBeginsAtTheBeginningWhenAskedTo(_ onKafka: Bool) async throws {
            let kafka = onKafka ? try KafkaForTests(realGroups: true) : nil
            try await run(kafka, slack: false, push: 3)
            try await run(kafka, slack: true, push: 1, slackHas: 4) { $0.change("slack") { $0.start = .beginning } }
            // It has a position: the start means nothing any more.
            try await run(kafka, slack: true, push: 1, slackHas: 5) { $0.change("slack") { $0.start = .beginning } }
        }

        @Test(.timeLimit(.minutes(10)), arguments: [false, true])
        func aNewSinkBeginsAtATimeWhenAskedTo(_ onKafka: Bool) async throws {
            let kafka = onKafka ? try KafkaForTests(realGroups: true) : nil
            try await run(kafka, slack: false, push: 2)
            let time = Timestamp.now()
            try await run(kafka, slack: false, push: 3)
            // The mock cluster finds no offsets by time: it begins at the end.
            let found = kafka?.mock == nil ? 3 : 0
            try await run(kafka, slack: true, push: 1, slackHas: found + 1) {
                $0.change("slack") { $0.start = .time(time) }
            }
        }

        /// What the migration of a file of the first release leaves.
        @Test func everySinkOfADirectoryOfTheFirstReleaseWasThereBefore() async throws {
            try await run(nil, slack: false, push: 3)
            #expect(
                try await runTool(
                    [
                        "sqlite3", directory.path + "/data/events.sqlite",
                        "DELETE FROM readers; INSERT INTO facts VALUES ('all readers known', '1')",
                    ], in: directory
                ).status == 0)
            try await run(nil, slack: true, push: 1, slackHas: 4)
        }

        @Test(.timeLimit(.minutes(10)))
        func aSinkThatWasThereBeforeSkipsNothingWhenKafkaHasLostItsOffsets() async throws {
            let kafka = try KafkaForTests(realGroups: true)
            try await run(kafka, slack: true, push: 2, slackHas: 2)
            // Another group has no offsets, as one whose offsets have expired. Slack's posts are recognised.
            let answer = try await run(kafka, slack: true, push: 1, slackHas: 3) { $0.kafka?.group += "-renamed" }
            #expect(answer.text.contains("log-to-slack: has no position on Kafka"), "\(answer.text)")
            // With a data directory that remembers nothing, the sink is new.
            let other = try TemporaryDirectory()
            let fresh = try await run(kafka, slack: true, push: 1, slackHas: 4, in: other) {
                $0.kafka?.group += "-other"
            }
            #expect(fresh.text.contains("log-to-slack: is new here and begins behind the 3 events"), "\(fresh.text)")
        }
    }
}
