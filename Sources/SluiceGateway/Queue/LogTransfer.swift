import Logging
import Sluice
import SluiceSQLite
import Synchronization

/// Moves over to Kafka what the embedded log still holds from the time when it was the queue.
///
/// A group of its own on the log (``name``) begins where the gateway's readers have left off. What all of them have
/// settled stays. Its routes publish to Kafka and then settle, so a restart goes on where it was.
final class LogTransfer: Sendable {
    /// The route that moves events, and the group of both routes.
    static let name = "log-to-kafka"
    /// The route that moves what could not be delivered.
    static let poisonName = "log-to-kafka-poison"
    /// The route that moves facts. Gateways that were not there then get to know them.
    static let factsName = "log-to-kafka-facts"
    /// Readers that did not exist on the log and begin with what comes after they were configured.
    private static let laterReaders = "log-to-kafka: readers that begin later"
    private static let poisonReaders: Set<String> = ["poison"]
    /// A group that says what was moved: all facts are moved, whichever groups have read them.
    private static let factReaders: Set<String> = [movedFacts]
    static let movedFacts = "moved-to-kafka"
    /// How many messages are published at once; those of a repository keep their order.
    private static let lanes = 64

    private let log: SQLiteLog
    private let idle: Duration
    private let logger: Logger
    private let lag: @Sendable (Topic) -> GaugeHandle
    private let state = Mutex(State())

    /// How many messages of each topic.
    private struct Waiting {
        var events: Int64 = 0
        var poison: Int64 = 0
        var facts: Int64 = 0

        var isEmpty: Bool { events == 0 && poison == 0 && facts == 0 }
    }

    private struct State {
        var hasBegun = false
        var isMoving = false
        var events = SQLiteHandover()
        var poison = SQLiteHandover()
        var facts = SQLiteHandover()
        /// What is still to be moved.
        var waiting = Waiting()
        var readers: Set<String> = []
        var laterReaders: [String] = []
        var problem: String?
    }

    /// - Parameter idle: for how long after it last read a reader counts that is not configured.
    init(_ log: SQLiteLog, idle: Duration, _ instruments: Instruments, logger: Logger) {
        self.log = log
        self.idle = idle
        self.logger = logger
        lag = { topic in
            instruments.gauge(
                .consumerLag,
                [
                    ("handler_name", Self.route(of: topic)),
                    ("topic", topic.name), ("partition", "0"),
                ])
        }
    }

    private static func route(of topic: Topic) -> String {
        switch topic {
        case SQLiteQueue.poisonTopic: poisonName
        case SQLiteQueue.factsTopic: factsName
        default: name
        }
    }

    /// Finds out what to move, and gives it to the group, durably. Does so once.
    /// - Parameter readers: what is configured.
    func begin(_ readers: [(route: String, start: ReaderStart)]) async throws {
        guard !state.withLock(\.hasBegun) else { return }
        let configured = Set(readers.map(\.route))
        // What a sink's pushes were read by counts too, however it reads now.
        let pushes = Set(configured.map(ReaderPart.pushesGroup))
        let all = configured.union(Registry.readers).union(pushes)
        // Before they are remembered: those that are new have no past here.
        let known = try await log.knownReaders(among: readers.map(\.route))
        let events = try await log.beginHandover(
            of: SQLiteQueue.eventsTopic, readBy: all, required: configured.union(pushes), idle: idle, to: Self.name)
        let poison = try await log.beginHandover(
            of: SQLiteQueue.poisonTopic, readBy: Self.poisonReaders, required: Self.poisonReaders, idle: idle,
            makes: true, to: Self.name)
        let facts = try await log.beginHandover(
            of: SQLiteQueue.factsTopic, readBy: Self.factReaders, required: Self.factReaders, idle: idle,
            makes: true, to: Self.name)
        if events.isNew, events.messages > 0 {
            let later = readers.filter { $0.start == .now && !known.contains($0.route) }.map(\.route)
            try await log.setFact(Self.laterReaders, later.isEmpty ? nil : later.joined(separator: ","))
        }
        let later = try await log.fact(Self.laterReaders) ?? ""
        let waiting = Waiting(events: events.messages, poison: poison.messages, facts: facts.messages)
        state.withLock { state in
            state.hasBegun = true
            state.isMoving = !waiting.isEmpty
            state.events = events
            state.poison = poison
            state.facts = facts
            state.waiting = waiting
            state.readers = all
            state.laterReaders = later.split(separator: ",").map(String.init)
        }
        guard !waiting.isEmpty else { return }
        show()
        logger.notice(
            "what the embedded log still holds is moved to Kafka",
            metadata: [
                "events": "\(events.messages)", "poisoned": "\(poison.messages)", "facts": "\(facts.messages)",
            ])
    }

