public import Logging
public import Sluice
import Synchronization

/// Reads queues of a RabbitMQ broker, over one connection that is kept: a channel for each subscription.
///
/// ```swift
/// let orders = try AMQPSubscriber(rabbit, configuration: .init(prefetch: 64))
/// try router.add(Route("mail", from: orders, "orders") { message, _ in try await mail.send(message) })
/// ```
///
/// Messages are delivered as they come and settled one by one; what is not settled when the connection ends comes
/// again. A rejected message waits in a queue beside its own (`<queue>.retry.<milliseconds>`) and comes back from there,
/// behind what has come meanwhile.
public final class AMQPSubscriber: Subscriber {
    /// How a subscriber behaves.
    public struct Configuration: Sendable {
        /// How messages are read. Default: Watermill's form.
        public var marshaler: any AMQPMarshaler
        /// How many messages of a subscription may be delivered and not settled: a route handles as many at once.
        /// Default 256; from 1 to 65535.
        public var prefetch: UInt16
        /// The longest wait of a rejected message, whatever is asked for. Default 5 minutes; from 1 ms to a day.
        public var maxRedeliveryDelay: Duration
        /// Whether rejected messages wait in queues of the broker's, which takes the permission to declare them.
        /// Default true; without it they wait here, count as delivered for as long, and the number of their deliveries
        /// is known of quorum queues only.
        public var waitsInQueues: Bool
        /// How long an acknowledgement may wait for others to share its frame with. Default 2 ms; from 0 to 1 s.
        public var settlementInterval: Duration
        /// How many bytes the messages may hold together that a subscription was delivered and has not settled. What the
        /// broker sends beyond is not kept, and put back into the queue when there is room: a quorum queue counts that as
        /// a delivery. One message always fits. Default 32 MiB; at least 1.
        public var prefetchBytes: Int
        /// Larger messages are not taken in: their delivery fails, with their first 64 KiB for a payload. Default 16 MiB,
        /// as RabbitMQ 4; at least 0.
        public var maxMessageBytes: Int
        /// Whether no other consumer may read the queue. Default false.
        public var isExclusive: Bool
        /// The label `component` of its metrics; nil, the default, is `amqp-` and the topic.
        public var component: String?

        public init(
            marshaler: any AMQPMarshaler = .watermill,
            prefetch: UInt16 = 256,
            maxRedeliveryDelay: Duration = .seconds(300),
            waitsInQueues: Bool = true,
            settlementInterval: Duration = .milliseconds(2),
            prefetchBytes: Int = 32 << 20,
            maxMessageBytes: Int = 16 << 20,
            isExclusive: Bool = false,
            component: String? = nil
        ) {
            self.marshaler = marshaler
            self.prefetch = prefetch
            self.maxRedeliveryDelay = maxRedeliveryDelay
            self.waitsInQueues = waitsInQueues
            self.settlementInterval = settlementInterval
            self.prefetchBytes = prefetchBytes
            self.maxMessageBytes = maxMessageBytes
            self.isExclusive = isExclusive
            self.component = component
        }
    }

    public let name = "amqp"
    public let messagingSystem = "rabbitmq"
    public let defaultOrdering: Ordering
    /// Names the queue where the topology leaves that open.
    public let group: String?
    public var consumerGroup: String? { group }

    private let configuration: AMQPConfiguration
    private let topology: AMQPTopology
    private let options: Configuration
    private let logger: Logger
    private let instruments: Instruments?
    private let feeds: Inbox<Feed>
    private let signal: PollSignal
    private let thread: WorkerThread
    private let monitor: ConnectionMonitor
    private let subscribed = Mutex<[Feed]>([])

