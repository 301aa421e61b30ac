public import Sluice

/// The Pub/Sub under test: what it promises, and how the conformance suite makes its parts.
///
/// ```swift
/// let harness = PubSubHarness(features: PubSubFeatures().with { $0.guaranteedOrder = false }) {
///     broker.publisher()
/// } makeSubscriber: { options in
///     broker.subscriber(group: options.group)
/// }
/// ```
///
/// The closures are called from many tasks at once. A case closes every publisher and subscriber that it made.
public struct PubSubHarness: Sendable {
    /// What a case asks of a subscriber.
    public struct SubscriberOptions: Sendable {
        /// The consumer group; nil for a Pub/Sub without ``PubSubFeatures/consumerGroups``.
        public var group: String?
        /// How many deliveries of the group may be unsettled at once; nil leaves it to the Pub/Sub.
        public var maxInFlight: Int?
        /// How many deliveries a subscription should buffer; nil leaves it to the Pub/Sub, which may ignore it.
        public var capacity: Int?

        public init(group: String? = nil, maxInFlight: Int? = nil, capacity: Int? = nil) {
            self.group = group
            self.maxInFlight = maxInFlight
            self.capacity = capacity
        }
    }

    /// The name in metadata under which the cases of order put a message's key: a Pub/Sub with keys selects it with
    /// `KeySelector.metadata(PubSubHarness.keyName)`.
    public static let keyName = "conformance_key"

    public var features: PubSubFeatures

    /// A new publisher, connected to the one broker.
    public var makePublisher: @Sendable () async throws -> any Publisher

    /// A new subscriber, connected to the one broker.
    public var makeSubscriber: @Sendable (SubscriberOptions) async throws -> any Subscriber

    /// Stops the broker as a crash would, starts it again, and returns when it answers. nil skips the cases that need it.
    ///
    /// Publishers made before may fail for good; the suite makes new ones. A subscription made before has three ways: it goes on
    /// by itself, as after a reconnect, it ends, or it fails. One that stays open and delivers nothing more would leave its
    /// consumer waiting for ever, and fails the case after ``patience``: where nothing in the program notices the crash, end the
    /// subscriptions in this closure.
    public var restart: (@Sendable () async throws -> Void)?

    /// Puts a record into the topic that does not decode to a message. nil skips the cases that need it.
    public var injectMalformed: (@Sendable (Topic) async throws -> Void)?

    /// Scales the number of messages of every case. 1, which makes most cases 50 to 200 messages long.
    public var load = 1.0

    /// What every wait, deadline and task of the cases goes by. The machine's; a Pub/Sub that is given its time can be
    /// tested in a virtual one, where the cases take no time and repeat exactly.
    public var time = RouterTime.real

    /// How long a case waits for what must happen. 60 s, which a busy machine may need.
    public var patience: Duration = .seconds(60)

    /// How long a case watches for what must not happen. 100 ms.
    public var quiet: Duration = .milliseconds(100)

    /// How long a case may take in all; one that hangs fails with what it was doing. 240 s.
    public var deadline: Duration = .seconds(240)

    public init(
        features: PubSubFeatures,
        makePublisher: @escaping @Sendable () async throws -> any Publisher,
        makeSubscriber: @escaping @Sendable (SubscriberOptions) async throws -> any Subscriber
    ) {
        self.features = features
        self.makePublisher = makePublisher
        self.makeSubscriber = makeSubscriber
    }

    /// A topic that no other case, run or process uses.
    public func uniqueTopic(_ hint: String = "conformance") -> Topic {
        Topic("\(hint)-\(String(UInt64.random(in: .min ... .max), radix: 36))")
    }
}
