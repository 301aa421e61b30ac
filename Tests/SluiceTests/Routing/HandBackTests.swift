import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

/// A message that waits long for its next attempt frees its worker, and goes on from where it was.
@Suite(.timeLimit(.minutes(5)))
struct HandBackTests {
    private struct Attempt: Equatable {
        let at: Duration
        let number: Int
        let attempt: Int
    }

    /// A message that fails twice, and others that do not, over one worker.
    @Test(arguments: [Ordering.perKey(lanes: 1, by: .metadata("key")), .unordered(limit: 1)])
    func itFreesItsWorkerAndKeepsItsAttempts(_ ordering: Ordering) async throws {
        try await VirtualTime.run { time in
            let broker = try MemoryBroker(.init(persistent: true), time: time)
            let attempts = Journal<Attempt>()
            let meters = Meters()
            let retry = Retry(
                maxAttempts: 4, backoff: .exponential(from: .seconds(10), upTo: .seconds(60), jitter: false),
                handBackAfter: .seconds(5))
            let router = Router.quick([retry], meters: meters, time: time)
            try router.add(
                Route("r", from: broker.subscriber(group: "g"), "in", ordering: ordering) { message, context in
                    attempts.add(.init(at: time.now.offset, number: message.number, attempt: context.attempt))
                    if message.number == 0, context.attempt < 3 { throw Broken() }
                })
            try await router.whileRunning {
                let publisher = broker.publisher()
                try await publisher.publish((0..<3).map { .numbered($0, key: "\($0)") }, to: "in")
                try await time.sleep(for: .seconds(100))
            }
            #expect(
                attempts.entries == [
                    .init(at: .zero, number: 0, attempt: 1), .init(at: .zero, number: 1, attempt: 1),
                    .init(at: .zero, number: 2, attempt: 1), .init(at: .seconds(10), number: 0, attempt: 2),
                    .init(at: .seconds(30), number: 0, attempt: 3),
                ])
            #expect(meters.value("sluice_deliveries_total", ["outcome": "acked"]) == 3)
            #expect(meters.value("sluice_deliveries_total", ["outcome": "rejected"]) == 0)
            #expect(meters.value("sluice_unaccounted_messages") == 0)
        }
    }

    /// In order nothing else is taken up meanwhile.
    @Test func aSerialRouteWaits() async throws {
        try await VirtualTime.run { time in
            let broker = try MemoryBroker(.init(persistent: true), time: time)
            let order = Journal<Int>()
            let retry = Retry(backoff: .constant(.seconds(30)), handBackAfter: .zero)
            let router = Router.quick([retry], time: time)
            try router.add(
                Route("r", from: broker.subscriber(group: "g"), "in", ordering: .serial) { message, context in
                    if message.number == 0, context.attempt < 3 { throw Broken() }
                    order.add(message.number)
                })
            try await router.whileRunning {
                try await broker.publisher().publish((0..<5).map { .numbered($0) }, to: "in")
                try await time.sleep(for: .seconds(59))
                #expect(order.count == 0)
                try await time.sleep(for: .seconds(2))
            }
            #expect(order.entries == [0, 1, 2, 3, 4])
        }
    }

    /// A change is in force at once for what waits without a worker, too: sooner, later, and sooner again.
    @Test(arguments: [Ordering.serial, .perKey(lanes: 1, by: .id)])
    func aChangeReachesWhatWaitsWithoutAWorker(_ ordering: Ordering) async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0)], time: time)
            let attempts = Journal<Duration>()
            let retry = Live(
                Retry(maxAttempts: 3, backoff: .constant(.seconds(3_600)), maxElapsed: nil, handBackAfter: .zero))
            let router = Router.quick([retry], time: time)
            try router.add(
                Route("r", from: source, "in", ordering: ordering) { _, _ in
                    attempts.add(time.now.offset)
                    throw Broken()
                })
            try await router.whileRunning {
                for wait in [600, 1_800, 300] as [Int64] {
                    try await time.sleep(for: .seconds(10))
                    try retry.update { $0.backoff = .constant(.seconds(wait)) }
                }
                try await time.sleep(for: .seconds(560))
            }
            #expect(attempts.entries == [.zero, .seconds(300)])
        }
    }

    /// What a source kept is where the message goes on, in every order: not before its time, and with the next number.
    @Test(arguments: [Ordering.serial, .perKey(lanes: 2, by: .id), .unordered(limit: 2)])
    func aMessageGoesOnFromWhatItsSourceKept(_ ordering: Ordering) async throws {
        try await VirtualTime.run { time in
            let wall = time.timestamp
            let progress = Delivery.Progress(
                attempts: 3, failedAttempts: 2, throttledAnswers: 1,
                firstFailure: wall.advanced(by: .seconds(-50)), due: wall.advanced(by: .seconds(40)), wait: .seconds(60)
            )
            let source = KeepingSource(progress, time: time)
            let seen = Journal<Attempt>()
            // 120 s from the first failure on: the third attempt is made, and after it there is no time for a fourth.
            let retry = Retry(maxAttempts: 9, backoff: .constant(.seconds(40)), maxElapsed: .seconds(120))
            var configuration = Router.Configuration.quick
            configuration.redelivery = .constant(.seconds(100_000))
            let router = Router.quick([retry], configuration: configuration, time: time)
            try router.add(
                Route("r", from: source, "in", ordering: ordering) { message, context in
                    seen.add(.init(at: time.now.offset, number: context.attempts, attempt: context.attempt))
                    throw Broken()
                })
            try await router.whileRunning { try await time.sleep(for: .seconds(60)) }
            #expect(seen.entries == [.init(at: .seconds(40), number: 4, attempt: 3)])
            // It is given back with what is known now.
            let last = try #require(source.kept)
            #expect(last.attempts == 4 && last.failedAttempts == 3 && last.throttledAnswers == 1)
        }
    }

    /// What a source keeps has whole milliseconds, and is never too early.
    @Test func aTimeThatIsKeptIsNotCutOff() {
        let (now, wall) = (MonotonicTime(nanoseconds: 5_000_000_000), Timestamp(millisecondsSince1970: 1_000))
        for (nanoseconds, due) in [(0, 1_000), (1, 1_001), (999_999, 1_001), (1_000_000, 1_001), (1_000_001, 1_002)] {
            let time = now.advanced(by: .nanoseconds(nanoseconds))
            let progress = DeliveryTrace().progress(due: time, at: now, wall)
            #expect(progress.due.millisecondsSince1970 == Int64(due))
        }
    }

    /// A clock that was set back by a year has nothing wait for longer than it would have.
    @Test func aClockThatIsWrongHoldsNothingUp() {
        let now = Timestamp(millisecondsSince1970: 1_000_000)
        func remaining(_ due: Int64) -> Duration {
            Delivery.Progress(
                attempts: 1, failedAttempts: 1, throttledAnswers: 0, firstFailure: now,
                due: Timestamp(millisecondsSince1970: due), wait: .seconds(30)
            ).remaining(at: now)
        }
        #expect(remaining(1_010_000) == .seconds(10))
        #expect(remaining(.max) == .seconds(30))
        #expect(remaining(0) == .zero && remaining(.min) == .zero)
    }
}

