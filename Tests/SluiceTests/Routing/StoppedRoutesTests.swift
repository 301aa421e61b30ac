import CoreMetrics
import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

/// A route that was stopped leaves nothing behind but its counters.
@Suite(.timeLimit(.minutes(10)))
struct StoppedRoutesTests {
    private final class Captured: Sendable {}

    private struct Observed {
        weak var handler: Captured?
        weak var hook: Captured?
        weak var publisher: RecordingPublisher?
    }

    private func addRoute(_ number: Int, to router: Router, from source: Source) throws -> Observed {
        let (handler, hook, publisher) = (Captured(), Captured(), RecordingPublisher())
        var retry = Retry()
        retry.onRetry = { _, _ in withExtendedLifetime(hook) {} }
        let read = Refreshing(hook)
        try router.add(
            Route(
                "r\(number)", from: source, "in", to: publisher, "out", middlewares: [retry, Throttle(rate: 1e6), read]
            ) {
                message, _ in
                withExtendedLifetime(handler) { [message] }
            })
        return Observed(handler: handler, hook: hook, publisher: publisher)
    }

    @Test(arguments: [true, false])
    func nothingOfItLivesOn(isRunning: Bool) async throws {
        let meters = Meters()
        let router = Router.quick(meters: meters)
        let before = meters.instruments.sourceCount
        func addAndStop() async throws {
            for number in 0..<20 {
                let source = Source(isRunning ? [.numbered(number)] : [])
                let observed = try addRoute(number, to: router, from: source)
                #expect(meters.instruments.sourceCount > before)
                if isRunning { try await eventually { source.acknowledgedCount == 1 } }
                await router.stop("r\(number)")
                #expect(meters.instruments.sourceCount == before)
                // The last task that ran it may still be about to end.
                try await eventually(
                    "handler \(observed.handler == nil), hook \(observed.hook == nil), publisher \(observed.publisher == nil)"
                ) { observed.handler == nil && observed.hook == nil && observed.publisher == nil }
            }
        }
        guard isRunning else { return try await addAndStop() }
        try await router.whileRunning { try await addAndStop() }
        #expect(meters.value("sluice_deliveries_total", ["handler_name": "r7", "outcome": "acked"]) == 1)
        #expect(meters.value("sluice_deliveries_in_flight", ["handler_name": "r7"]) == 0)
    }

    /// What is still in use somewhere is closed with the router, as before.
    @Test func aPublisherThatIsHeldIsClosedWithTheRouter() async throws {
        let router = Router.quick()
        let publisher = RecordingPublisher()
        try router.add(Route("r", from: Source(), "in", to: publisher, "out") { message, _ in [message] })
        try await router.whileRunning {
            await router.stop("r")
            #expect(!publisher.isClosed)
        }
        #expect(publisher.isClosed)
    }

    @Test func aStoppedRoutesNameAndCountersGoOn() async throws {
        let meters = Meters()
        let router = Router.quick(meters: meters)
        try await router.whileRunning {
            for round in 1...3 {
                let source = Source([.numbered(round)])
                try router.add(Route("r", from: source, "in") { _, _ in })
                try await eventually { source.acknowledgedCount == 1 }
                await router.stop("r")
                let labels = ["handler_name": "r", "outcome": "acked"]
                #expect(meters.value("sluice_deliveries_total", labels) == Double(round))
            }
        }
    }

    private struct Refreshing: Middleware {
        let captured: Captured

        init(_ captured: Captured) {
            self.captured = captured
        }

        func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
            route.instruments.onRefresh { [captured, route] in withExtendedLifetime((captured, route)) {} }
            return next
        }
    }

    @Test func theTimerOfARejectedMessageKeepsNoBroker() async throws {
        try await VirtualTime.run { time in
            weak var topic: MemoryTopic?
            do {
                let broker = MemoryBroker(time: time)
                topic = broker.topic("in")
                let subscription = try await broker.subscriber(group: "g").subscribe(to: "in")
                try await broker.publisher().publish([Message(payload: [1])], to: "in")
                for delivery in try await subscription.next() ?? [] { delivery.reject(after: .seconds(3_600)) }
                subscription.cancel()
            }
            #expect(topic == nil)
        }
    }

    @Test func theTimerOfAKeyThatWaitsKeepsNoDestination() async throws {
        try await VirtualTime.run { time in
            weak var destination: Destination?
            do {
                let router = Router(logger: .silent, time: time)
                try router.add(
                    Route("r", from: Source([.numbered(0)], time: time), "in", ordering: .perKey(lanes: 2)) { _, _ in
                        throw HandlerError("away", reason: "away", disposition: .retry(after: .seconds(1_800)))
                    })
                destination = router.destinations[0]
                try await router.whileRunning { try await time.sleep(for: .seconds(1)) }
            }
            #expect(destination == nil)
        }
    }
}
