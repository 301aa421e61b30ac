import Sluice
import SluiceTesting
import Testing

struct RouterTimeTests {
    @Test func pointsAndDurationsAddUp() {
        let start = MonotonicTime(nanoseconds: 5_000_000_000)
        #expect(start.advanced(by: .seconds(2)).offset == .seconds(7))
        #expect(start.advanced(by: .seconds(-2)).offset == .seconds(3))
        #expect(start.advanced(by: .seconds(-9)).offset == .zero)
        #expect(start.advanced(by: .seconds(Int64.max)).nanoseconds == .max)
        #expect(start.advanced(by: .seconds(Int64.min)).nanoseconds == 0)
        #expect(start.duration(to: MonotonicTime(nanoseconds: 1_000_000_000)) == .seconds(-4))
        #expect(start.duration(to: start.advanced(by: .nanoseconds(3))) == .nanoseconds(3))
        #expect(Duration.seconds(-1).wholeNanoseconds == 0 && Duration.seconds(1).wholeNanoseconds == 1_000_000_000)
    }

    @Test func aVirtualRouterRefusesWhatGoesByTheMachinesTime() async throws {
        let other = try await VirtualTime.run { MemoryBroker(time: $0) }
        try await VirtualTime.run { time in
            let router = Router(logger: .silent, time: time)
            func refused(_ route: Route) -> String? {
                do {
                    try router.add(route)
                    return nil
                } catch {
                    return (error as? ConfigurationError)?.description
                }
            }
            let broker = MemoryBroker(time: time)
            func route(_ middlewares: [any Middleware] = []) -> Route {
                Route("r", from: broker.subscriber(), "in", middlewares: middlewares) { _, _ in }
            }
            let elsewhere = Adapter()
            #expect(
                refused(Route("r", from: elsewhere, "in") { _, _ in })
                    == "Route.subscriber: expected what goes by the router's virtual time; `adapter` goes by the machine's,"
                    + " as whatever has threads or connections of its own does")
            let publishing = Route("r", from: broker.subscriber(), "in", to: elsewhere, "out") { message, _ in [message]
            }
            #expect(refused(publishing)?.hasPrefix("Route.publisher: ") == true)
            #expect(refused(route([PoisonQueue(to: elsewhere, "p")]))?.hasPrefix("PoisonQueue.publisher: ") == true)
            #expect(
                refused(route([Deduplicator(MemoryDeduplicationStore())]))?.hasPrefix("Deduplicator.store: ") == true)
            // A virtual time is good for itself alone.
            #expect(
                refused(Route("r", from: other.subscriber(), "in") { _, _ in })
                    == "Route.subscriber: expected what goes by the router's virtual time; `memory` goes by another")
            // What needs no time fits in every one.
            #expect(
                refused(
                    Route(
                        "r", from: broker.subscriber(), "in", to: RecordingPublisher(), "out",
                        middlewares: [
                            PoisonQueue(to: FailingPublisher([]), "p"),
                            Deduplicator(MemoryDeduplicationStore(time: time)),
                        ]
                    ) { message, _ in [message] }) == nil)
        }
    }

    @Test func aRealRouterRefusesWhatGoesByAVirtualTime() async throws {
        let broker = try await VirtualTime.run { MemoryBroker(time: $0) }
        let error = #expect(throws: ConfigurationError.self) {
            try Router(logger: .silent).add(Route("r", from: broker.subscriber(), "in") { _, _ in })
        }
        #expect(error?.field == "Route.subscriber")
    }

    /// As adapters with threads of their own are, which say nothing of time.
    private final class Adapter: Subscriber, Publisher {
        let name = "adapter"
        let defaultOrdering = Ordering.serial
        func subscribe(to topic: Topic) async throws -> Subscription { Subscription() }
        func publish(_ messages: [Message], to topic: Topic) async throws {}
        func close() async {}
    }
}
