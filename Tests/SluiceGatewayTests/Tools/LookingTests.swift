import CRDKafka
import Foundation
import GatewayTestSupport
import Logging
import Sluice
import SluiceAMQP
import SluiceSQLite
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceGateway

/// `sluice consume` makes nothing and takes nothing that it was not told to take.
@Suite(.timeLimit(.minutes(10)), .enabled(if: SluiceProcess.executable != nil, "needs the program"))
struct LookingTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func consume(_ arguments: [String], before: [String] = []) async throws -> (status: Int32, output: String) {
        let program = try #require(SluiceProcess.executable).path
        return try await runTool(
            before + [program, "consume", "--idle", "0.2"] + arguments, in: try TemporaryDirectory())
    }

    private func files() throws -> [String: Int] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: directory.path)
        return try Dictionary(
            uniqueKeysWithValues: names.map { name in
                let attributes = try FileManager.default.attributesOfItem(atPath: "\(directory.path)/\(name)")
                return (name, attributes[.size] as? Int ?? 0)
            })
    }

    private var log: String { directory.path + "/events.sqlite" }

    private func write(_ texts: [String], closing: Bool = true) async throws -> SQLiteLog {
        let log = try SQLiteLog.open(SQLiteLog.Configuration(path: log))
        try await log.publisher().publish(texts.map { Message(payload: Array($0.utf8)) }, to: "t")
        if closing { await log.close() }
        return log
    }

    @Test func aMisspeltFileOrTopicOfTheLogIsAnErrorAndMakesNothing() async throws {
        for path in ["\(directory.path)/none.sqlite", directory.path, "\(directory.path)/a/b"] {
            for group in [[], ["--group", "g"]] {
                let answer = try await consume(["--from", "sqlite:\(path)"] + group + ["t"])
                #expect(answer.status == 1 && answer.output.contains("there is no such file"), "\(answer.output)")
            }
        }
        #expect(try files().isEmpty)
        _ = try await write(["one"])
        let before = try files()
        for group in [[], ["--group", "g"]] {
            let answer = try await consume(["--from", "sqlite:\(directory.path)"] + group + ["tt"])
            #expect(answer.status == 1 && answer.output.contains("has no topic tt"), "\(answer.output)")
        }
        #expect(try files() == before)
        try Data("text".utf8).write(to: URL(filePath: "\(directory.path)/text"))
        try Data().write(to: URL(filePath: "\(directory.path)/empty"))
        for name in ["text", "empty"] {
            let answer = try await consume(["--from", "sqlite:\(directory.path)/\(name)", "t"])
            #expect(answer.status == 1 && answer.output.contains("is not a Sluice log"), "\(answer.output)")
        }
        #expect(try files().count == before.count + 2)
    }

    @Test func lookingLeavesTheFilesOfAStoppedServiceAsTheyWere() async throws {
        _ = try await write(["one", "two"])
        let before = try files()
        let answer = try await consume(["--from", "sqlite:\(directory.path)", "t"])
        #expect(answer.status == 0 && answer.output.hasPrefix("one\ntwo\n"), "\(answer.output)")
        #expect(try files() == before)
    }

    @Test func whatARunningServiceCommitsIsSeenAsItComes() async throws {
        let running = try await write(["one"], closing: false)
        let names = try files().keys.sorted()
        let source = try await BrokerAddress.sqlite(path: log).messages(of: "t", ConsumeOptions())
        #expect(try await source.next(10)?.map(\.message.payload) == [Array("one".utf8)])
        for text in ["two", "three"] {
            try await running.publisher().publish([Message(payload: Array(text.utf8))], to: "t")
            #expect(try await source.next(10)?.map(\.message.payload) == [Array(text.utf8)])
        }
        await source.close()
        #expect(try files().keys.sorted() == names)
        await running.close()
    }

    /// Who may only read: the files of a service that is stopped, and those of one that runs.
    @Test(
        .enabled(if: geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv"), "needs root"))
    func readingIsAllThatLookingMustBeAllowed() async throws {
        let another = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        let running = try await write(["one"], closing: false)
        func allow(_ mode: Int, _ files: Int) throws {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: directory.path)
            for name in try FileManager.default.contentsOfDirectory(atPath: directory.path) {
                try FileManager.default.setAttributes(
                    [.posixPermissions: files], ofItemAtPath: "\(directory.path)/\(name)")
            }
        }
        try allow(0o555, 0o444)
        var answer = try await consume(["--from", "sqlite:\(directory.path)", "t"], before: another)
        #expect(answer.status == 0 && answer.output.hasPrefix("one\n"), "\(answer.output)")
        await running.close()
        let before = try files()
        try allow(0o555, 0o444)
        answer = try await consume(["--from", "sqlite:\(directory.path)", "t"], before: another)
        #expect(answer.status == 0 && answer.output.hasPrefix("one\n"), "\(answer.output)")
        #expect(try files() == before)
        try allow(0o700, 0o600)
        answer = try await consume(["--from", "sqlite:\(log)", "t"], before: another)
        #expect(answer.status == 1 && answer.output.contains("may not be searched"), "\(answer.output)")
    }

    @Test func aMisspeltTopicOfKafkaIsAnErrorAndMakesNothing() async throws {
        let kafka = try KafkaForTests()
        // A mock cluster makes every topic that it is asked about.
        try kafka.faults().setTopicError("none", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        for group in [nil, "g"] {
            var options = ConsumeOptions()
            options.group = group
            let error = await #expect(throws: ToolError.self) {
                try await BrokerAddress.kafka(kafka.client).messages(of: "none", options)
            }
            #expect(error?.description == "the brokers have no topic none")
        }
    }

    @Test(.enabled(if: RabbitMQBroker.isInstalled, "needs rabbitmq-server"))
    func aMisspeltQueueIsAnErrorAndMakesNothing() async throws {
        let broker = try await RabbitMQBroker.shared()
        let queue = "missing-\(UUID().uuidString)"
        for peek in [[], ["--peek"]] {
            let answer = try await consume(["--from", broker.uri()] + peek + [queue])
            #expect(answer.status == 1 && answer.output.contains("no queue '\(queue)'"), "\(answer.output)")
            #expect(answer.output.matches(of: /NOT_FOUND/).count == 1, "printed once: \(answer.output)")
        }
        #expect(try await !broker.control("list_queues", "name").contains(queue))
    }

    @Test(.enabled(if: RabbitMQBroker.isInstalled, "needs rabbitmq-server"))
    func aQueueOfRabbitMQKeepsWhatIsPeekedAtAndGivesWhatIsConsumed() async throws {
        let broker = try await RabbitMQBroker.shared()
        let queue = "peeked-\(UUID().uuidString)"
        let address = BrokerAddress.amqp(try AMQPConfiguration(uri: broker.uri()))
        #expect(try await address.publish(["one\ntwo\nthree\n"], to: Topic(queue)) == 3)
        for _ in 0..<2 {
            let answer = try await consume(["--from", broker.uri(), "--peek", queue])
            #expect(answer.output.hasPrefix("one\ntwo\nthree\n"), "\(answer.output)")
        }
        let two = try await consume(["--from", broker.uri(), "--peek", "--count", "2", queue])
        #expect(two.output.hasPrefix("one\ntwo\n2 messages"), "\(two.output)")
        let taken = try await consume(["--from", broker.uri(), queue])
        #expect(taken.output.hasPrefix("one\ntwo\nthree\n"), "\(taken.output)")
        #expect(try await consume(["--from", broker.uri(), queue]).output == "0 messages consumed\n")
    }
}
