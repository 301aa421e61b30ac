public import Logging
public import Sluice
import Synchronization

/// Looks after topics: creates them, and tells how far a group is behind.
///
/// ```swift
/// let topics = try KafkaTopics(kafka)
/// try await topics.create("orders", partitions: 6, replication: 3, retention: .seconds(7 * 86_400))
/// ```
///
/// It keeps one client and one thread, on which all of its requests run one after the other. A call whose task is
/// cancelled ends within some seconds, with an error, however long the brokers take.
public final class KafkaTopics: Closable {
    private let client: AdminClient
    private let calls: BlockingCalls
    private let thread: WorkerThread
    private let timeout: Duration
    private let times = RecordTimes()
    let logger: Logger

    /// Starts the client, which looks for its brokers in the background.
    /// - Parameters:
    ///   - configuration: which cluster.
    ///   - timeout: how long one call may take once its turn has come. Default 10 s; from 1 ms to an hour.
    ///   - logger: takes librdkafka's logs too.
    /// - Throws: `ConfigurationError`, which names the field, for a value out of its range or one that librdkafka refuses;
    ///   ``KafkaError`` when the system refuses a thread.
    public convenience init(
        _ configuration: KafkaConfiguration, timeout: Duration = .seconds(10),
        logger: Logger = Logger(label: "sluice.kafka")
    ) throws {
        try self.init(configuration, timeout: timeout, readsRecords: false, logger: logger)
    }

    /// - Parameter readsRecords: whether it is for reading many records (``records(of:partition:from:through:limit:)``): it
    ///   then fetches ahead.
    package init(
        _ configuration: KafkaConfiguration, timeout: Duration, readsRecords: Bool, logger: Logger
    ) throws {
        try ConfigurationCheck.all(of: "KafkaTopics") { check in
            check("timeout", timeout, in: .milliseconds(1) ... .seconds(3_600))
            check.include { () throws(ConfigurationError) in try configuration.requireSense() }
        }
        let monitor = ClientMonitor(
            secrets: configuration.secrets, logger: logger, meter: nil, diary: configuration.diary)
        let client: AdminClient
        do throws(KafkaError) {
            client = try AdminClient { () throws(KafkaError) in
                try NativeClient(.consumer, Self.native(configuration, readsRecords), monitor: monitor)
            }
        } catch {
            throw configuration.refusal(error)
        }
        let calls = BlockingCalls(wake: { client.wake() })
        self.client = client
        self.calls = calls
        self.timeout = timeout
        self.logger = logger
        do {
            thread = try WorkerThread(name: "sluice-kafka-adm") {
                calls.run {
                    if !client.renew() { _ = client.current.poll(milliseconds: -1) }
                }
                client.end()
            }
        } catch {
            throw KafkaError(.systemResource, detail: "\(error)")
        }
    }

    deinit {
        calls.close()
    }

    /// A consumer without a group: unlike a producer it creates no topic by looking for it, and it counts as read only
    /// what is committed.
    private static func native(
        _ configuration: KafkaConfiguration, _ readsRecords: Bool
    ) throws(KafkaError) -> NativeConfiguration {
        try configuration.native(
            options: [
                ("statistics.interval.ms", "0"),
                // Of a partition that is read at all, one record is.
                ("queued.min.messages", readsRecords ? "\(mostRecords)" : "1"),
                ("fetch.message.max.bytes", readsRecords ? "1048576" : "65536"),
            ] + (readsRecords ? [("queued.max.messages.kbytes", "16384")] : []),
            required: [("allow.auto.create.topics", "false"), ("enable.auto.commit", "false")]
                + (readsRecords ? [("enable.partition.eof", "true"), ("auto.offset.reset", "earliest")] : []))
    }

    /// Creates the topic where it is missing. One that exists stays as it is.
    /// - Parameters:
    ///   - topic: its name.
    ///   - partitions: how many; from 1.
    ///   - replication: how many brokers keep each; nil takes the brokers' default.
    ///   - retention: how long messages are kept (`retention.ms`); nil takes the brokers' default.
    /// - Throws: ``KafkaError``, also when the brokers do not answer in time.
    public func create(
        _ topic: Topic, partitions: Int32, replication: Int16?, retention: Duration?
    ) async throws {
        var wanted = KafkaTopicPlan(topic, partitions: partitions, replication: replication, retention: retention)
        wanted.settings = retention.map { [KafkaTopicPlan.Setting("retention.ms", $0.milliseconds)] } ?? []
        try await create(wanted)
    }

