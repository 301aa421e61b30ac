import Logging
import Sluice
import SluiceKafka
import SluiceSQLite
import Synchronization

/// Jobs on Kafka: records on a topic of their own, `KAFKA_TOPIC` and `-redrive`, that every gateway of the group reads and obeys.
///
/// What has become of a message is one record: it is settled in the poison queue, and the job counts it. A message that has
/// failed again is put there before, and counts once that record is there. Brokers have a message's record before the next
/// message sets out; the worker may be a few ahead of what it has read back.
final class KafkaRedriveStore: RedriveStore {
    /// What a job may take up in one record: brokers take little more than that.
    let mostBytes: Int
    /// How long it may take to read what is there.
    private static let patience: Duration = .seconds(20)
    private static let publishTimeout: Duration = .seconds(8)

    let topic: Topic
    let events: Topic
    var poison: Topic { poisonQueue.topic }
    let isPartitioned = true
    let configuration: GatewayConfiguration.Kafka
    let poisonQueue: KafkaPoisonQueue
    private let keeper: TopicKeeper
    /// Of the queue.
    let queue: KafkaPublisher
    private let writer: KafkaPublisher
    /// Which messages this gateway has handled.
    let log: SQLiteLog
    /// What it has delivered and not told the others yet.
    let delivered = DeliveredBook()
    /// As whom it tells them.
    let gateway = KafkaRedriveStore.token()
    let logger: Logger
    let state = Mutex(State())

    struct State {
        var kept = KafkaRedriveState()
        /// The offset of the last record that was taken; nil until all that was there at the start was.
        var through: Int64?
        var problem: String?
        /// Until more of the topic is known.
        var waiters = WaitList<Result<Void, any Error>>()
        /// By job, the name under which this gateway works it off.
        var owners: [Int64: String] = [:]
        /// By job, the last record that this gateway has written as its worker.
        var written: [Int64: KafkaRedriveMark] = [:]
        /// By job, which of its messages is in the poison queue anew, though the job has not counted it yet.
        var copied: [Int64: Int64] = [:]
        /// What the poison queue's group had settled, as it was known last.
        var committed = PlaceSet()
        /// Whether that group lacks what was settled here.
        var isBehind = false
        var keptUp = MonotonicTime(nanoseconds: 0)
        /// When it was told last what was delivered, and when what says nothing any more was taken away.
        var (deliveredAt, cleanedAt) = (MonotonicTime(nanoseconds: 0), MonotonicTime(nanoseconds: 0))
    }

    /// - Parameters:
    ///   - queue: publishes to the poison topic.
    ///   - keeper: looks after the topics.
    ///   - mostBytes: what a job may take up in one record.
    init(
        _ configuration: GatewayConfiguration.Kafka, _ queue: KafkaPublisher, _ keeper: TopicKeeper,
        handled log: SQLiteLog, mostBytes: Int = 900_000, logger: Logger
    ) throws {
        self.mostBytes = mostBytes
        topic = configuration.redriveTopic
        events = Topic(configuration.topic)
        self.configuration = configuration
        self.queue = queue
        self.keeper = keeper
        self.log = log
        self.logger = logger
        poisonQueue = try KafkaPoisonQueue(configuration, logger: logger)
        var options = KafkaPublisher.Configuration()
        options.deliveryTimeout = Self.publishTimeout
        options.createsMissingTopics = false
        options.marshaler = FirstPartition()
        writer = try KafkaPublisher(
            configuration.client, key: .metadata(KafkaRedriveRecord.keyName), configuration: options, logger: logger)
    }

    var problem: String? {
        guard keeper.problem == nil else { return nil }
        return topicAbsence ?? state.withLock(\.problem)
    }

    func close() async {
        if absence == nil { await writeDelivered(isLast: true) }
        await poisonQueue.close()
        await writer.close()
    }

    var reader: KafkaTopics { poisonQueue.reader }
    var prefix: String { poisonQueue.prefix }

    /// Why the topic cannot be used; nil where it can.
    var absence: String? { keeper.problem ?? topicAbsence }

    private var topicAbsence: String? {
        keeper.absence(of: topic).map {
            $0.contains(topic.name) ? $0 : "the topic \(topic) cannot be used: \($0)"
        }
    }

    // MARK: Records

    /// Returns when the brokers have the records. They are known here once they are read.
    func publish(_ records: [KafkaRedriveRecord]) async throws {
        try await writer.publish(records.map { $0.message(prefix: prefix) }, to: topic)
    }

    func takeAway(_ keys: [String]) async throws {
        let messages = keys.map { KafkaRedriveRecord.tombstone($0, prefix: prefix) }
        try await writer.publish(messages + [KafkaRedriveRecord.nothing.message(prefix: prefix)], to: topic)
    }

    /// Returns once everything is known that is on the topic now.
    /// - Throws: ``ControlFailure``.
    func catchUp() async throws {
        if let reason = absence { throw ControlFailure(.failed, "Kafka keeps no jobs: \(reason)") }
        do {
            let bounds = try await reader.bounds(of: topic)[0] ?? 0..<0
            guard !bounds.isEmpty else { return }
            try await wait(through: bounds.upperBound - 1)
        } catch is DeadlineError {
            throw ControlFailure(
                .failed, "the topic \(topic) is not read in time\(state.withLock(\.problem).map { ": \($0)" } ?? "")")
        } catch let error as KafkaError {
            throw ControlFailure(.failed, "the topic \(topic) cannot be read: \(error)")
        }
    }

    private func wait(through offset: Int64) async throws {
        try await wait { state in state.through.map { $0 >= offset } == true ? .success(()) : nil }
    }

    /// Waits until what is known of the topic says it.
    /// - Throws: ``DeadlineError``, and what `outcome` says.
    func wait(until outcome: @escaping @Sendable (inout State) -> Result<Void, any Error>?) async throws {
        if let known = state.withLock({ outcome(&$0) }) { return try known.get() }
        try await withDeadline(Self.patience) { [self] in
            var isKnown = false
            while !isKnown {
                try await state.wait(in: \.waiters) { state in
                    let known = outcome(&state)
                    isKnown = known != nil
                    return known
                }
            }
        }
    }

    static func token() -> String {
        let text = String(UInt64.random(in: 0..<(1 << 48)), radix: 16)
        return String(repeating: "0", count: 12 - text.count) + text
    }
}

/// Watermill's form, in the first partition: only one keeps the order of all records.
private struct FirstPartition: KafkaMarshaler {
    func marshal(_ message: Message, to topic: Topic, into record: inout KafkaRecord) throws {
        WatermillMarshaler().marshal(message, to: topic, into: &record)
        record.partition = 0
        if message.payload.isEmpty { record.value = nil }
    }

    func unmarshal(_ record: KafkaRecord, from topic: Topic) throws -> Message {
        WatermillMarshaler().unmarshal(record, from: topic)
    }
}

extension GatewayConfiguration.Kafka {
    /// The topic of jobs, without which the queue can do.
    var redriveTopic: Topic { Topic("\(topic)-redrive") }

    /// That topic as it shall be: of each key the newest record stays for ever.
    var redrivePlan: KafkaTopicPlan {
        var plan = KafkaTopicPlan(redriveTopic, partitions: 1, replication: replication, retention: nil)
        // A job of many messages writes a record for each, of which only the last is worth keeping.
        plan.settings = [.init("cleanup.policy", "compact"), .init("segment.ms", "86400000")]
        return plan
    }
}
