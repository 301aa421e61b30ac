import Logging
import Sluice
import SluiceKafka
import SluiceSQLite
import Synchronization

/// Kafka as the queue: several gateways may share the work.
final class KafkaQueue: EventQueue {
    /// How long the publish of a webhook's events may take: senders wait 10 seconds for the answer.
    private static let publishTimeout: Duration = .seconds(8)
    /// How long brokers may take to answer a probe.
    private static let probeTimeout: Duration = .seconds(4)
    /// How much a route fetches ahead, shared out among the partitions: sinks take less than that in a second, and a long
    /// backlog must not take the memory.
    private static let prefetch = (messages: 10_000, kilobytes: 16_384)
    /// How soon another gateway takes over from one that was killed.
    private static let sessionTimeout: Duration = .seconds(10)

    let events: Topic
    let poison: Topic
    let facts: Topic
    let handled: any DeduplicationStore
    /// A partition may come from another gateway, which has handled what this one does not know of.
    let isShared = true
    let publisher: any Publisher
    var delivered: DeliveredBook? { redrive.delivered }
    /// How the last publish or probe ended.
    let outcomes = Outcomes()

    let configuration: GatewayConfiguration.Kafka
    let kafka: KafkaPublisher
    let topics: KafkaTopics
    let keeper: TopicKeeper
    /// Jobs that send messages again.
    let redrive: KafkaRedriveStore
    let factsLeftOut: CounterHandle
    let log: SQLiteLog
    private let memory: QueueMemory
    /// What the log holds from the time when it was the queue.
    private let transfer: LogTransfer
    private let instruments: Instruments
    let logger: Logger
    let state = Mutex(State())

    struct State {
        var subscribers: [String: KafkaSubscriber] = [:]
        var readers: [(route: String, start: ReaderStart)] = []
        var introductions = ReaderIntroductions()
        /// How each sink's own group is read.
        var sinks = SinkReaders()
        /// Of sinks that are not there any more.
        var unread: [UnreadGroup] = []
        /// What is told while Kafka cannot be asked.
        var poisoned = Backlog()
        /// Why facts are not taken, although their topic is there.
        var factsRefused: String?
        /// The routes that read facts: of the ledger without a group, of the others where they begin.
        var factReaders: [String: ReaderStart?] = [:]
    }

    /// - Parameters:
    ///   - poisonBytes: how much is kept of what cannot be delivered.
    ///   - factRetention: how long facts are kept.
    ///   - log: keeps what each route has handled.
    ///   - groupRetention: for how long a reader counts that is not configured any more.
    init(
        _ configuration: GatewayConfiguration.Kafka, retention: Duration?, poisonBytes: Int64, factRetention: Duration,
        handled log: SQLiteLog, groupRetention: Duration, _ instruments: Instruments, logger: Logger
    ) throws {
        events = Topic(configuration.topic)
        poison = Topic(configuration.topic + "-poison")
        facts = configuration.factsTopic
        factsLeftOut = instruments.counter(.factsLeftOut, [("topic", configuration.factsTopic.name)])
        self.configuration = configuration
        self.log = log
        self.instruments = instruments
        self.logger = logger
        handled = log.deduplicationStore()
        memory = QueueMemory(log: log, retention: groupRetention, logger: logger)
        transfer = LogTransfer(log, idle: groupRetention, instruments, logger: logger)
        var options = KafkaPublisher.Configuration()
        options.deliveryTimeout = Self.publishTimeout
        // The brokers' defaults are not what is stated.
        options.createsMissingTopics = false
        kafka = try KafkaPublisher(
            configuration.client, key: Event.orderingKeySelector, configuration: options, logger: logger,
            instruments: instruments)
        publisher = WatchedPublisher(kafka, outcomes)
        topics = try KafkaTopics(configuration.client, logger: logger)
        keeper = TopicKeeper(
            try KafkaTopics(configuration.client, timeout: .seconds(5), logger: logger),
            configuration.plans(retention: retention, poisonBytes: poisonBytes),
            besides: [configuration.factsPlan(retention: factRetention), configuration.redrivePlan],
            left: configuration.leftTopics, instruments,
            logger: logger)
        redrive = try KafkaRedriveStore(configuration, kafka, keeper, handled: log, logger: logger)
    }

    var readiness: Readiness {
        let connection = kafka.connectionState
        let (introductions, unread) = state.withLock { ($0.introductions, $0.unread) }
        let notes = introductions.notes + unread.map(\.note) + keeper.notes + factNotes + holders
        let problem =
            connection.isConnected ? keeper.problem ?? outcomes.failure : connection.reason ?? "not connected"
        var readiness = Readiness(reasons: problem.map { ["kafka: \($0)"] } ?? [], notes: notes)
        transfer.report(to: &readiness)
        return readiness
    }

    var routes: [Route] { transfer.routes(to: self) }

    /// Creates the topics that are missing, and gives every reader a position.
    func prepare() async throws {
        let readers = readersOfTheirOwn
        // Known while Kafka is still away, and before the readers are remembered. A failure is told of below.
        try? await transfer.begin(readers)
        try await keeper.prepare {
            try await self.transfer.begin(readers)
            try await self.introduceReaders(self.readersOfTheirOwn)
            try await self.arrangeSinks()
            try await self.memory.isKafka(self.events)
        }
        await refreshUnread()
        for group in state.withLock(\.unread) {
            logger.warning("a group is read by no sink", metadata: ["reason": "\(group.note)"])
        }
    }

