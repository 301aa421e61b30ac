import Logging
import Sluice
import SluiceSQLite
import Synchronization

/// The embedded log as the queue.
final class SQLiteQueue: EventQueue {
    /// The group whose position in the poison topic says how much of it people have looked at.
    static let poisonGroup = "poison"

    static let eventsTopic: Topic = "events"
    static let poisonTopic: Topic = "poison"
    static let factsTopic: Topic = "facts"

    let events = SQLiteQueue.eventsTopic
    let poison = SQLiteQueue.poisonTopic
    let facts = SQLiteQueue.factsTopic
    var publisher: any Publisher { writer }
    let handled: any DeduplicationStore
    /// One process at a time leads a group, and all of them read the same store of what was handled.
    let isShared = false
    private let writer: SQLitePublisher
    private let log: SQLiteLog
    private let memory: QueueMemory
    private let state = Mutex(State())
    private let logger: Logger

    private struct State {
        var readers: [(route: String, start: ReaderStart, subscriber: SQLiteSubscriber)] = []
        /// Of the ledger, and of sinks that are told of incidents.
        var factReaders: [String: SQLiteSubscriber] = [:]
        var introductions = ReaderIntroductions()
        /// How each sink's own group is read.
        var sinks = SinkReaders()
        /// What is told where Kafka was the queue before, until when.
        var memory: (note: String, end: Timestamp)?
        /// Why the readers have no positions yet.
        var problem: String?
    }

    /// - Parameter groupRetention: how long it is told that Kafka was the queue before.
    init(_ log: SQLiteLog, groupRetention: Duration, logger: Logger) {
        memory = QueueMemory(log: log, retention: groupRetention, logger: logger)
        self.log = log
        self.logger = logger
        writer = log.publisher(key: Event.orderingKeySelector)
        handled = log.deduplicationStore()
    }

    /// A second process on the same log takes webhooks and stands by for the rest.
    var readiness: Readiness {
        let (readers, introductions, problem, memory) = state.withLock {
            ($0.readers, $0.introductions, $0.problem, $0.memory)
        }
        let waiting = readers.filter(\.subscriber.isStandingBy)
        return Readiness(
            reasons: (log.failure.map { "\($0)" } ?? problem).map { ["log: \($0)"] } ?? [],
            notes: introductions.notes + (memory.map { $0.end > .now() ? [$0.note] : [] } ?? [])
                + waiting.map { "\($0.route): stands by; another process reads the log for it" })
    }

    var routes: [Route] { [] }

    /// Opening the log has made everything but the readers' positions. What keeps them from being written, such as a full
    /// disk, may pass.
    func prepare() async throws {
        let backoff = Backoff.exponential(upTo: .seconds(5))
        for attempt in 1... {
            do {
                try await introduceReaders()
                if attempt > 1 { logger.notice("the log can be used") }
                return
            } catch {
                try Task.checkCancellation()
                let isNew = state.withLock { state in
                    defer { state.problem = "\(error)" }
                    return state.problem != "\(error)"
                }
                if isNew { logger.error("the log cannot be used yet", metadata: ["error": "\(error)"]) }
                try await Task.sleep(for: backoff.delay(beforeRetry: attempt, by: .real))
            }
        }
    }

    private func introduceReaders() async throws {
        let (readers, sinks) = state.withLock { state in
            let own = state.readers.filter { !state.sinks.isPushesGroup($0.route) }
            return (own.map { (name: $0.route, start: $0.start.position) }, state.sinks.groups)
        }
        try await LogTransfer.forget(log)
        let found = try await log.introduce(readers, topic: events)
        let memory = try await memory.isLog()
        var introductions = ReaderIntroductions()
        for (route, _) in readers {
            if case .isNew(let skipped) = found[route] { introductions.isNew(route, skipping: skipped, logger) }
        }
        for group in sinks {
            do {
                try await arrange(group)
            } catch let error as SQLiteLogError where error.code == .groupInUse {
                // Its routes wait, and nothing else does.
                logger.warning("a sink waits for its group", metadata: ["group": "\(group)", "error": "\(error)"])
            }
        }
        state.withLock { [introductions] state in
            state.introductions = introductions
            state.memory = memory
            state.problem = nil
        }
    }

    func introduce(_ route: String) async throws {
        guard let start = start(of: route) else { return }
        let (group, isArranged) = state.withLock { ($0.sinks.group(of: route), $0.sinks.isArranged(route)) }
        guard !isArranged else { return }
        let found = try await log.introduce([(group, start.position)], topic: events)
        if case .isNew(let skipped) = found[group] {
            state.withLock { $0.introductions.isNew(group, skipping: skipped, logger) }
        }
        try await arrange(group)
    }

    func follow(_ sink: ConfiguredSink) -> PartedReader { state.withLock { $0.sinks.follow(sink) } }