/// Delivers one message that was attempted before, again and again, and keeps how far it has come.
private final class KeepingSource: Subscriber, Settler {
    let name = "keeping"
    let defaultOrdering = Ordering.serial
    private let clock: RouterTime
    private let state: Mutex<(progress: Delivery.Progress, subscription: Subscription?)>

    init(_ progress: Delivery.Progress, time: RouterTime) {
        clock = time
        state = Mutex((progress, nil))
    }

    var time: RouterTime? { clock }
    var kept: Delivery.Progress? { state.withLock(\.progress) }
    var keepsProgress: Bool { true }

    func subscribe(to topic: Topic) async throws -> Subscription {
        let subscription = Subscription(time: clock)
        state.withLock { $0.subscription = subscription }
        deliver()
        return subscription
    }

    private func deliver() {
        let (progress, subscription) = state.withLock(\.self)
        let origin = Delivery.Origin(attempt: 1, progress: progress)
        subscription?.offer(Delivery(.numbered(0), origin: origin, settler: self, tag: 0, time: clock))
    }

    func noteKept(_ tag: UInt64, _ message: Message, origin: Delivery.Origin) {
        if let progress = origin.progress { state.withLock { $0.progress = progress } }
    }

    func settle(_ tag: UInt64, _ settlement: Settlement) {}

    func settle(_ tag: UInt64, _ settlement: Settlement, of message: Message, origin: Delivery.Origin) {
        guard case .rejected(let rejection) = settlement else { return }
        noteKept(tag, message, origin: origin)
        clock.after(rejection.delay ?? .seconds(1)) { [weak self] in self?.deliver() }
    }

    func close() async {}
}