    func keep() async {
        await keeper.keep()
    }

    func introduce(_ route: String) async throws {
        let (group, isArranged) = state.withLock { ($0.sinks.group(of: route), $0.sinks.isArranged(route)) }
        guard !isArranged else { return }
        try await introduceReaders(state.withLock { $0.readers.filter { $0.route == group } })
        try await arrange(group)
    }

    func dismiss(_ route: String) async {
        let dismissed = state.withLock { state in
            state.readers.removeAll { $0.route == route }
            state.introductions.forget(route)
            state.sinks.forget(route)
            state.factReaders.removeValue(forKey: route)
            return state.subscribers.removeValue(forKey: route)
        }
        await dismissed?.close()
        await refreshUnread()
    }

    func subscriber(for route: String, from start: ReaderStart, gathering: Duration) throws -> any Subscriber {
        let subscriber = try makeSubscriber(for: route)
        state.withLock { $0.readers.append((route, start)) }
        return subscriber
    }

    /// A member of the route's group.
    func makeSubscriber(for route: String) throws -> KafkaSubscriber {
        var options = KafkaSubscriber.Configuration()
        options.sessionTimeout = Self.sessionTimeout
        options.commitInterval = configuration.commitInterval
        // With the 20 s that handlers get to end, less than the 30 s that Kubernetes, systemd and Docker wait.
        options.commitTimeout = .seconds(8)
        options.createsMissingTopics = false
        options.prefetchMessages = Self.prefetch.messages
        options.prefetchKilobytes = max(1_024, Self.prefetch.kilobytes / Int(configuration.partitions))
        let subscriber = try KafkaSubscriber(
            configuration.client, group: group(of: route), configuration: options, logger: logger,
            instruments: instruments)
        state.withLock { $0.subscribers[route] = subscriber }
        return subscriber
    }

    /// What the route's own client knows: partitions that another gateway reads are told there.
    func backlog(of route: String) -> Backlog {
        guard let lag = state.withLock({ $0.subscribers[route] })?.lag(of: topic(of: route)) else { return Backlog() }
        return Backlog(
            messages: lag.partitions.mapValues(\.messages),
            shelved: lag.partitions.values.reduce(0) { $0.addingSaturated($1.shelved) }, oldest: lag.oldest,
            holders: lag.partitions.compactMapValues(\.holder?.offset))
    }

    /// Names the messages that hold up partitions.
    private var holders: [String] {
        state.withLock(\.subscribers).sorted { $0.key < $1.key }.flatMap { route, subscriber in
            (subscriber.lag(of: events)?.partitions ?? [:]).sorted { $0.key < $1.key }.compactMap { partition, lag in
                lag.holder.map { holder in
                    let names = [holder.key.map { "key \($0)" }, holder.id.map { "id \($0)" }].compactMap(\.self)
                    let name = names.isEmpty ? "" : " (\(names.joined(separator: ", ")))"
                    return "\(route): partition \(partition) of \(events) is paused: its message at offset "
                        + "\(holder.offset)\(name) fails, and no more can be remembered of what is behind it"
                }
            }
        }
    }

    /// What was known last: a scrape does not wait for Kafka.
    func poisoned() -> Backlog { state.withLock(\.poisoned) }

    func probe() async {
        await transfer.refresh()
        if !state.withLock(\.unread.isEmpty) { await refreshUnread() }
        guard kafka.connectionState.isConnected, keeper.problem == nil else { return }
        if outcomes.failure != nil || outcomes.idleTime >= QueueProbe.idle {
            await outcomes.note { try await topics.reach(events, within: Self.probeTimeout) }
        }
        guard outcomes.failure == nil,
            let lag = try? await topics.lag(
                of: poison, group: redrive.poisonQueue.group, within: Self.probeTimeout),
            let messages = try? await redrive.countPoisoned()
        else { return }
        let backlog = Backlog(messages: messages, oldest: messages.values.contains { $0 > 0 } ? lag.oldest : nil)
        state.withLock { $0.poisoned = backlog }
    }

    func close() async {
        await withDiscardingTaskGroup { group in
            for subscriber in state.withLock({ Array($0.subscribers.values) }) {
                group.addTask { await subscriber.close() }
            }
        }
        await redrive.close()
        await keeper.close()
        await topics.close()
        await kafka.close()
        await log.close()
    }

    func group(of route: String) -> String { configuration.group(of: route) }

    /// The routes that read the events, in the order in which they were made.
    var routesOfReaders: [String] { state.withLock { $0.readers.map(\.route) } }

    /// All routes that read by a group: those of the events first.
    var routesWithGroups: [String] {
        state.withLock { state in
            state.readers.map(\.route) + state.factReaders.compactMap { $1 == nil ? nil : $0 }.sorted()
        }
    }

    /// Where a route begins if it was not there before; nil for none of its readers.
    func start(of route: String) -> ReaderStart? {
        state.withLock { state in
            state.readers.first { $0.route == route }?.start ?? state.factReaders[route].flatMap(\.self)
        }
    }
}
