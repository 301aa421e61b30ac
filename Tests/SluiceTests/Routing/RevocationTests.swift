import CoreMetrics
import Logging
import Sluice
import SluiceTesting
import Synchronization
import Testing

/// What is not ours any more is dropped: never attempted, settled, poisoned, remembered or waited for.
@Suite(.timeLimit(.minutes(10)))
struct RevocationTests {
    @Test(arguments: ConservationTests.orderings)
    func attemptsNothingThatIsSomebodyElses(ordering: Ordering) async throws {
        let source = RevocableSource(40) { "\($0)" }
        let meters = Meters()
        let gate = Gate()
        let handled = Counter()
        let router = Router.quick(meters: meters)
        try router.add(
            Route("r", from: source, "in", ordering: ordering) { _, _ in
                try await gate.wait()
                handled.add()
            })
        try await router.whileRunning {
            try await eventually { gate.waiting == ordering.concurrency }
            source.revoke()
            gate.open()
            try await eventually { source.ended == 40 }
        }
        // Those in hand were finished, and the broker was told of them alone.
        #expect(handled.value == ordering.concurrency)
        #expect(source.settled.count == ordering.concurrency)
        #expect(source.forgone.count == 40 - ordering.concurrency)
        let books = ["acked": ordering.concurrency, "revoked": 40 - ordering.concurrency, "rejected": 0]
        for (outcome, count) in books {
            #expect(
                meters.value("sluice_deliveries_total", ["handler_name": "r", "outcome": outcome]) == Double(count))
        }
        #expect(meters.value("sluice_unaccounted_messages", ["handler_name": "r"]) == 0)
        #expect(meters.value("sluice_deliveries_in_flight", ["handler_name": "r"]) == 0)
        let watermill = ["handler_name": "r", "subscriber_name": "source"]
        #expect(
            meters.value("subscriber_messages_received_total", watermill.merging(["acked": "nacked"]) { $1 }) == 0)
    }

    /// The failure is real, and yet it is none of ours: another process meets it too.
    @Test(arguments: [
        Disposition.retry(), .poison("bad"), .retry(after: .seconds(60)), .hold("shut", for: .seconds(60)),
    ])
    func triesNothingAgainThatIsSomebodyElses(disposition: Disposition) async throws {
        try await VirtualTime.run { time in
            let source = RevocableSource(3, time: time) { _ in "a" }
            let meters = Meters()
            let poison = RecordingPublisher()
            let log = LogRecorder()
            let store = MemoryDeduplicationStore(time: time)
            let attempts = Counter()
            let router = Router(
                configuration: .quick,
                middlewares: [
                    LogMessages(), PoisonQueue(to: poison, "poison"), Deduplicator(store), Retry(maxAttempts: 5),
                    Timeout(.seconds(20)),
                ], instruments: meters.instruments, logger: log.logger, time: time)
            try router.add(
                Route("r", from: source, "in") { _, _ in
                    attempts.add()
                    source.revoke()
                    throw HandlerError("bad", reason: "bad", disposition: disposition)
                })
            try await router.whileRunning { try await time.eventually { source.forgone.count == 3 } }
            #expect(attempts.value == 1)
            #expect(source.settled.isEmpty)
            #expect(poison.records.isEmpty)
            #expect(meters.value("sluice_retries_total", ["handler_name": "r", "reason": "other"]) == 0)
            #expect(meters.value("sluice_deliveries_total", ["handler_name": "r", "outcome": "revoked"]) == 3)
            #expect(log.entries.allSatisfy { $0.level < .notice }, "\(log.lines)")
            for number in 0..<3 {
                let key = try #require(KeySelector.id(.numbered(number)))
                guard case .fresh = try await store.reserve(key, scope: "r") else {
                    Issue.record("message \(number) is remembered")
                    continue
                }
            }
        }
    }

    /// Whatever a message waits for: its right is looked at afterwards, and waiting ends early without it.
    @Test(arguments: ["retry", "redelivery", "throttle", "handler"])
    func aWaitEndsWithTheRight(place: String) async throws {
        try await VirtualTime.run { time in
            let source = RevocableSource(2, time: time) { _ in "a" }
            var retry = Retry(maxAttempts: 5)
            retry.backoff = .constant(.seconds(50))
            let middlewares: [any Middleware] =
                switch place {
                case "retry": [retry]
                case "throttle": [Throttle(rate: 0.02)]
                default: []
                }
            var configuration = Router.Configuration.quick
            configuration.redelivery = .constant(.seconds(50))
            let attempts = Counter()
            let router = Router.quick(middlewares, configuration: configuration, time: time)
            try router.add(
                Route("r", from: source, "in") { _, context in
                    attempts.add()
                    if place == "handler" { try await context.sleep(for: .seconds(50)) }
                    if place != "throttle" { throw Broken() }
                })
            try await router.whileRunning {
                try await time.eventually { attempts.value == 1 }
                source.revoke()
                try await time.eventually(within: .seconds(1)) { source.ended == 2 }
            }
            #expect(attempts.value == 1)
            #expect(source.settled.count == (place == "throttle" ? 1 : 0))
        }
    }

    @Test func whatWaitsForItsRedeliveryBehindAKeyIsDropped() async throws {
        let source = RevocableSource(30) { "\($0 % 3)" }
        let attempts = Counter()
        var configuration = Router.Configuration.quick
        configuration.redelivery = .constant(.milliseconds(300))
        let router = Router.quick(configuration: configuration)
        try router.add(
            Route("r", from: source, "in", ordering: .perKey(lanes: 8)) { _, _ in
                attempts.add()
                throw Broken()
            })
        try await router.whileRunning {
            try await eventually { attempts.value == 3 }
            source.revoke()
            try await eventually { source.forgone.count == 30 }
        }
        #expect(attempts.value == 3)
        #expect(source.settled.isEmpty)
    }
}

/// A subscriber whose messages go to another process when the test says so.
private final class RevocableSource: Subscriber, Settler {
    let name = "source"
    let defaultOrdering = Ordering.serial
    let time: RouterTime?
    let subscription = Subscription()
    private let isRevoked = Atomic<Bool>(false)
    private let ends = Mutex<(settled: Set<UInt64>, forgone: Set<UInt64>)>(([], []))

    init(_ count: Int, time: RouterTime = .real, key: (Int) -> String) {
        self.time = time
        subscription.offer(
            (0..<count).map { number in
                Delivery(
                    .numbered(number, key: key(number)), origin: .init(key: Array(key(number).utf8)), settler: self,
                    tag: UInt64(number), time: time)
            })
    }

    var settled: Set<UInt64> { ends.withLock(\.settled) }
    var forgone: Set<UInt64> { ends.withLock(\.forgone) }
    var ended: Int { ends.withLock { $0.settled.count + $0.forgone.count } }

    func revoke() { isRevoked.store(true, ordering: .releasing) }
    func owns(_ tag: UInt64) -> Bool { !isRevoked.load(ordering: .acquiring) }
    func forgo(_ tag: UInt64) { ends.withLock { _ = $0.forgone.insert(tag) } }
    func settle(_ tag: UInt64, _ settlement: Settlement) { ends.withLock { _ = $0.settled.insert(tag) } }
    func subscribe(to topic: Topic) async throws -> Subscription { subscription }
    func close() async { subscription.finish() }
}
