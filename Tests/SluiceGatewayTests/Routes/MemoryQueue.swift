import Sluice

@testable import SluiceGateway

/// A queue in memory, for routes that run in virtual time.
final class MemoryQueue: EventQueue {
    let events: Topic = "events"
    let poison: Topic = "poison"
    let handled: any DeduplicationStore
    let isShared = false
    let readiness = Readiness()
    let routes: [Route] = []
    private let broker: MemoryBroker

    /// - Parameter capacity: how many events wait at most.
    init(_ time: RouterTime, capacity: Int = 20_000) throws {
        broker = try MemoryBroker(.init(capacity: capacity), time: time)
        handled = MemoryDeduplicationStore(time: time)
    }

    var publisher: any Publisher { broker.publisher(key: Event.orderingKeySelector) }

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
