import Synchronization

/// A broker inside the process: for tests, and for routes whose messages need not survive it.
///
/// ```swift
/// let broker = MemoryBroker()
/// try router.add(Route("double", from: broker.subscriber(), "numbers", to: broker.publisher(), "doubled", handler: double))
/// ```
///
/// Topics come into being when they are first used. Messages of one publisher keep their order. A consumer group
/// shares a topic's messages between its subscriptions, and keeps what it has not settled, and what is published
/// meanwhile, while it has none; a subscriber without a group gets everything that is published from then on, or the
/// whole topic when the broker is ``Configuration/persistent``, and leaves nothing behind.
///
/// When a subscription ends, what it buffered goes back to its group at once. What its consumer holds goes back when
/// the consumer rejects it or lets go of it, and may still be acknowledged.
public final class MemoryBroker: Sendable {
    /// How much it keeps, and how it delivers.
    public struct Configuration: Sendable {
        /// How many deliveries a subscription buffers, and how many messages a group keeps that it cannot deliver.
        /// A publish waits while one of the topic's groups is full. At least 1; 1024.
        public var capacity: Int

        /// Whether every message is kept as long as the broker, so that late subscribers read the whole topic. A
        /// publish then never waits. false.
        public var persistent: Bool

        /// Whether a publish returns only when every group has acknowledged its messages. false.
        public var waitsForAcknowledgement: Bool

        /// How many deliveries of a group may be unsettled at once. 1 gives strict order: nothing is delivered before
        /// the one before it is settled, and a rejected one comes back first, also when its redelivery is delayed. At
        /// least 1; nil, the default, is no limit.
        public var maxInFlight: Int?

        /// How long a message waits before its second redelivery when its rejection does not say. The first follows
        /// at once, and each after the second waits twice as long, up to ``maxRedeliveryDelay``. At least 0; 1 ms, with which the
        /// fifth waits 8 ms, as ``Settler`` asks; at less a message that is always rejected comes in a hot loop.
        public var redeliveryDelay: Duration

        /// The longest such wait. At least ``redeliveryDelay``; 1 s.
        public var maxRedeliveryDelay: Duration

        public init(
            capacity: Int = 1024,
            persistent: Bool = false,
            waitsForAcknowledgement: Bool = false,
            maxInFlight: Int? = nil,
            redeliveryDelay: Duration = .milliseconds(1),
            maxRedeliveryDelay: Duration = .seconds(1)
        ) {
            self.capacity = capacity
            self.persistent = persistent
            self.waitsForAcknowledgement = waitsForAcknowledgement
            self.maxInFlight = maxInFlight
            self.redeliveryDelay = redeliveryDelay
            self.maxRedeliveryDelay = maxRedeliveryDelay
        }

        func validate() throws(ConfigurationError) {
            try ConfigurationCheck.all(of: "MemoryBroker") { check in
                check("capacity", capacity, in: 1...)
                check("maxInFlight", maxInFlight, in: 1...)
                check("redeliveryDelay", redeliveryDelay, in: .zero...)
                check("maxRedeliveryDelay", maxRedeliveryDelay, in: redeliveryDelay...)
            }
        }

        var pacing: RedeliveryPacing { RedeliveryPacing(from: redeliveryDelay, upTo: maxRedeliveryDelay) }
    }

    public let configuration: Configuration
    public let time: RouterTime
    private let topics = Mutex<[Topic: MemoryTopic]>([:])

    /// A broker with the defaults of ``Configuration``.
    /// - Parameter time: what redeliveries wait by, and what a router must go by that uses the broker. Default: the
    ///   machine's.
    public init(time: RouterTime = .real) {
        configuration = Configuration()
        self.time = time
    }

    /// - Parameters:
    ///   - configuration: how much it holds.
    ///   - time: as of ``init(time:)``.
    /// - Throws: ``ConfigurationError`` for a value out of its range.
    public init(_ configuration: Configuration, time: RouterTime = .real) throws(ConfigurationError) {
        try configuration.validate()
        self.configuration = configuration
        self.time = time
    }

    deinit {
        for topic in topics.withLock(\.self).sorted(by: { $0.key.name < $1.key.name }).map(\.value) { topic.end() }
    }

    /// A new publisher to this broker; closing it closes no other.
    /// - Parameter key: what keeps the order of messages in `.perKey` routes. Default: none.
    public func publisher(key: KeySelector = .none) -> MemoryPublisher {
        MemoryPublisher(self, key)
    }

    /// A new subscriber to this broker; closing it closes no other.
    /// - Parameter group: the consumer group, or nil to get every message.
    public func subscriber(group: String? = nil) -> MemorySubscriber {
        MemorySubscriber(self, group: group, MemorySubscriber.Configuration())
    }

    /// The same, configured:
    ///
    ///     let subscriber = try broker.subscriber(group: "mail", configuration: .init(maxInFlight: 1))
    ///
    /// - Throws: ``ConfigurationError`` for a value out of its range.
    public func subscriber(
        group: String? = nil, configuration: MemorySubscriber.Configuration
    ) throws(ConfigurationError) -> MemorySubscriber {
        try configuration.validate()
        return MemorySubscriber(self, group: group, configuration)
    }

    /// How many messages the group has still to be given; those in a subscription's buffer do not count. 0 when
    /// there is no such group.
    public func backlog(of topic: Topic, group: String) -> Int {
        topics.withLock { $0[topic] }?.backlog(group) ?? 0
    }

    func topic(_ name: Topic) -> MemoryTopic {
        topics.withLock { topics in
            if let topic = topics[name] { return topic }
            let topic = MemoryTopic(configuration, time: time)
            topics[name] = topic
            return topic
        }
    }
}