    func noteMoved(_ group: String) { state.withLock { $0.sinks.reader(of: group) }?.parted.set([:]) }

    func mayWait(_ group: String) -> Bool { true }

    /// Makes two groups of a sink's one, or one of two.
    private func arrange(_ group: String) async throws {
        guard let (isDivided, parted) = state.withLock({ $0.sinks.reader(of: group) }) else { return }
        let pushes = ReaderPart.pushesGroup(of: group)
        if isDivided {
            try await log.divide(group, from: pushes, topic: events)
        } else if start(of: pushes) == nil {
            let parts = try await log.unite(group, with: pushes, topic: events)
            parted.set(parts.map { [0: .init(urgent: $0.own, pushes: $0.other)] } ?? [:])
        }
        state.withLock { $0.sinks.noteArranged(group) }
    }

    func dismiss(_ route: String) async {
        let dismissed = state.withLock { state in
            state.introductions.forget(route)
            state.sinks.forget(route)
            defer { state.readers.removeAll { $0.route == route } }
            let ofFacts = state.factReaders.removeValue(forKey: route)
            return state.readers.filter { $0.route == route }.map(\.subscriber) + [ofFacts].compactMap(\.self)
        }
        for subscriber in dismissed { await subscriber.close() }
    }

    func subscriber(for route: String, from start: ReaderStart, gathering: Duration) throws -> any Subscriber {
        let subscriber = try log.subscriber(group: route, configuration: .init(gathering: gathering))
        state.withLock { $0.readers.append((route, start, subscriber)) }
        return subscriber
    }

    /// Where a route begins if it was not there before; nil for none of its readers.
    func start(of route: String) -> ReaderStart? {
        state.withLock { state in state.readers.first { $0.route == route }?.start }
    }

    func probe() async {
        guard log.failure != nil || log.idleTime >= QueueProbe.idle else { return }
        // The log remembers how it ended.
        try? await log.probe()
    }

    func replay(settledBy route: String, to body: ([Message]) async throws -> Void) async throws {
        try await log.replay(settledBy: route, to: body)
    }

    func takeIn(_ events: [Message], facts: [Message]) async throws {
        try await writer.publish([(events, self.events), (facts, self.facts)])
    }

    func ledgerSubscriber(for route: String) throws -> any Subscriber {
        try factSubscriber(for: route, from: .beginning, gathering: DeploymentLedger.gathering)
    }

    func factSubscriber(for route: String, from start: ReaderStart) throws -> any Subscriber {
        try factSubscriber(for: route, from: start, gathering: .zero)
    }

    private func factSubscriber(
        for route: String, from start: ReaderStart, gathering: Duration
    ) throws -> any Subscriber {
        let subscriber = try log.subscriber(
            group: route, configuration: .init(start: start.position, gathering: gathering))
        state.withLock { $0.factReaders[route] = subscriber }
        return subscriber
    }

    func leads(_ route: String) -> Bool {
        state.withLock { $0.readers.first { $0.route == route }?.subscriber }?.isLeading ?? false
    }

    func topic(of route: String) -> Topic {
        state.withLock { $0.factReaders[route] == nil } ? events : facts
    }

    func replayFacts(to body: ([(message: Message, receipt: Timestamp)]) async throws -> Void) async throws {
        try await log.replayFacts(to: body)
    }

    func backlog(of route: String) async throws -> Backlog {
        try await backlog(group: route, topic(of: route))
    }

    func unread(besides readers: Set<String>) async -> [UnreadGroup] {
        UnreadGroup.find(among: (try? await log.groups()) ?? [], besides: readers)
    }

    func poisoned() async throws -> Backlog {
        try await backlog(group: Self.poisonGroup, poison)
    }

    func close() async {
        await log.close()
    }

    private func backlog(group: String, _ topic: Topic) async throws -> Backlog {
        let backlog = try await log.backlog(group: group, topic: topic)
        return Backlog(
            messages: [0: backlog.messages], shelved: backlog.shelved, oldest: backlog.oldestPending)
    }
}

extension SQLiteLog {
    func replayFacts(to body: ([(message: Message, receipt: Timestamp)]) async throws -> Void) async throws {
        for try await batch in messages(in: SQLiteQueue.factsTopic) {
            try await body(batch.map { ($0.message, $0.timestamp) })
        }
    }

    /// Hands over the events that a route has settled, oldest first.
    func replay(settledBy route: String, to body: ([Message]) async throws -> Void) async throws {
        let events = SQLiteQueue.eventsTopic
        guard let settled = try await position(of: route, topic: events), settled > 0 else { return }
        for try await batch in messages(in: events) {
            let messages = batch.filter { $0.offset <= settled }.map(\.message)
            if !messages.isEmpty { try await body(messages) }
            if messages.count < batch.count { return }
        }
    }
}
