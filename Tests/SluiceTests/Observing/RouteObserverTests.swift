import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

/// Keeps what it is told.
private final class RecordingObserver: RouteObserver {
    struct Told {
        var routes: [String] = []
        var attempts: [AttemptEnd] = []
        var deliveries: [DeliveryEnd] = []
        var changes: [DestinationChange] = []
    }

    private let state = Mutex(Told())

    var told: Told { state.withLock(\.self) }
    var kinds: [DestinationChange.Kind] { told.changes.map(\.kind) }

    func begin(_ route: String, to destination: String) -> Int {
        state.withLock { told in
            told.routes.append("\(route) → \(destination)")
            return told.routes.count - 1
        }
    }

    func ended(_ attempt: AttemptEnd) { state.withLock { $0.attempts.append(attempt) } }
    func ended(_ delivery: DeliveryEnd) { state.withLock { $0.deliveries.append(delivery) } }
    func changed(_ destination: DestinationChange) { state.withLock { $0.changes.append(destination) } }
}

@Suite(.timeLimit(.minutes(5)))
struct RouteObserverTests {
    /// Runs messages through a route to a destination, whose answers come one after the other.
    private func observe(
        _ answers: [HandlerError?], count: Int = 1, _ configuration: Destination.Configuration = .unbounded,
        middlewares: [any Middleware] = [Retry()]
    ) async throws -> RecordingObserver {
        let observer = RecordingObserver()
        try await VirtualTime.run(seed: 3) { time in
            let left = Mutex(answers[...])
            let source = Source((0..<count).map { .numbered($0) }, time: time)
            let router = Router(logger: .silent, time: time, observer: observer)
            try router.add(
                Route(
                    "to-chat", from: source, "in", ordering: .serial,
                    destination: try Destination("chat", configuration, time: time), middlewares: middlewares
                ) { _, context in
                    try await context.sleep(for: .milliseconds(20))
                    if let error = left.withLock({ $0.popFirst() }) ?? nil { throw error }
                })
            try await router.whileRunning {
                try await time.eventually(within: .seconds(7_200)) { source.acknowledgedCount == count }
            }
        }
        return observer
    }

    @Test func eachAttemptIsToldOfWithItsWaitsAndHowItEnded() async throws {
        let slow = HandlerError("429", reason: "http_429", disposition: .throttled(after: .seconds(60)))
        let away = HandlerError("503", reason: "http_503", disposition: .retry())
        let observer = try await observe([slow, away, nil])
        let told = observer.told
        #expect(told.routes == ["to-chat → chat"])
        try #require(told.attempts.map(\.result) == [.throttled, .failure, .success])
        #expect(told.attempts.map(\.reason) == ["http_429", "http_503", nil])
        #expect(told.attempts.map(\.attempt) == [1, 2, 3])
        #expect(told.attempts.map(\.retryAfter) == [.seconds(60), nil, nil])
        #expect(told.attempts.allSatisfy { $0.end.nanoseconds(since: $0.start) == 20_000_000 })
        #expect(Set(told.attempts.map(\.message)).count == 1)
        #expect(told.attempts[0].waits == .init())
        // The second waited for the time that was named.
        #expect(told.attempts[1].waits.backoff >= 60_000_000_000)
        #expect(told.attempts[2].waits.backoff >= told.attempts[1].waits.backoff)
        #expect(told.deliveries.map(\.outcome) == [.acked] && told.deliveries.map(\.attempts) == [3])
        let changes = observer.told.changes
        try #require(changes.map(\.kind) == [.shut, .opened])
        #expect(changes.map(\.destination) == ["chat", "chat"])
        #expect(changes[0].reason == "http_429")
        #expect(try #require(changes[0].duration) >= .seconds(60))
        #expect(changes[0].time.duration(to: changes[1].time) >= .seconds(60))
    }

    @Test func aHoldIsToldOfAndItsEnd() async throws {
        let gone = HandlerError(
            "gone", reason: "http_410", disposition: .hold("the channel is archived", for: .seconds(60)))
        let observer = try await observe([gone, gone, nil])
        #expect(observer.told.attempts.map(\.result) == [.held, .held, .success])
        #expect(observer.kinds == [.held, .released])
        #expect(observer.told.changes.first?.reason == "the channel is archived")
    }

    @Test func aBreakerThatOpensAndClosesIsToldOf() async throws {
        let away = HandlerError("503", reason: "http_503", disposition: .retry())
        let breaker = CircuitBreaker(consecutiveFailures: 3, successBelow: nil)
        let observer = try await observe(
            [away, away, away, away, nil], count: 2, .init(budget: nil, breaker: breaker))
        #expect(observer.kinds == [.breakerOpened, .probeFailed, .breakerClosed])
        #expect(observer.told.changes.first?.reason == "http_503")
        #expect(observer.told.attempts.contains { $0.waits.breaker > 0 })
    }

    @Test func aForcedBreakerIsToldOf() throws {
        let observer = RecordingObserver()
        let destination = try Destination("chat", .init(breaker: CircuitBreaker()))
        destination.observe(by: observer)
        try destination.update { $0.breaker?.force = .open }
        try destination.update { $0.throttle = Throttle(rate: 1) }
        try destination.update { $0.breaker?.force = .auto }
        #expect(observer.kinds == [.breakerForced, .breakerForced])
        #expect(observer.told.changes.map(\.reason) == ["open", "auto"])
    }

    @Test func whatIsPoisonedHasAReasonAndAnEnd() async throws {
        let never = HandlerError("too long", reason: "msg_too_long", disposition: .poison("too long"))
        let poison = EmptyPublisher()
        let observer = try await observe(
            [never], middlewares: [PoisonQueue(to: poison, "poison", filter: .permanent), Retry()])
        #expect(observer.told.attempts.map(\.result) == [.refused])
        #expect(observer.told.attempts.map(\.reason) == ["msg_too_long"])
        #expect(observer.told.deliveries.map(\.outcome) == [.poisoned])
    }

    @Test func anAttemptThatAShutdownInterruptsHasNoResult() async throws {
        let observer = RecordingObserver()
        try await VirtualTime.run(seed: 4) { time in
            let source = Source([.numbered(0)], time: time)
            var configuration = Router.Configuration()
            configuration.shutdownTimeout = .seconds(1)
            let router = Router(configuration: configuration, logger: .silent, time: time, observer: observer)
            let begun = Flag()
            try router.add(
                Route("slow", from: source, "in", ordering: .serial) { _, context in
                    begun.set()
                    try await context.sleep(for: .seconds(3_600))
                })
            try await router.whileRunning { try await time.eventually { begun.value } }
        }
        #expect(observer.told.attempts.map(\.result) == [nil])
        #expect(observer.told.attempts.map(\.reason) == [nil])
        #expect(observer.told.deliveries.map(\.outcome) == [.rejected])
    }
}

/// Takes everything, in any time.
private final class EmptyPublisher: Publisher {
    let name = "poison"
    var time: RouterTime? { nil }

    func publish(_ messages: [Message], to topic: Topic) async throws {}
    func close() async {}
}
