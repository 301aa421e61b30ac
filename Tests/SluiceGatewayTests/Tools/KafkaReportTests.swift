import Foundation
import GatewayTestSupport
import Logging
import Sluice
import SluiceKafka
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceGateway

/// `sluice report deployments` of facts that Kafka keeps, and of those that a file has.
@Suite(.timeLimit(.minutes(10)))
struct KafkaReportTests {
    private static let moment = Timestamp(millisecondsSince1970: 1_767_225_600_000)

    private func report(_ address: String, kafka: KafkaForTests, _ arguments: String...) async throws -> (
        status: Int32, output: String
    ) {
        let program = try #require(SluiceProcess.executable).path
        let variables = kafka.environment.map { "\($0)=\($1)" }.sorted()
        return try await runTool(
            variables + [
                program, "report", "deployments", "--from", address, "--since", "2026-01-01", "--until", "2027-06-01",
                "--format",
                "json",
            ] + arguments, in: try TemporaryDirectory())
    }

    /// More than a subscription holds at once, over all partitions, with what is no fact among them.
    @Test(.enabled(if: SluiceProcess.executable != nil, "needs the program"))
    func whatKafkaKeepsIsReportedOnceAndWhole() async throws {
        let kafka = try KafkaForTests()
        let facts = HistoryGenerator.make(seed: 7, steps: 3_000).facts
        let publisher = try KafkaPublisher(kafka.client, key: Event.orderingKeySelector)
        let counted = CountedVerdicts(
            counter: "x", entries: [.init(key: .init(service: "web", environment: "e", id: "1"), parts: .kind)])
        for start in stride(from: 0, to: facts.count, by: 500) {
            let messages = facts[start..<min(start + 500, facts.count)].map { $0.message() }
            try await publisher.publish(messages + [counted.message], to: Topic("\(kafka.topic)-facts"))
        }
        await publisher.close()
        let directory = try TemporaryDirectory()
        let file = directory.path + "/facts.jsonl"
        let lines = facts.flatMap { FactLine.write($0) + [UInt8(ascii: "\n")] }
        try Data(lines).write(to: URL(fileURLWithPath: file))
        let expected = try await report(file, kafka: kafka)
        #expect(expected.status == 0 && expected.output.contains("\"kind\":\"rollback\""))
        // Nothing is committed: it says the same again.
        for _ in 0..<2 {
            let found = try await report("kafka:", kafka: kafka)
            #expect(found.status == 0)
            #expect(found.output == expected.output)
        }
        let other = try await report("kafka:", kafka: kafka, "--service", "worker")
        #expect(other.status == 0 && !other.output.contains("\"service\":\"web\""))
    }

    @Test(.enabled(if: SluiceProcess.executable != nil, "needs the program"))
    func anEmptyTopicIsAReportAndAMissingBrokerAnError() async throws {
        let kafka = try KafkaForTests()
        try kafka.mock?.createTopic("\(kafka.topic)-facts")
        let empty = try await report("kafka:", kafka: kafka)
        #expect(empty.status == 0 && empty.output.contains("\"places\":[]"), "\(empty.output)")
        let away = try await report("kafka://127.0.0.1:1", kafka: kafka)
        #expect(away.status == 1 && away.output.hasPrefix("error: "), "\(away.output)")
    }

    /// The file of deployments says the same as its facts, titles too.
    @Test(arguments: [false, true])
    func theFileOfDeploymentsSaysTheSame(_ listsCommits: Bool) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/deployments.sqlite"
        let ledger = try DeploymentLedger(path: path, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let facts = HistoryGenerator.make(seed: 3, steps: 400, .init(lost: 0.05, isWild: true)).facts
        try await ledger.learn(facts.compactMap { FactFixtures.received($0, at: 24 * 500) })
        var history = DeploymentHistory()
        for fact in facts { history.add(fact) }
        var query = DeploymentReport.Query(
            period: .init(from: Self.moment, to: FactFixtures.time(24 * 400)), now: FactFixtures.time(24 * 400))
        query.listsCommits = listsCommits
        let expected = try Written.text(ReportJSON(history.report(query)).write)
        #expect(expected.contains("Change things"))
        let found = try Written.text(ReportJSON(try FactStore(path: path).report(query)).write)
        #expect(found == expected)
    }
}