    /// Creates the topic where it is missing, with everything that the plan states. One that exists stays as it is.
    /// - Throws: `ConfigurationError` for a number out of its range; ``KafkaError``, also when the brokers do not answer in time.
    public func create(_ plan: KafkaTopicPlan) async throws {
        let (topic, partitions, replication) = (plan.topic, plan.partitions, plan.replication)
        try topic.validateForKafka()
        try ConfigurationCheck.all(of: "KafkaTopicPlan") { check in
            check("partitions", partitions, in: 1...)
            check("replication", replication, in: 1...)
        }
        let outcome = try await perform { call throws(KafkaError) in try call.create(plan) }
        switch outcome {
        case .created: logger.notice("created the topic", metadata: ["topic": "\(topic)"])
        case .exists(let count) where count != partitions:
            logger.notice(
                "the topic exists with another number of partitions",
                metadata: ["topic": "\(topic)", "partitions": "\(count)", "configured": "\(partitions)"])
        case .exists: break
        }
    }

    /// How many partitions the topic has; nil where there is no such topic. Asking creates none.
    /// - Throws: ``KafkaError``, also when the brokers do not answer in time.
    public func partitionCount(of topic: Topic) async throws(KafkaError) -> Int? {
        try topic.validateForKafka()
        return try await perform { call throws(KafkaError) in try call.partitions(of: topic.name)?.count }
    }

    /// What the topic is; nil where there is none. Looking makes none.
    /// - Parameters:
    ///   - topic: its name.
    ///   - settings: whether to ask for its settings too, which costs a request and a permission (DescribeConfigs).
    /// - Throws: ``KafkaError``, also when the brokers do not answer in time.
    public func describe(_ topic: Topic, settings: Bool = true) async throws(KafkaError) -> KafkaTopicDescription? {
        try topic.validateForKafka()
        return try await perform { call throws(KafkaError) in
            try call.describe(topic.name, settings: settings)
        }
    }

    /// How many messages of each partition lie beyond what the group has committed; all that there are where it has
    /// committed nothing. Empty where there is no such topic.
    ///
    /// It costs some four requests to the brokers.
    /// - Throws: `ConfigurationError` for a group without a name; ``KafkaError``, also when the brokers do not answer in time.
    public func backlog(of topic: Topic, group: String) async throws -> [Int32: Int64] {
        try Self.check(group)
        try topic.validateForKafka()
        return try await perform { call throws(KafkaError) in
            try call.unread(of: topic.name, group: group).mapValues(\.messages)
        }
    }

    /// How far a group is behind: its ``backlog(of:group:)``, and when the first record of each was made, which costs
    /// reading that record once.
    /// - Parameters:
    ///   - topic: what it reads.
    ///   - group: its name.
    ///   - limit: how long it may take; nil is the `timeout` of all calls. The times that are not known by then
    ///     are missing.
    /// - Throws: `ConfigurationError` for a group without a name; ``KafkaError``, also when the brokers do not answer in time.
    public func lag(
        of topic: Topic, group: String, within limit: Duration? = nil
    ) async throws -> KafkaLag {
        try Self.check(group)
        try topic.validateForKafka()
        let times = times
        return try await perform(within: limit) { call throws(KafkaError) in
            try call.lag(of: topic.name, group: group, times)
        }
    }

    static func check(_ group: String) throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "KafkaTopics") { $0("group", !group.isEmpty, expected: "a name") }
    }

    /// Ends what waits for its turn and closes the connections.
    public func close() async {
        calls.close()
        await thread.end()
    }

    private final class Cancellation: Sendable {
        let isRequested = Atomic<Bool>(false)
    }

    func perform<Value: Sendable>(
        within limit: Duration? = nil,
        _ body: @escaping @Sendable (borrowing AdminCall) throws(KafkaError) -> Value
    ) async throws(KafkaError) -> Value {
        let timeout = min(timeout, limit ?? timeout)
        let (client, calls) = (client, calls)
        let cancellation = Cancellation()
        let outcome = await withTaskCancellationHandler {
            do throws(KafkaError) {
                return Result<Value, KafkaError>.success(
                    try await calls.perform { () throws(KafkaError) in
                        _ = client.renew()
                        return try body(
                            AdminCall(
                                client.current, deadline: MonotonicTime.now().advanced(by: timeout),
                                isUnwanted: { [weak calls] in
                                    cancellation.isRequested.load(ordering: .relaxed) || calls?.isClosed != false
                                }, onGivingUp: { client.spoil() }))
                    })
            } catch {
                return .failure(error)
            }
        } onCancel: {
            cancellation.isRequested.store(true, ordering: .relaxed)
        }
        return try outcome.get()
    }
}
