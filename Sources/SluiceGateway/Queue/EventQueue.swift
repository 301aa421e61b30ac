import Sluice

/// The durable queue in the middle, whatever broker it is.
protocol EventQueue: Sendable {
    /// Where every event goes.
    var events: Topic { get }
    /// Where messages go that can never be delivered.
    var poison: Topic { get }
    /// Where facts go, from which figures of deployments are made.
    var facts: Topic { get }
    var publisher: any Publisher { get }
    /// Which messages each route has handled.
    var handled: any DeduplicationStore { get }
    /// Where sinks note what they have delivered, so that other gateways know it; nil where there are none.
    var delivered: DeliveredBook? { get }
    /// Whether another gateway may go on at any time where this one is, without knowing what this one has handled.
    var isShared: Bool { get }
    /// What keeps the queue from being used, and what is worth knowing besides.
    var readiness: Readiness { get }

    /// Returns when the queue can be used: what is missing has been made. Waits for brokers as long as it takes.
    /// - Throws: `CancellationError`, and what waiting cannot mend.
    func prepare() async throws

    /// Looks after the queue while routes use it, until the task is cancelled or there is nothing to do.
    func keep() async

    /// Routes that the queue needs for itself, once it is prepared.
    var routes: [Route] { get }

    /// A subscriber to the events for a route, in a consumer group of the route's name. ``prepare()`` gives the group its
    /// position, durably.
    /// - Parameters:
    ///   - start: where the route begins if it was not there before.
    ///   - gathering: for how long events may gather, for a route that takes many at once.
    func subscriber(for route: String, from start: ReaderStart, gathering: Duration) throws -> any Subscriber

    /// Takes in what a source has told: events and facts together, or none of them. Where the topic of facts cannot be used, events
    /// are taken all the same, and ``readiness`` says so.
    func takeIn(_ events: [Message], facts: [Message]) async throws

    /// A subscriber to the facts for this process's own ledger, from the oldest on. They may gather, as the ledger takes many at
    /// once.
    func ledgerSubscriber(for route: String) throws -> any Subscriber

    /// A subscriber to the facts for a sink's route, in a consumer group of the route's name.
    func factSubscriber(for route: String, from start: ReaderStart) throws -> any Subscriber

    /// Whether this process is the one of several that does for all of them what a route does once. It may change at any time.
    func leads(_ route: String) -> Bool

    /// What a route reads: events, unless it has asked for facts.
    func topic(of route: String) -> Topic

    /// Publishes what all gateways on this queue read, on the topic of facts.
    func share(_ messages: [Message]) async throws

    /// Hands over all facts that the queue holds, in batches, each with when the queue took it.
    func replayFacts(to body: ([(message: Message, receipt: Timestamp)]) async throws -> Void) async throws

    /// A sink is read so from now on: by one group, or by two. Called before ``subscriber(for:from:)``; ``prepare()`` and
    /// ``introduce(_:)`` make one group of two, or two of one, where it was read otherwise before.
    /// - Returns: what the groups had handled that have become one.
    func follow(_ sink: ConfiguredSink) -> PartedReader

    /// A group was moved: what became one in it is forgotten.
    func noteMoved(_ group: String)

    /// Whether a sink's groups may have to wait for their positions longer than ``prepare()`` does.
    func mayWait(_ group: String) -> Bool

    /// Gives a route its position that was made after ``prepare()``.
    func introduce(_ route: String) async throws

    /// Lets go of what reads for a route, after the route has ended. Its group stays where it is.
    func dismiss(_ route: String) async

    /// Finds out whether events would still be taken, where the last outcome was a failure or nothing has happened for
    /// ``QueueProbe/idle``. It leaves no event; ``readiness`` tells its outcome.
    func probe() async

    /// Hands over the events that a route has settled, oldest first, in batches, so that what was derived from them can
    /// be made again.
    func replay(settledBy route: String, to body: ([Message]) async throws -> Void) async throws

    /// How far a route is behind.
    func backlog(of route: String) async throws -> Backlog

    /// Groups of sinks that were there before and for which messages wait, without those of these readers.
    func unread(besides readers: Set<String>) async -> [UnreadGroup]

    /// What lies in the poison topic unsettled.
    func poisoned() async throws -> Backlog

    /// Lets go of everything, after the routes have ended.
    func close() async
}

extension EventQueue {
    var delivered: DeliveredBook? { nil }
    var facts: Topic { "facts" }
    func takeIn(_ events: [Message], facts: [Message]) async throws {
        if !events.isEmpty { try await publisher.publish(events, to: self.events) }
        try await publisher.publish(facts, to: self.facts)
    }
    func subscriber(for route: String, from start: ReaderStart) throws -> any Subscriber {
        try subscriber(for: route, from: start, gathering: .zero)
    }
    func ledgerSubscriber(for route: String) throws -> any Subscriber { try subscriber(for: route, from: .beginning) }
    func factSubscriber(for route: String, from start: ReaderStart) throws -> any Subscriber {
        try subscriber(for: route, from: start)
    }
    func leads(_ route: String) -> Bool { true }
    func share(_ messages: [Message]) async throws { try await publisher.publish(messages, to: facts) }
    func topic(of route: String) -> Topic { events }
    func replayFacts(to body: ([(message: Message, receipt: Timestamp)]) async throws -> Void) async throws {}
    func keep() async {}
    func introduce(_ route: String) async throws {}
    func follow(_ sink: ConfiguredSink) -> PartedReader { PartedReader() }
    func noteMoved(_ group: String) {}
    func mayWait(_ group: String) -> Bool { false }
    func dismiss(_ route: String) async {}
    func unread(besides readers: Set<String>) async -> [UnreadGroup] { [] }
}

/// What waits in a topic.
struct Backlog: Sendable, Equatable {
    /// How many messages of each partition are not settled.
    var messages: [Int32: Int64] = [:]
    /// How many of these were put aside behind others of their key.
    var shelved: Int64 = 0
    /// When the oldest of them was published.
    var oldest: Timestamp?
    /// The offsets of messages that keep their partitions from being read on.
    var holders: [Int32: Int64] = [:]

    var total: Int64 { messages.values.reduce(0) { $0.addingSaturated($1) } }
}

extension Event {
    /// Messages of one repository keep their order on every queue.
    static let orderingKeySelector: KeySelector = .metadata(repositoryKey)
}