    /// Starts to connect; subscriptions come up when the broker is there.
    /// - Parameters:
    ///   - configuration: how the broker is reached.
    ///   - topology: which exchange and queue stand for a topic.
    ///   - options: how it reads.
    ///   - logger: what happens to the connection goes there.
    ///   - group: names the queue of a pub/sub topology: subscribers of one group share its messages. Nil: each
    ///     subscription gets all of them.
    ///   - instruments: where its metrics go; nil for none.
    /// - Throws: `ConfigurationError` for a value out of its range, ``AMQPError`` when the system refuses a thread. That the broker cannot be
    ///   reached is no error here.
    public init(
        _ configuration: AMQPConfiguration, topology: AMQPTopology = .durableQueue, group: String? = nil,
        configuration options: Configuration = Configuration(), logger: Logger = Logger(label: "sluice.amqp"),
        instruments: Instruments? = nil
    ) throws {
        try ConfigurationCheck.all(of: "AMQPSubscriber") { check in
            check.include { () throws(ConfigurationError) in try configuration.validate() }
            check.include { () throws(ConfigurationError) in try topology.validate() }
            check.include { () throws(ConfigurationError) in try options.validate() }
        }
        self.configuration = configuration
        self.topology = topology
        self.group = group
        self.options = options
        self.logger = logger
        self.instruments = instruments
        // Each message stands for itself, and what the broker lets out at once is handled at once.
        defaultOrdering = .unordered(limit: Int(options.prefetch))
        let monitor = ConnectionMonitor(logger: logger, meter: nil)
        self.monitor = monitor
        do {
            let signal = try PollSignal()
            let feeds = Inbox<Feed> { signal.raise() }
            self.signal = signal
            self.feeds = feeds
            thread = try WorkerThread(name: "sluice-amqp-sub") {
                let loop = SubscriberLoop(
                    feeds, topology: topology, options: options, monitor: monitor, logger: logger)
                Connector(configuration: configuration, signal: signal, monitor: monitor).run(loop)
            }
        } catch {
            throw AMQPError(.system, "\(error)")
        }
    }

    deinit {
        // Subscriptions outlive it.
        feeds.close(by: MonotonicTime(nanoseconds: .max))
    }

    /// Whether the broker delivers from every queue subscribed to. For readiness.
    public var connectionState: AMQPConnectionState {
        let connection = monitor.current
        guard connection.isConnected else { return connection }
        let states = subscribed.withLock { $0.filter(\.isOfInterest).map(\.monitor.current) }
        return states.first { !$0.isConnected } ?? states.first { $0.isBlocked } ?? connection
    }

    /// Starts to read the topic's queue. Returns when it is read, or when that has to wait for the broker.
    /// - Throws: ``AMQPError`` when the broker does not let this program in, has something else in the place of what the
    ///   topology asks for, or does not allow it; `ClosedError`.
    public func subscribe(to topic: Topic) async throws -> Subscription {
        let unique = MessageID().description
        let layout = try Layout(topology, topic, group: group, unique: unique)
        let component = options.component ?? "amqp-\(topic.name)"
        let feed = Feed(
            topic, layout, component: component,
            monitor: ConnectionMonitor(
                logger: logger.adding("queue", layout.queue.name), isQueue: true,
                meter: instruments.map { ConnectionMeter($0, component: component) }),
            meter: instruments.map { FeedMeter($0, component: component) }, signal: signal,
            options: options)
        subscribed.withLock { subscribed in
            // One that failed is of interest until the next attempt.
            subscribed.removeAll { !$0.isOfInterest || $0.failure != nil && $0.topic == topic }
            subscribed.append(feed)
        }
        guard feeds.post(feed) else {
            feed.subscription.cancel()
            throw ClosedError("amqp subscriber")
        }
        RouterTime.real.after(configuration.connectTimeout) { [weak feed] in feed?.decide(.unavailable) }
        await withTaskCancellationHandler {
            await feed.decided.wait()
        } onCancel: {
            feed.decide(.unavailable)
        }
        if Task.isCancelled {
            feed.subscription.cancel()
            throw CancellationError()
        }
        if case .failed(let error)? = feed.outcome {
            feed.subscription.cancel()
            throw error
        }
        if feeds.closing != nil {
            feed.subscription.cancel()
            throw ClosedError("amqp subscriber")
        }
        return feed.subscription
    }

    /// Ends the subscriptions and returns when the broker has what was settled. What handlers still hold is delivered
    /// again.
    public func close() async {
        feeds.close(by: .now())
        for feed in subscribed.withLock(\.self) { feed.subscription.cancel() }
        // The thread may be inside of a call that takes longer, such as the look-up of a host's name.
        await thread.end(within: .seconds(10))
    }
}

extension Feed {
    /// Whether it says something of the subscriber's health.
    fileprivate var isOfInterest: Bool { !subscription.isEnded || failure != nil }
}

extension Logger {
    fileprivate func adding(_ key: String, _ value: String) -> Logger {
        var logger = self
        logger[metadataKey: key] = "\(value)"
        return logger
    }
}

extension AMQPSubscriber.Configuration {
    fileprivate func validate() throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "AMQPSubscriber") { check in
            check("prefetch", prefetch, in: 1...)
            check("maxRedeliveryDelay", maxRedeliveryDelay, in: .milliseconds(1) ... .seconds(86_400))
            check("settlementInterval", settlementInterval, in: .zero ... .seconds(1))
            check("prefetchBytes", prefetchBytes, in: 1...)
            check("maxMessageBytes", maxMessageBytes, in: 0...)
        }
    }
}