    /// The routes that move; none where there is nothing to move.
    func routes(to queue: any EventQueue) -> [Route] {
        let (events, poison, facts, later) = state.withLock { ($0.events, $0.poison, $0.facts, $0.laterReaders) }
        var routes: [Route] = []
        if events.messages > 0 {
            let settled = events.settled.sorted { $0.key < $1.key }
            routes.append(
                route(Self.name, from: SQLiteQueue.eventsTopic, to: queue.events, queue) { message, context in
                    guard let offset = context.origin.offset else { return [message] }
                    let handled = settled.compactMap { group, own in
                        // Where pushes were read apart, the sink's own group has handled none of them.
                        let apart = ReaderPart.isPush(message) ? events.settled[ReaderPart.pushesGroup(of: group)] : nil
                        return (apart ?? own).contains(offset) ? group : nil
                    }
                    return [HandledOnLog.mark(message, handled + later)]
                })
        }
        if poison.messages > 0 {
            routes.append(
                route(Self.poisonName, from: SQLiteQueue.poisonTopic, to: queue.poison, queue) { message, _ in
                    [message]
                })
        }
        if facts.messages > 0 {
            routes.append(
                route(Self.factsName, from: SQLiteQueue.factsTopic, to: queue.facts, queue) { message, _ in [message] })
        }
        return routes
    }

    private func route(
        _ name: String, from topic: Topic, to target: Topic, _ queue: any EventQueue, handler: @escaping Handler
    ) -> Route {
        Route(
            name, from: log.subscriber(group: Self.name), topic, to: queue.publisher, target,
            ordering: .perKey(lanes: Self.lanes),
            // What Kafka can never take as it is, is kept as far as it can.
            middlewares: [
                HandlerMetrics(), PoisonQueue(to: queue.publisher, queue.poison, filter: .permanent), Retry(),
            ],
            handler: handler)
    }

    /// Finds out how much is left, and ends once nothing is.
    func refresh() async {
        let (isMoving, readers, events, poison, facts) = state.withLock {
            ($0.isMoving, $0.readers, $0.events, $0.poison, $0.facts)
        }
        guard isMoving else { return }
        do {
            let waiting = Waiting(
                events: events.messages == 0 ? 0 : try await left(of: SQLiteQueue.eventsTopic),
                poison: poison.messages == 0 ? 0 : try await left(of: SQLiteQueue.poisonTopic),
                facts: facts.messages == 0 ? 0 : try await left(of: SQLiteQueue.factsTopic))
            state.withLock { state in
                state.waiting = waiting
                state.problem = nil
            }
            show()
            guard waiting.isEmpty else { return }
            if events.messages > 0 {
                let isDone = try await log.endHandover(of: SQLiteQueue.eventsTopic, readBy: readers, to: Self.name)
                guard isDone else { return }
            }
            if poison.messages > 0 {
                let isDone = try await log.endHandover(
                    of: SQLiteQueue.poisonTopic, readBy: Self.poisonReaders, makes: true, to: Self.name)
                guard isDone else { return }
            }
            if facts.messages > 0 {
                let isDone = try await log.endHandover(
                    of: SQLiteQueue.factsTopic, readBy: Self.factReaders, makes: true, to: Self.name)
                guard isDone else { return }
            }
            try await log.setFact(Self.laterReaders, nil)
            state.withLock { $0.isMoving = false }
            logger.notice(
                "the embedded log is moved to Kafka",
                metadata: [
                    "events": "\(events.messages)", "poisoned": "\(poison.messages)", "facts": "\(facts.messages)",
                ])
        } catch {
            let isNew = state.withLock { state in
                defer { state.problem = "\(error)" }
                return state.problem != "\(error)"
            }
            if isNew { logger.warning("what is left to be moved is not known", metadata: ["error": "\(error)"]) }
        }
    }

    /// Says what is still to be moved.
    func report(to readiness: inout Readiness) {
        let (isMoving, waiting) = state.withLock { ($0.isMoving, $0.waiting) }
        guard isMoving else { return }
        guard !waiting.isEmpty else {
            return readiness.notes.append("\(Self.name): another process still reads the embedded log")
        }
        let parts =
            ["\(waiting.events) events"]
            + (waiting.poison > 0 ? ["\(waiting.poison) messages of the topic poison"] : [])
            + (waiting.facts > 0 ? ["\(waiting.facts) facts"] : [])
        readiness.notes.append(
            "\(Self.name): \(parts.joined(last: "and")) that the embedded log took before Kafka was the queue "
                + "have yet to be moved there")
    }

    private func left(of topic: Topic) async throws -> Int64 {
        try await log.backlog(group: Self.name, topic: topic).messages
    }

    private func show() {
        let (events, poison, facts, waiting) = state.withLock { ($0.events, $0.poison, $0.facts, $0.waiting) }
        if events.messages > 0 { lag(SQLiteQueue.eventsTopic).set(Double(waiting.events)) }
        if poison.messages > 0 { lag(SQLiteQueue.poisonTopic).set(Double(waiting.poison)) }
        if facts.messages > 0 { lag(SQLiteQueue.factsTopic).set(Double(waiting.facts)) }
    }

    /// Removes the group where the embedded log is the queue (again): its readers go on by themselves.
    static func forget(_ log: SQLiteLog) async throws {
        for group in try await log.groups() where group.name == name && group.reader == nil {
            try await log.remove(group: group.name, topic: group.topic)
        }
    }
}
