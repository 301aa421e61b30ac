import Sluice
import Synchronization

@testable import SluiceGateway

/// A topic of facts that several gateways share, as far as counting needs one: what is shared is kept in order until a test hands
/// it over.
final class SharedFactsQueue: EventQueue {
    let events: Topic = "events"
    let poison: Topic = "poison"
    let facts: Topic = "events-facts"
    let handled: any DeduplicationStore = MemoryDeduplicationStore(time: .real)
    let isShared = true
    let readiness = Readiness()
    let routes: [Route] = []
    private let broker: MemoryBroker
    private let state = Mutex<(messages: [Message], isAway: Bool)>(([], false))

    init() throws {
        broker = try MemoryBroker(.init(capacity: 10), time: .real)
    }

    var publisher: any Publisher { broker.publisher() }
    var messages: [Message] { state.withLock(\.messages) }

    /// Whether the brokers cannot be reached.
    var isAway: Bool {
        get { state.withLock(\.isAway) }
        set { state.withLock { $0.isAway = newValue } }
    }

    func share(_ messages: [Message]) async throws {
        try state.withLock { state in
            if state.isAway { throw ClosedError("brokers") }
            state.messages += messages
        }
    }

    func subscriber(for route: String, from start: ReaderStart, gathering: Duration) -> any Subscriber {
        broker.subscriber(group: route)
    }
    func prepare() async throws {}
    func probe() async {}
    func replay(settledBy route: String, to body: ([Message]) async throws -> Void) async throws {}
    func backlog(of route: String) async throws -> Backlog { Backlog() }
    func poisoned() async throws -> Backlog { Backlog() }
    func close() async {}
}
