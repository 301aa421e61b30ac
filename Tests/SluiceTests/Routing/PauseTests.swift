import Sluice
import SluicePrometheus
import SluiceTesting
import Testing

/// A route that a person pauses and resumes.
@Suite(.timeLimit(.minutes(10)))
struct PauseTests {
    private static let orderings: [Ordering] = [
        .serial, .perKey(lanes: 4, by: .metadata("key")), .unordered(limit: 4),
    ]

    @Test(arguments: orderings)
    func takesNothingWhileItIsPausedAndGoesOnInOrder(ordering: Ordering) async throws {
        try await VirtualTime.run { time in
            let meters = Meters()
            let source = Source((0..<20).map { .numbered($0, key: "\($0 % 5)") }, time: time)
            let router = Router.quick(meters: meters, time: time)
            let handled = Journal<Int>()
            try router.add(
                Route("r", from: source, "in", ordering: ordering) { message, _ in handled.add(message.number) })
            try await router.whileRunning {
                try await time.eventually { handled.count == 20 }
                #expect(try router.pause("r"))
                #expect(try !router.pause("r"))
                try await router.waitUntilQuiet("r")
                source.offer((20..<60).map { .numbered($0, key: "\($0 % 5)") })
                try await time.eventually { meters.value("sluice_deliveries_in_flight") ?? 0 > 0 }
                try await time.sleep(for: .seconds(5))
                #expect(handled.count == 20)
                #expect(router.status[0].isPaused && router.status[0].isRunning && router.status[0].note == "paused")
                #expect(meters.value("sluice_route_paused", ["handler_name": "r"]) == 1)

                #expect(try router.resume("r"))
                #expect(try !router.resume("r"))
                try await time.eventually { source.acknowledgedCount == 60 }
                #expect(meters.value("sluice_route_paused") == 0)
                #expect(router.status[0].note == nil)
            }
            #expect(handled.entries.sorted() == Array(0..<60))
            if ordering.concurrency == 1 { #expect(handled.entries == Array(0..<60)) }
            #expect(source.rejectedCount == 0)
            #expect(meters.value("sluice_unaccounted_messages") == 0)
        }
    }

    @Test func oneThatIsPausedBeforeItRunsBeginsPaused() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0)], time: time)
            let router = Router.quick(time: time)
            let calls = Counter()
            try router.add(Route("r", from: source, "in") { _, _ in calls.add() })
            try router.pause("r")
            try await router.whileRunning {
                try await time.eventually { router.status[0].isRunning && source.subscription.count == 0 }
                try await time.sleep(for: .seconds(5))
                #expect(calls.value == 0)
                try router.resume("r")
                try await time.eventually { calls.value == 1 }
            }
        }
    }

    @Test(arguments: orderings)
    func whatIsUnderWayIsFinishedAndWaitedFor(ordering: Ordering) async throws {
        try await VirtualTime.run { time in
            let source = Source((0..<4).map { .numbered($0, key: "\($0)") }, time: time)
            let gate = Gate()
            let router = Router.quick(time: time)
            try router.add(Route("r", from: source, "in", ordering: ordering) { _, _ in try await gate.wait() })
            try await router.whileRunning {
                try await time.eventually { gate.waiting == ordering.concurrency }
                try router.pause("r")
                let isQuiet = Flag()
                async let quiet: Void = {
                    try await router.waitUntilQuiet("r")
                    isQuiet.set()
                }()
                try await time.sleep(for: .seconds(5))
                #expect(!isQuiet.value)
                gate.open()
                try await quiet
                #expect(source.acknowledgedCount == ordering.concurrency)
                try await time.sleep(for: .seconds(5))
                #expect(source.acknowledgedCount == ordering.concurrency)
                try router.resume("r")
                try await time.eventually { source.acknowledgedCount == 4 }
            }
        }
    }

    @Test func aRetryWaitsForTheEndOfThePauseAndLosesNoTimeByIt() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0)], time: time)
            let calls = Counter()
            var retry = Retry(maxAttempts: 3)
            retry.backoff = .constant(.seconds(5))
            retry.maxElapsed = .seconds(60)
            let poison = RecordingPublisher()
            let router = Router(
                middlewares: [PoisonQueue(to: poison, "poison"), retry], instruments: Meters().instruments,
                logger: .silent, time: time)
            try router.add(
                Route("r", from: source, "in") { _, _ in
                    calls.add()
                    if calls.value < 3 { throw Broken() }
                })
            try await router.whileRunning {
                try await time.eventually { calls.value == 1 }
                try router.pause("r")
                // A message that waits to be tried again does not hold this up.
                try await router.waitUntilQuiet("r")
                try await time.sleep(for: .seconds(600))
                #expect(calls.value == 1)
                try router.resume("r")
                try await time.eventually { source.acknowledgedCount == 1 }
            }
            #expect(calls.value == 3 && poison.records.isEmpty)
        }
    }

    @Test func aPermitThatComesMeanwhileIsOfNoUse() async throws {
        try await VirtualTime.run { time in
            let source = Source((0..<3).map { .numbered($0) }, time: time)
            let calls = Counter()
            let router = Router(
                middlewares: [Throttle(rate: 0.1)], instruments: Meters().instruments, logger: .silent, time: time)
            try router.add(Route("r", from: source, "in", ordering: .unordered(limit: 3)) { _, _ in calls.add() })
            try await router.whileRunning {
                try await time.eventually { calls.value == 1 }
                try router.pause("r")
                try await router.waitUntilQuiet("r")
                try await time.sleep(for: .seconds(600))
                #expect(calls.value == 1)
                try router.resume("r")
                try await time.eventually { calls.value == 3 }
            }
        }
    }

    @Test(arguments: orderings)
    func drainsWhileItIsPausedAndGivesEverythingBack(ordering: Ordering) async throws {
        try await VirtualTime.run { time in
            let meters = Meters()
            let source = Source((0..<12).map { .numbered($0, key: "\($0)") }, time: time)
            let router = Router.quick(meters: meters, time: time)
            try router.add(Route("r", from: source, "in", ordering: ordering) { _, _ in })
            try router.pause("r")
            try await router.whileRunning {
                try await time.eventually { meters.value("sluice_deliveries_in_flight") ?? 0 > 0 }
                try await time.sleep(for: .seconds(5))
            }
            #expect(source.rejectedCount == 12)
            #expect(source.rejections.values.allSatisfy { $0.error == nil })
            #expect(meters.value("sluice_unaccounted_messages") == 0)
            #expect(meters.value("sluice_deliveries_in_flight") == 0)
        }
    }

    @Test func aStopEndsTheWaitForQuiet() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0)], time: time)
            let gate = Gate()
            let router = Router.quick(time: time)
            try router.add(Route("r", from: source, "in") { _, _ in try await gate.wait() })
            try await router.whileRunning {
                try await time.eventually { gate.waiting == 1 }
                try router.pause("r")
                async let quiet: Void = router.waitUntilQuiet("r")
                try await time.sleep(for: .seconds(5))
                router.drain()
                try await quiet
                gate.open()
            }
            #expect(throws: UnknownRouteError(name: "s")) { try router.pause("s") }
            #expect(throws: UnknownRouteError(name: "s")) { try router.resume("s") }
            await #expect(throws: UnknownRouteError(name: "s")) { try await router.waitUntilQuiet("s") }
        }
    }

    @Test func aCancelledWaitForQuietEnds() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0)], time: time)
            let gate = Gate()
            let router = Router.quick(time: time)
            try router.add(Route("r", from: source, "in") { _, _ in try await gate.wait() })
            try await router.whileRunning {
                try await time.eventually { gate.waiting == 1 }
                try router.pause("r")
                let wait = time.task { try await router.waitUntilQuiet("r") }
                try await time.sleep(for: .seconds(5))
                wait.cancel()
                await #expect(throws: CancellationError.self) { try await wait.value }
                gate.open()
            }
        }
    }

    /// Another process has taken over meanwhile.
    @Test func letsGoOfWhatIsNotOursAnyMore() async throws {
        try await VirtualTime.run { time in
            let meters = Meters()
            let owner = ChangingOwner(time)
            let router = Router.quick(meters: meters, time: time)
            try router.add(Route("r", from: owner, "in") { _, _ in Issue.record("it is not ours") })
            try router.pause("r")
            try await router.whileRunning {
                try await time.eventually { meters.value("sluice_deliveries_in_flight") == 1 }
                owner.lose()
                try await time.eventually { meters.value("sluice_deliveries_in_flight") == 0 }
            }
            #expect(meters.value("sluice_deliveries_total", ["outcome": "revoked"]) == 1)
        }
    }

    /// Under load, whenever it comes.
    @Test(arguments: orderings)
    func losesAndDoublesNothingHoweverOftenItIsPaused(ordering: Ordering) async throws {
        try await VirtualTime.run { time in
            let meters = Meters()
            let source = Source(time: time)
            var retry = Retry(maxAttempts: 3)
            retry.backoff = .constant(.milliseconds(1))
            let router = Router.quick([retry], meters: meters, time: time)
            let succeeded = Journal<Int>()
            let paused = Flag()
            try router.add(
                Route("r", from: source, "in", ordering: ordering) { message, context in
                    if paused.value { Issue.record("\(message.number) set out while the route was paused and quiet") }
                    if message.number % 7 == 0, context.attempt == 1 { throw Broken() }
                    succeeded.add(message.number)
                })
            try await router.whileRunning {
                var next = 0
                for _ in 0..<30 {
                    source.offer((next..<next + 40).map { .numbered($0, key: "\($0 % 5)") })
                    next += 40
                    try router.pause("r")
                    try await router.waitUntilQuiet("r")
                    paused.set()
                    await Task.yield()
                    paused.clear()
                    try router.resume("r")
                }
                try await time.eventually { succeeded.count >= next }
            }
            #expect(succeeded.entries.sorted() == Array(0..<1_200))
            #expect(meters.value("sluice_unaccounted_messages") == 0)
        }
    }
}

/// Gives one delivery, and says when it is not ours any more.
private final class ChangingOwner: Subscriber, Settler {
    let name = "changing"
    let defaultOrdering = Ordering.serial
    let time: RouterTime?
    private let subscription: Subscription
    private let lost = Flag()

    init(_ time: RouterTime) {
        self.time = time
        subscription = Subscription(time: time)
    }

    func lose() { lost.set() }

    func subscribe(to topic: Topic) async throws -> Subscription {
        subscription.offer(Delivery(.numbered(0), settler: self, tag: 0, time: time ?? .real))
        return subscription
    }

    func close() async {}
    func owns(_ tag: UInt64) -> Bool { !lost.value }
    func forgo(_ tag: UInt64) {}
    func settle(_ tag: UInt64, _ settlement: Settlement) { Issue.record("it was settled") }
}
