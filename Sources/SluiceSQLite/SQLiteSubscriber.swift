public import Sluice
import Synchronization

extension SQLiteLog {
    /// A subscriber for a consumer group, which gets each message of a topic at least once. A new group starts with the
    /// oldest message.
    /// - Parameter group: its name. Groups of the same name on different topics are different groups.
    public func subscriber(group: String) -> SQLiteSubscriber {
        SQLiteSubscriber(self, group: group, SQLiteSubscriber.Configuration())
    }

    /// The same, configured:
    ///
    ///     let subscriber = try log.subscriber(group: "mail", configuration: .init(start: .end, maxInFlight: 1))
    ///
    /// - Throws: `ConfigurationError` for a value out of its range.
    public func subscriber(
        group: String, configuration: SQLiteSubscriber.Configuration
    ) throws(ConfigurationError) -> SQLiteSubscriber {
        try configuration.validate()
        return SQLiteSubscriber(self, group: group, configuration)
    }
}

/// Reads a ``SQLiteLog`` for one consumer group.
///
/// Several subscriptions of one group share its messages. While another process leads the group, a subscription
/// stays empty; it starts by itself when that process ends or loses its lease.
public final class SQLiteSubscriber: Subscriber {
    /// How a subscriber reads.
    public struct Configuration: Sendable {
        /// Where a new group starts. Default: the beginning.
        public var start: StartPosition
        /// How many deliveries a subscription buffers. Default 1024, at least 1.
        public var capacity: Int
        /// How many messages may be unsettled at once, those waiting for redelivery included. Default 4096, at least 1.
        /// With 1, a message is delivered only when the one before it was acknowledged.
        public var maxInFlight: Int
        /// For how long messages gather after the newest was handed out, so that a handler that takes many at once gets many.
        /// Default none; from 0 to 1 min. What waits longer anyway, behind a backlog or for its next attempt, does not wait for it.
        public var gathering: Duration

        public init(
            start: StartPosition = .beginning, capacity: Int = 1_024, maxInFlight: Int = 4_096,
            gathering: Duration = .zero
        ) {
            self.start = start
            self.capacity = capacity
            self.maxInFlight = maxInFlight
            self.gathering = gathering
        }

        func validate() throws(ConfigurationError) {
            try ConfigurationCheck.all(of: "SQLiteSubscriber") { check in
                check("capacity", capacity, in: 1...)
                check("maxInFlight", maxInFlight, in: 1...)
                check("gathering", gathering, in: .zero ... .seconds(60))
            }
        }
    }

    public let name = "sqlite"
    public let defaultOrdering = Ordering.serial
    /// The group's name.
    public let group: String
    public var consumerGroup: String? { group }

    private let log: SQLiteLog
    private let configuration: Configuration
    private let state = Mutex(State())

    private struct State {
        var feeds: [SubscriptionFeed] = []
        var isClosed = false
    }

    init(_ log: SQLiteLog, group: String, _ configuration: Configuration) {
        self.log = log
        self.group = group
        self.configuration = configuration
    }

    /// Whether this process leads the group on every topic subscribed to: false while another process does, and
    /// without a subscription.
    public var isLeading: Bool {
        let feeds = liveFeeds
        return !feeds.isEmpty && feeds.allSatisfy(\.group.isLeading)
    }

    /// Whether another process leads the group on a topic that is subscribed to. For readiness.
    public var isStandingBy: Bool { liveFeeds.contains(where: \.group.isStandingBy) }

    private var liveFeeds: [SubscriptionFeed] {
        state.withLock { state in state.feeds.filter { !$0.subscription.isEnded } }
    }

    /// - Throws: ``SQLiteLogError``, `ClosedError`.
    public func subscribe(to topic: Topic) async throws -> Subscription {
        let (maxInFlight, capacity) = (configuration.maxInFlight, configuration.capacity)
        let closed = ClosedError("sqlite subscriber")
        if state.withLock(\.isClosed) { throw closed }
        let signal = log.reader.signal
        let feed = log.registry.join(
            group, topic: topic, maxInFlight: maxInFlight, gathering: configuration.gathering
        ) {
            ConsumerGroup(topic: topic, name: group, writer: log.writer, readerSignal: signal)
        } subscription: { group, feed in
            // Weak, since the group holds its subscriptions.
            let shelf = Shelf(
                maxInFlight: maxInFlight, onReading: { [weak group] in group?.noteReading() },
                onRequest: { [weak group] key in group?.request(key, feed: feed) }, onOpen: { signal.raise() })
            return Subscription(
                holding: capacity, redelivery: .route, shelf: shelf, onDemand: { signal.raise() },
                onEnd: { signal.raise() })
        }
        let subscription = feed.subscription
        do {
            let start = configuration.start
            try await log.writer.perform { loop in try loop.enlist(feed.group, start: start) }
        } catch {
            subscription.cancel()
            throw error
        }
        let isClosed = state.withLock { state in
            if !state.isClosed {
                state.feeds.removeAll(where: \.subscription.isEnded)
                state.feeds.append(feed)
            }
            return state.isClosed
        }
        if isClosed {
            subscription.cancel()
            throw closed
        }
        signal.raise()
        return subscription
    }

    /// Ends the subscriptions and returns when what was settled is committed. What handlers still hold is delivered
    /// again, to the group's next subscription, unless they acknowledge it before that.
    public func close() async {
        let feeds = state.withLock { state in
            state.isClosed = true
            defer { state.feeds = [] }
            return state.feeds
        }
        guard !feeds.isEmpty else { return }
        for feed in feeds { feed.subscription.cancel() }
        try? await log.writer.perform { _ in }
    }
}
