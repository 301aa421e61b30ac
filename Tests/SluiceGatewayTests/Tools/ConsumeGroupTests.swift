import Foundation
import GatewayTestSupport
import Glibc
import Logging
import Sluice
import SluiceKafka
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceGateway

/// `sluice consume --group` as a program that is stopped while its group changes.
@Suite(.timeLimit(.minutes(10)))
struct ConsumeGroupTests {
    /// When the program is told to end.
    enum Moment: CaseIterable {
        /// Another consumer has asked for a place; the program does not know yet.
        case unaware
        /// The program has asked for its new place too.
        case joining
        /// Places have just been given.
        case answered
    }

    @Test(arguments: Moment.allCases)
    func whatWasWrittenBeforeSIGTERMDoesNotComeAgain(_ moment: Moment) async throws {
        // The coordinator may give up a member that a busy machine holds up: then the program says so, and what it wrote comes again.
        for _ in 0..<3 where try await keepsWhatWasWritten(moment) { return }
        Issue.record("the group has given the consumer up three times")
    }

    /// - Returns: false where the group has given the first one up, which is another matter.
    private func keepsWhatWasWritten(_ moment: Moment) async throws -> Bool {
        let count = 2_000
        let cluster = try GroupCluster()
        let (topic, group) = (Topic("t"), "g")
        try cluster.mock.createTopic(topic.name, partitions: 4)
        var configuration = KafkaConfiguration(brokers: cluster.bootstrap)
        configuration.properties = ["fetch.wait.max.ms": "5", "heartbeat.interval.ms": "300"]
        let address = BrokerAddress.kafka(configuration)
        #expect(try await address.publish((0..<count).map { "\($0)\n" }, to: topic) == count)
        let directory = try TemporaryDirectory()
        let environment = [
            "KAFKA_PROPERTIES": configuration.properties.map { "\($0)=\($1)" }.joined(separator: ",")
        ]
        func consumer() throws -> SluiceProcess {
            try SluiceProcess(
                environment,
                ["consume", "--from", "kafka://\(cluster.bootstrap[0])", "--group", group, topic.name], in: directory)
        }
        let first = try consumer()
        try await eventually("everything is written; it says: \(first.errors)") {
            first.lines.count == count
        }
        cluster.holdJoins(of: group)
        let second = try consumer()
        try await eventually("the second asks for a place") { cluster.members(of: group) == 2 }
        if moment != .unaware {
            try await eventually("the first asks for a place") { cluster.joining(group) == 2 }
        }
        if moment == .answered { cluster.releaseJoins(of: group) }
        first.signal(SIGTERM)
        // A slow machine lets it hear of the change before it ends: then it waits for its place, like one that is joining.
        try await eventually("the first is ending, or has") {
            !first.isRunning || moment != .unaware || cluster.joining(group) == 2
        }
        cluster.releaseJoins(of: group)
        #expect(try await first.exitStatus() == 0)
        #expect(first.errors.contains("\(first.lines.count) messages consumed"))
        guard !first.errors.contains("the group has given this consumer up") else { return false }
        let topics = try KafkaTopics(configuration, logger: Logger(label: "test"))
        let positions = try await topics.positions(of: topic, group: group)
        await topics.close()
        #expect(positions.count == 4 && positions.values.allSatisfy { $0.committed == $0.end }, "\(positions)")
        #expect(try await address.publish((0..<4).map { "last \($0)\n" }, to: topic) == 4)
        try await eventually("what came last; it says: \(second.errors)") {
            second.lines.count { $0.hasPrefix("last") } == 4
        }
        second.signal(SIGTERM)
        #expect(try await second.exitStatus() == 0)
        let again = Set(second.lines).intersection(first.lines)
        #expect(again.isEmpty, "\(again.count) of \(first.lines.count) lines came again; \(first.errors)")
        return true
    }
}

extension SluiceProcess {
    fileprivate var lines: [Substring] { standardOutput.split(separator: "\n") }
}
