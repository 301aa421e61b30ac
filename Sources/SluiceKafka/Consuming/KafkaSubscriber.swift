public import Logging
public import Sluice
import Synchronization

/// Reads topics of Kafka for one consumer group, or for itself alone.
///
/// ```swift
/// let orders = try KafkaSubscriber(kafka, group: "invoicing", configuration: .init(start: .end, maxInFlight: 64))
/// ```
///
/// Each subscription is a member of the group with a client and a thread of its own, which polls however slow the
/// route is, and stops fetching while the subscription is full. Any ordering of the route is fine: only the contiguous
/// settled prefix of a partition is committed, and what was settled beyond it is remembered in the commit's metadata,
/// so that a restart redelivers only what was in flight.
///
/// A route by key goes on past a message that fails: what waits behind it is put aside in memory. That ends, and the
/// partition is paused, when what is settled behind it fills a commit's metadata (some thousand messages, where keys
/// alternate), or what is put aside the memory that it may take; ``KafkaLag/Partition/holder`` then names the message.
///
/// Rejected messages are kept in memory and come back after their delay; the partition goes on behind them. A record
/// that the marshaler cannot read is delivered as a message with the record's bytes, whose handling fails with the
/// marshaler's error (`Delivery/Origin/failure`).
public final class KafkaSubscriber: Subscriber {
    public let name = "kafka"
    public let defaultOrdering = Ordering.serial
    /// The group's name; nil when every partition is read and nothing is committed.
    public let group: String?
    public var consumerGroup: String? { group }

    private let configuration: KafkaConfiguration
    private let options: Configuration
    private let logger: Logger
    private let meter: ClientMeter?
    private let state = Mutex(State())

    private struct State {
        var consumers: [TopicConsumer] = []
        var isClosed = false
    }

    /// - Parameters:
    ///   - configuration: how the brokers are reached.
    ///   - options: how it reads.
    ///   - logger: what the client says goes there.
    ///   - group: its name. Members of a group share a topic's partitions. Nil reads all partitions of a topic for
    ///     itself, from `start` on each time, and commits nothing.
    ///   - instruments: where the client's metrics go, with the component `kafka-<group>`; nil for nowhere.
    /// - Throws: `ConfigurationError`, which names the field, for a value out of its range or one that librdkafka refuses. An
    ///   unreachable cluster is no error: ``connectionState`` tells.
    public init(
        _ configuration: KafkaConfiguration, group: String?, configuration options: Configuration = Configuration(),
        logger: Logger = Logger(label: "sluice.kafka"),
        instruments: Instruments? = nil
    ) throws {
        try ConfigurationCheck.all(of: "KafkaSubscriber") { check in
            check("group", group != "", expected: "a name, or nil")
            check.include { () throws(ConfigurationError) in try configuration.requireSense() }
            check.include { () throws(ConfigurationError) in try options.validate() }
        }
        var logger = logger
        logger[metadataKey: "group"] = group.map { "\($0)" }
        self.configuration = configuration
        self.group = group
        self.options = options
        self.logger = logger
        meter = instruments.map { ClientMeter($0, component: group.map { "kafka-\($0)" } ?? "kafka", .consumer) }
        // What librdkafka checks only when it makes a client is refused here too.
        do throws(KafkaError) {
            try TopicConsumer.Plan(configuration, group: group, options: options).validate()
        } catch {
            throw configuration.refusal(error)
        }
    }

    deinit {
        for consumer in state.withLock(\.consumers) { consumer.end() }
    }

    /// Whether the cluster can be reached, and why not. Of several subscriptions, the worst.
    public var connectionState: KafkaConnectionState {
        let states = live.map(\.connectionState)
        return states.first { !$0.isConnected } ?? states.first
            ?? KafkaConnectionState(isConnected: false, reason: "no subscription")
    }

    /// The last figures of the client, of the first subscription; nil until there are some.
    public var statistics: KafkaStatistics? { live.lazy.compactMap(\.statistics).first }

    /// How far the subscriptions to this topic are behind, from the client's own knowledge; nil as long as there is
    /// none: without a subscription, or while others of the group read every partition. Costs no request.
    public func lag(of topic: Topic) -> KafkaLag? {
        var lag = KafkaLag()
        for consumer in live where consumer.topic == topic {
            lag.partitions.merge(consumer.lag()) { first, _ in first }
        }
        return lag.partitions.isEmpty ? nil : lag
    }

    /// The membership with which a transaction commits what this subscription to the topic has read; nil until partitions
    /// are assigned, and without a group. To be taken anew for each transaction.
    public func groupMetadata(of topic: Topic) -> KafkaGroupMetadata? {
        live.lazy.filter { $0.topic == topic }.compactMap(\.groupMetadata).first
    }

    private var live: [TopicConsumer] { state.withLock(\.consumers).filter { !$0.hasEnded } }

    /// Joins the group. It does not wait for the cluster: the subscription fills when partitions are assigned.
    /// - Throws: ``KafkaError`` where Kafka takes no such name or no client can be made, `ClosedError`.
    public func subscribe(to topic: Topic) async throws -> Subscription {
        let closed = ClosedError("kafka subscriber")
        if state.withLock(\.isClosed) { throw closed }
        try topic.validateForKafka()
        let plan = TopicConsumer.Plan(configuration, group: group, options: options)
        let consumer = try TopicConsumer(topic, plan, logger: logger, meter: meter)
        let isClosed = state.withLock { state in
            state.consumers.removeAll(where: \.hasEnded)
            if !state.isClosed { state.consumers.append(consumer) }
            return state.isClosed
        }
        guard !isClosed else {
            await consumer.close()
            throw closed
        }
        return consumer.subscription
    }

    /// Ends the subscriptions, commits what was settled and leaves the group. What handlers still hold is delivered
    /// again, to the next reader of the partition. An unreachable cluster is waited for some seconds.
    public func close() async {
        let consumers = state.withLock { state in
            state.isClosed = true
            return state.consumers
        }
        for consumer in consumers { consumer.subscription.cancel() }
        await withDiscardingTaskGroup { group in
            for consumer in consumers { group.addTask { await consumer.close() } }
        }
        state.withLock { $0.consumers = [] }
    }

    /// Ends as a crash would: nothing is committed, and the group learns of it by the session's timeout.
    func crash() async {
        let consumers = state.withLock { state in
            state.isClosed = true
            defer { state.consumers = [] }
            return state.consumers
        }
        for consumer in consumers { await consumer.crash() }
    }
}
