import CRDKafka
import Logging
import Sluice
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceKafka

/// What is settled is committed before a partition goes to another member, and before a consumer ends.
///
/// Nothing is committed in between: what came again would be all of it.
@Suite(.timeLimit(.minutes(10)))
struct LastCommitTests {
    private static let count = 400

    /// A group of which one member has read everything and settled some of it.
    private struct Scene {
        let cluster: GroupCluster
        let kafka: KafkaConfiguration
        let topic: Topic
        let group = "g"
        let log = LogRecorder()
        let first: KafkaSubscriber
        let subscription: Subscription
        /// What the first member holds, and has not settled.
        var held: [Delivery]
        let settled: Set<String>

        init(
            strategy: String? = nil, settling: Int = LastCommitTests.count * 3 / 4,
            configure: (inout KafkaSubscriber.Configuration) -> Void = { _ in }
        ) async throws {
            cluster = try GroupCluster()
            var kafka = KafkaConfiguration(brokers: cluster.bootstrap)
            kafka.properties["fetch.wait.max.ms"] = "5"
            if let strategy { kafka.properties["partition.assignment.strategy"] = strategy }
            topic = Topic("t")
            try cluster.mock.createTopic(topic.name, partitions: 4)
            let producer = try RawProducer(kafka)
            for partition in Int32(0)..<4 {
                try producer.produce(
                    texts: (0..<LastCommitTests.count / 4).map { "\(partition)/\($0)" }, partition: partition, to: topic
                )
            }
            self.kafka = kafka
            var options = Self.options
            configure(&options)
            first = try KafkaSubscriber(kafka, group: group, configuration: options, logger: log.logger)
            subscription = try await first.subscribe(to: topic)
            let deliveries = try await subscription.receive(LastCommitTests.count).shuffled()
            settled = Set(deliveries.prefix(settling).map(\.message.text))
            for delivery in deliveries.prefix(settling) { delivery.acknowledge() }
            held = Array(deliveries.dropFirst(settling))
        }

        static var options: KafkaSubscriber.Configuration {
            var options = KafkaSubscriber.Configuration()
            options.heartbeatInterval = .milliseconds(200)
            options.sessionTimeout = .seconds(30)
            options.commitInterval = .seconds(3_600)
            options.drainTimeout = .seconds(30)
            return options
        }

        func join() async throws -> (KafkaSubscriber, Subscription) {
            let second = try KafkaSubscriber(kafka, group: group, configuration: Self.options, logger: .silent)
            return (second, try await second.subscribe(to: topic))
        }

        /// Everything that was not settled comes to the second member, and nothing that was.
        func expectTheRest(_ subscription: Subscription) async throws {
            var texts: Set<String> = []
            while texts.count < LastCommitTests.count - settled.count {
                let delivery = try await subscription.receive(1)[0]
                let text = delivery.message.text
                try #require(!settled.contains(text), "\(text) was settled, and came again; \(log.lines)")
                texts.insert(text)
                delivery.acknowledge()
            }
        }
    }

    /// When the first member ends.
    enum Moment: CaseIterable {
        /// It does not know yet that another joins.
        case unaware
        /// It has asked for its new place and waits for the answer.
        case joining
        /// Its new place is just being given.
        case answered
        /// It is to give partitions up, while handlers hold messages of them.
        case draining
    }

    @Test(arguments: Moment.allCases, ["cooperative-sticky", "range"])
    func nothingSettledComesAgainWhenAMemberEndsWhileAnotherJoins(_ moment: Moment, strategy: String) async throws {
        var scene = try await Scene(strategy: strategy)
        let (cluster, group) = (scene.cluster, scene.group)
        cluster.holdJoins(of: group)
        // An eager member drains before it joins.
        if moment != .draining || strategy == "range" { scene.held = [] }
        let (second, other) = try await scene.join()
        try await eventually("the second member's request") { cluster.members(of: group) == 2 }
        // Each last commit is refused at first.
        cluster.mock.fail(.offsetCommit, [RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS])
        if moment != .unaware {
            try await eventually("the first member's request") { cluster.joining(group) == 2 }
        }
        switch moment {
        case .answered: cluster.releaseJoins(of: group)
        case .draining:
            cluster.releaseJoins(of: group)
            try await eventually("all know their places") { cluster.isStable(group) }
        case .unaware, .joining: break
        }
        let (first, subscription) = (scene.first, scene.subscription)
        async let end: Void = first.close()
        try await eventually("the end of the subscription") { subscription.isEnded }
        cluster.releaseJoins(of: group)
        await end
        scene.held = []
        try await scene.expectTheRest(other)
        await second.close()
    }

    /// A broker that answers a last commit with an error for a while takes it later.
    @Test(arguments: [true, false])
    func aLastCommitIsTriedAgain(atTheEnd: Bool) async throws {
        var scene = try await Scene()
        scene.held = []
        scene.cluster.mock.fail(
            .offsetCommit, Array(repeating: RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, count: 3))
        if atTheEnd { await scene.first.close() }
        let (second, other) = try await scene.join()
        if !atTheEnd {
            let (cluster, group) = (scene.cluster, scene.group)
            try await eventually("the first member's second place") { cluster.generation(of: group) >= 3 }
            await scene.first.close()
        }
        try await scene.expectTheRest(other)
        await second.close()
    }

    /// What is tried again is one line for each kind of failure, and one when it ends.
    @Test func whatFailsForAWhileIsToldOnce() async throws {
        var scene = try await Scene { $0.commitInterval = .milliseconds(10) }
        let (mock, log) = (scene.cluster.mock, scene.log)
        func count(_ text: String) -> Int {
            log.lines.count { $0.hasPrefix("warning") && $0.contains(text) || $0.hasPrefix("notice \(text)") }
        }
        mock.fail(
            .offsetCommit,
            (0..<4).map { $0 % 2 == 0 ? RD_KAFKA_RESP_ERR_UNKNOWN : RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE })
        scene.held = []
        for delivery in try await scene.subscription.receive(1) { delivery.acknowledge() }
        try await eventually("commits again") { count("commits succeed again") == 1 }
        #expect(count("committing failed") == 2, "\(log.lines)")
        await scene.first.close()

        mock.fail(.offsetFetch, Array(repeating: RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, count: 3))
        let second = try KafkaSubscriber(
            scene.kafka, group: scene.group, configuration: Scene.options, logger: log.logger)
        _ = try await second.subscribe(to: scene.topic).receive(1)
        #expect(count("the group's offsets cannot be read") == 1, "\(log.lines)")
        #expect(count("the group's offsets are read again") == 1)
        await second.close()
    }

    /// A subscription ends in time where no commit is taken, and says how much comes again.
    @Test func whatCannotBeCommittedIsCountedAndGivenUpAtTheLimit() async throws {
        var scene = try await Scene { $0.commitTimeout = .milliseconds(700) }
        scene.held = []
        scene.cluster.mock.fail(
            .offsetCommit, Array(repeating: RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, count: 1_000))
        let start = ContinuousClock.now
        await scene.first.close()
        #expect(ContinuousClock.now - start >= .milliseconds(700))
        let line = try #require(scene.log.lines.first { $0.contains("left without the last commit") })
        #expect(line.hasPrefix("warning") && line.contains("settled=\(scene.settled.count)"), "\(line)")
    }
}
