import GatewayTestSupport
import Logging
import Sluice
import SluiceKafka
import SluiceMetrics
import SluiceSQLite
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

/// A gateway's store, with what it needs.
struct KafkaRedriveMember {
    let store: KafkaRedriveStore
    private let log: SQLiteLog
    private let queue: KafkaPublisher
    private let topics: KafkaTopics
    private let directory: TemporaryDirectory

    init(_ kafka: KafkaForTests, mostBytes: Int = 900_000) async throws {
        var gateway = GatewayConfiguration()
        kafka.use(in: &gateway)
        let configuration = try #require(gateway.kafka)
        directory = try TemporaryDirectory()
        log = try SQLiteLog.open(SQLiteLog.Configuration(path: directory.path + "/log"))
        let logger = LogRecorder().logger(at: .error)
        queue = try KafkaPublisher(configuration.client, key: Event.orderingKeySelector, logger: logger)
        let topics = try KafkaTopics(configuration.client, logger: logger)
        self.topics = topics
        let keeper = TopicKeeper(
            topics, [], besides: [configuration.redrivePlan], left: nil, PrometheusBackend().instruments,
            logger: logger)
        try await keeper.prepare()
        try await eventually("the topic of jobs") {
            try await topics.partitionCount(of: configuration.redriveTopic) != nil
        }
        store = try KafkaRedriveStore(
            configuration, queue, keeper, handled: log, mostBytes: mostBytes, logger: logger)
    }

    func close() async {
        await store.close()
        await queue.close()
        await topics.close()
        await log.close()
    }

    /// A job as it is known here.
    func kept(_ record: RedriveRecord) -> KafkaRedriveState.Kept? {
        store.state.withLock { $0.kept.jobs[record.job.id] }
    }

    /// How many wait for the topic.
    var waiting: Int { store.state.withLock(\.waiters.count) }

    /// Its own records have come back.
    func catchUp() async throws { _ = try await store.records() }
}

/// These read the topic of jobs for as long as `body` runs.
func whileReading<Value: Sendable>(_ members: [KafkaRedriveMember], _ body: () async throws -> Value) async throws
    -> Value
{
    try await withThrowingTaskGroup(of: Void.self) { group in
        for member in members { group.addTask { await member.store.follow() } }
        defer { group.cancelAll() }
        return try await body()
    }
}
