import SluicePrometheus
import SluiceTesting
import Testing

@testable import Sluice

/// A route that a person pauses and resumes.
@Suite(.timeLimit(.minutes(1)))
struct PauseTests {
    private static let orderings: [Ordering] = [
        .serial, .perKey(lanes: 4, by: .metadata("key")), .unordered(limit: 4),
    ]

    @Test(arguments: orderings)
    func takesNothingWhileItIsPausedAndGoesOnInOrder(ordering: Ordering) async throws {
        let meters = Meters()
        let source = Source((0..<20).map { .numbered($0, key: "\($0 % 5)") })
        let router = Router.quick(meters: meters)
        let handled = Journal<Int>()
        try router.add(Route("r", from: source, "in", ordering: ordering) { message, _ in handled.add(message.number) })
        try await router.whileRunning {
            try await eventually { handled.count == 20 }
            #expect(try router.pause("r"))
            #expect(try !router.pause("r"))
            try await router.waitUntilQuiet("r")
            source.offer((20..<60).map { .numbered($0, key: "\($0 % 5)") })
            try await eventually { meters.value("sluice_deliveries_in_flight") ?? 0 > 0 }
            await aMoment()
            #expect(handled.count == 20)
            #expect(router.status[0].isPaused && router.status[0].isRunning && router.status[0].note == "paused")
            #expect(meters.value("sluice_route_paused", ["handler_name": "r"]) == 1)

            #expect(try router.resume("r"))
            #expect(try !router.resume("r"))
            try await eventually { source.acknowledgedCount == 60 }
            #expect(meters.value("sluice_route_paused") == 0)
            #expect(router.status[0].note == nil)
        }
        #expect(handled.entries.sorted() == Array(0..<60))
        if ordering.concurrency == 1 { #expect(handled.entries == Array(0..<60)) }
        #expect(source.rejectedCount == 0)
        #expect(meters.value("sluice_unaccounted_messages") == 0)
    }

    @Test func oneThatIsPausedBeforeItRunsBeginsPaused() async throws {
        let source = Source([.numbered(0)])
        let router = Router.quick()
        let calls = Counter()
        try router.add(Route("r", from: source, "in") { _, _ in calls.add() })
        try router.pause("r")
        try await router.whileRunning {
            try await eventually { router.status[0].isRunning && source.subscription.count == 0 }
            await aMoment()
            #expect(calls.value == 0)
            try router.resume("r")
            try await eventually { calls.value == 1 }
        }
    }

    @Test(arguments: orderings)
    func whatIsUnderWayIsFinishedAndWaitedFor(ordering: Ordering) async throws {
        let source = Source((0..<4).map { .numbered($0, key: "\($0)") })
        let gate = Gate()
        let router = Router.quick()
        try router.add(Route("r", from: source, "in", ordering: ordering) { _, _ in try await gate.wait() })
        try await router.whileRunning {
            try await eventually { gate.waiting == ordering.concurrency }
            try router.pause("r")
            let isQuiet = Flag()
            async let quiet: Void = {
                try await router.waitUntilQuiet("r")
                isQuiet.set()
            }()
            await aMoment()
            #expect(!isQuiet.value)
            gate.open()
            try await quiet
            #expect(source.acknowledgedCount == ordering.concurrency)
            await aMoment()
            #expect(source.acknowledgedCount == ordering.concurrency)
            try router.resume("r")
            try await eventually { source.acknowledgedCount == 4 }
        }
    }

    @Test func aRetryWaitsForTheEndOfThePauseAndLosesNoTimeByIt() async throws {
        let source = Source([.numbered(0)])
        let router = Router.quick()
        let calls = Counter()
        var retry = Retry(maxAttempts: 3)
        retry.backoff = .constant(.milliseconds(30))
        retry.maxElapsed = .milliseconds(400)
        try router.add(
            Route("r", from: source, "in", middlewares: [retry]) { _, _ in
                calls.add()
                if calls.value < 3 { throw Broken() }
            })
        try await router.whileRunning {
            try await eventually { calls.value == 1 }
            try router.pause("r")
            // A message that waits to be tried again does not hold this up.
            try await router.waitUntilQuiet("r")
            try await Task.sleep(for: .milliseconds(500))
            #expect(calls.value == 1)
            try router.resume("r")
            try await eventually { source.acknowledgedCount == 1 }
        }
        #expect(calls.value == 3)
    }

    @Test func aPermitThatComesMeanwhileIsOfNoUse() async throws {
        let source = Source((0..<3).map { .numbered($0) })
        let router = Router.quick([Throttle(rate: 20)])
        let calls = Counter()
        try router.add(Route("r", from: source, "in", ordering: .unordered(limit: 3)) { _, _ in calls.add() })
        try await router.whileRunning {
            try await eventually { calls.value == 1 }
            try router.pause("r")
            try await router.waitUntilQuiet("r")
            let count = calls.value
            try await Task.sleep(for: .milliseconds(250))
            #expect(calls.value == count)
            try router.resume("r")
            try await eventually { calls.value == 3 }
        }
    }

    @Test(arguments: orderings)
    func drainsWhileItIsPausedAndGivesEverythingBack(ordering: Ordering) async throws {
        let meters = Meters()
        let source = Source((0..<12).map { .numbered($0, key: "\($0)") })
        let router = Router.quick(meters: meters)
        try router.add(Route("r", from: source, "in", ordering: ordering) { _, _ in })
        try router.pause("r")
        try await router.whileRunning {
            try await eventually { meters.value("sluice_deliveries_in_flight") ?? 0 > 0 }
            await aMoment()
        }
        #expect(source.rejectedCount == 12)
        #expect(source.rejections.values.allSatisfy { $0.error == nil })
        #expect(meters.value("sluice_unaccounted_messages") == 0)
        #expect(meters.value("sluice_deliveries_in_flight") == 0)
    }

    @Test func aStopEndsTheWaitForQuiet() async throws {
        let source = Source([.numbered(0)])
        let gate = Gate()
        let router = Router.quick()
        try router.add(Route("r", from: source, "in") { _, _ in try await gate.wait() })
        try await router.whileRunning {
            try await eventually { gate.waiting == 1 }
            try router.pause("r")
            async let quiet: Void = router.waitUntilQuiet("r")
            await aMoment()
            router.drain()
            try await quiet
            gate.open()
        }
        #expect(throws: UnknownRouteError(name: "s")) { try router.pause("s") }
        #expect(throws: UnknownRouteError(name: "s")) { try router.resume("s") }
        await #expect(throws: UnknownRouteError(name: "s")) { try await router.waitUntilQuiet("s") }
    }

    @Test func aCancelledWaitForQuietEnds() async throws {
        let source = Source([.numbered(0)])
        let gate = Gate()
        let router = Router.quick()
        try router.add(Route("r", from: source, "in") { _, _ in try await gate.wait() })
        try await router.whileRunning {
            try await eventually { gate.waiting == 1 }
            try router.pause("r")
            let wait = Task { try await router.waitUntilQuiet("r") }
            await aMoment()
            wait.cancel()
            await #expect(throws: CancellationError.self) { try await wait.value }
            gate.open()
        }
    }

    /// Another process has taken over meanwhile.
    @Test func letsGoOfWhatIsNotOursAnyMore() async throws {
        let meters = Meters()
        let owner = ChangingOwner()
        let router = Router.quick(meters: meters)
        try router.add(Route("r", from: owner, "in") { _, _ in Issue.record("it is not ours") })
        try router.pause("r")
        try await router.whileRunning {
            try await eventually { meters.value("sluice_deliveries_in_flight") == 1 }
            owner.lose()
            try await eventually { meters.value("sluice_deliveries_in_flight") == 0 }
        }
        #expect(meters.value("sluice_deliveries_total", ["outcome": "revoked"]) == 1)
    }

    /// Under load, whenever it comes.
    @Test(arguments: orderings)
    func losesAndDoublesNothingHoweverOftenItIsPaused(ordering: Ordering) async throws {
        let meters = Meters()
        let source = Source()
        var retry = Retry(maxAttempts: 3)
        retry.backoff = .constant(.milliseconds(1))
        let router = Router.quick([retry], meters: meters)
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
            try await eventually { succeeded.count >= next }
        }
        #expect(succeeded.entries.sorted() == Array(0..<1_200))
        #expect(meters.value("sluice_unaccounted_messages") == 0)
    }
}

/// Gives one delivery, and says when it is not ours any more.
private final class ChangingOwner: Subscriber, Settler {
    let name = "changing"
    let defaultOrdering = Ordering.serial
    private let subscription = Subscription()
    private let lost = Flag()

    func lose() { lost.set() }

    func subscribe(to topic: Topic) async throws -> Subscription {
        subscription.offer(Delivery(.numbered(0), settler: self, tag: 0))
        return subscription
    }

    func close() async {}
    func owns(_ tag: UInt64) -> Bool { !lost.value }
    func forgo(_ tag: UInt64) {}
    func settle(_ tag: UInt64, _ settlement: Settlement) { Issue.record("it was settled") }
}
