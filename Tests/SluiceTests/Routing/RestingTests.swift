import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

/// A route without an order keeps what waits by a policy itself, without a worker: a change reaches it at once.
@Suite(.timeLimit(.minutes(5)))
struct RestingTests {
    private struct Attempt: Equatable {
        let at: Duration
        let number: Int
    }

    private static func patient(_ wait: Duration = .seconds(3_600), handBackAfter: Duration? = .zero) -> Retry {
        Retry(
            maxAttempts: 3, backoff: .constant(wait), throttledBackoff: .constant(wait), maxElapsed: nil,
            handBackAfter: handBackAfter)
    }

    /// Sooner, later, and sooner again, whatever the source is able to keep.
    @Test(arguments: [true, false])
    func aChangeReachesWhatWaitsInARouteWithoutAnOrder(keepsProgress: Bool) async throws {
        try await VirtualTime.run { time in
            let source = RestingSource([.numbered(0)], keepsProgress: keepsProgress, time: time)
            let attempts = Journal<Duration>()
            let retry = Live(Self.patient())
            let router = Router.quick([retry], time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .unordered(limit: 1)) { _, _ in
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

    /// Thousands wait, over two workers: what does not fail is handled as if there were none of them, and a change reaches
    /// all of them at once.
    @Test func thousandsThatWaitHoldNothingUpAndComeTogether() async throws {
        try await VirtualTime.run { time in
            let broker = try MemoryBroker(.init(persistent: true), time: time)
            let attempts = Journal<Attempt>()
            let meters = Meters()
            let retry = Live(Self.patient())
            let router = Router.quick([retry], meters: meters, time: time)
            try router.add(
                Route("r", from: broker.subscriber(group: "g"), "in", ordering: .unordered(limit: 2)) {
                    message, context in
                    attempts.add(.init(at: time.now.offset, number: message.number))
                    if message.number % 2 == 0, context.attempt == 1 { throw Broken() }
                })
            try await router.whileRunning {
                try await broker.publisher().publish((0..<6_000).map { .numbered($0) }, to: "in")
                try await time.sleep(for: .seconds(10))
                #expect(attempts.count == 6_000)
                #expect(meters.value("sluice_deliveries_in_flight", ["handler_name": "r"]) == 3_000)
                try retry.update { $0.backoff = .constant(.seconds(5)) }
                try await time.sleep(for: .milliseconds(100))
                #expect(attempts.count == 9_000)
            }
            #expect(meters.value("sluice_deliveries_total", ["outcome": "acked"]) == 6_000)
            #expect(meters.value("sluice_deliveries_total", ["outcome": "handed_back"]) == 0)
            #expect(meters.value("sluice_unaccounted_messages") == 0)
        }
    }

    /// Beyond 16 MiB the source keeps the rest, for as long as was said then; what does not fail is handled meanwhile.
    @Test func whatIsTooMuchGoesBackToItsSource() async throws {
        try await VirtualTime.run { time in
            let broker = try MemoryBroker(.init(persistent: true), time: time)
            let attempts = Journal<Attempt>()
            let meters = Meters()
            let retry = Live(Self.patient())
            let router = Router.quick([retry], meters: meters, time: time)
            try router.add(
                Route("r", from: broker.subscriber(group: "g"), "in", ordering: .unordered(limit: 1)) {
                    message, context in
                    attempts.add(.init(at: time.now.offset, number: message.number))
                    if message.payload.count > 1_000, context.attempt == 1 { throw Broken() }
                })
            try await router.whileRunning {
                let heavy = (0..<25).map { large($0, 1 << 20) }
                try await broker.publisher().publish(heavy + (25..<50).map { .numbered($0) }, to: "in")
                try await time.sleep(for: .seconds(10))
                #expect(attempts.count == 50)
                #expect(meters.value("sluice_deliveries_total", ["outcome": "handed_back"]) == 9)
                try retry.update { $0.backoff = .constant(.seconds(5)) }
                try await time.sleep(for: .milliseconds(100))
                #expect(attempts.count == 66)
                try await time.sleep(for: .seconds(3_600))
                #expect(attempts.count == 75)
            }
            #expect(meters.value("sluice_deliveries_total", ["outcome": "acked"]) == 50)
            #expect(meters.value("sluice_unaccounted_messages") == 0)
        }
    }

    /// At a shutdown they are given back at once, with how far they have come; so are those of a source that breaks.
    @Test(arguments: ["drain", "failure"])
    func whatRestsIsGivenBackWithItsProgress(end: String) async throws {
        try await VirtualTime.run { time in
            let source = RestingSource((0..<5).map { .numbered($0) }, time: time)
            let meters = Meters()
            let router = Router.quick([Self.patient()], meters: meters, time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .unordered(limit: 2)) { _, _ in throw Broken() })
            try await router.whileRunning {
                try await time.eventually { source.resting == [0, 1, 2, 3, 4] }
                #expect(source.settled.isEmpty)
                try await time.sleep(for: .seconds(600))
                if end == "failure" {
                    source.subscription.finish(throwing: Broken())
                    try await time.eventually { source.settled.count == 5 }
                }
            }
            #expect(source.settled.count == 5 && time.now.offset < .seconds(700))
            for number in 0..<5 {
                let (settlement, progress) = try #require(source.settled[number])
                guard case .rejected(let rejection) = settlement else {
                    Issue.record("\(number) was acknowledged")
                    continue
                }
                #expect(rejection.error == nil && progress?.attempts == 1 && progress?.failedAttempts == 1)
                #expect(progress.map { abs($0.wait.inSeconds - 3_000) < 1 } == true)
            }
            #expect(meters.value("sluice_deliveries_in_flight", ["handler_name": "r"]) == 0)
            #expect(meters.value("sluice_unaccounted_messages") == 0)
        }
    }

    /// A source that has nothing more ends the route once all that rests was handled.
    @Test func aSourceThatEndsHasItsLastMessagesHandled() async throws {
        try await VirtualTime.run { time in
            let source = RestingSource((0..<6).map { .numbered($0) }, time: time)
            let router = Router.quick([Self.patient(.seconds(60))], time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .unordered(limit: 3)) { _, context in
                    if context.attempt < 3 { throw Broken() }
                })
            try await router.whileRunning {
                try await time.eventually { source.resting.count == 6 }
                source.subscription.finish()
                try await time.eventually(within: .seconds(200)) { router.status[0].note == "stopped" }
            }
            #expect(source.acknowledged == 6 && time.now.offset < .seconds(130))
        }
    }

    /// Its right is looked at when it is due; what is not ours makes room before anything else goes back to the source.
    @Test func whatIsNotOursAnyMoreIsDroppedWhenItIsDue() async throws {
        try await VirtualTime.run { time in
            let source = RestingSource([.numbered(0), .numbered(1)], time: time)
            let attempts = Counter()
            let meters = Meters()
            let router = Router.quick([Self.patient(.seconds(60))], meters: meters, time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .unordered(limit: 2)) { _, _ in
                    attempts.add()
                    throw Broken()
                })
            try await router.whileRunning {
                try await time.eventually { source.resting.count == 2 }
                source.revoke()
                try await time.eventually(within: .seconds(70)) { source.forgone == 2 }
            }
            #expect(attempts.value == 2 && source.settled.isEmpty)
            #expect(meters.value("sluice_deliveries_total", ["outcome": "revoked"]) == 2)
            #expect(meters.value("sluice_unaccounted_messages") == 0)
        }
    }

    /// A paused route attempts none of them, however long they are due.
    @Test func aPausedRouteKeepsThem() async throws {
        try await VirtualTime.run { time in
            let source = RestingSource([.numbered(0)], time: time)
            let attempts = Journal<Duration>()
            let router = Router.quick([Self.patient(.seconds(60))], time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .unordered(limit: 1)) { _, context in
                    attempts.add(time.now.offset)
                    if context.attempt == 1 { throw Broken() }
                })
            try await router.whileRunning {
                try await time.eventually { source.resting.count == 1 }
                try router.pause("r")
                try await time.sleep(for: .seconds(500))
                #expect(attempts.entries == [.zero])
                try router.resume("r")
                try await time.eventually { source.acknowledged == 1 }
            }
        }
    }

    /// A source that cannot wait is told at once: of a message that waits long, if it can keep it, and of one that failed.
    @Test func aSourceThatCannotWaitIsToldAtOnce() async throws {
        try await VirtualTime.run { time in
            let source = RestingSource([.numbered(0), .numbered(1)], redelivery: .source, time: time)
            let router = Router.quick([Live(DelayOnError(.constant(.seconds(30)))), Live(Self.patient())], time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .unordered(limit: 1)) { message, _ in
                    if message.number == 0 { throw HandlerError("x", reason: "x", disposition: .poison("x")) }
                    throw Broken()
                })
            try await router.whileRunning { try await time.eventually { source.settled.count == 2 } }
            #expect(source.resting.isEmpty && time.now.offset < .seconds(1))
            let delays = (0..<2).map { number -> Duration? in
                guard case (.rejected(let rejection), _)? = source.settled[number] else { return nil }
                return rejection.delay
            }
            #expect(delays == [.seconds(30), .seconds(3_600)])
        }
    }

    /// What a policy of the destination or of a middleware has a rejected message wait for is decided anew in every order.
    @Test(arguments: [Ordering.serial, .perKey(lanes: 1, by: .id), .unordered(limit: 1)])
    func aChangeReachesWhatWasRejected(_ ordering: Ordering) async throws {
        try await VirtualTime.run { time in
            // Without Retry: the destination has named a day, which is cut to an hour, and from now on to a minute.
            let destination = try Destination("sink", .unbounded, time: time)
            let source = RestingSource([.numbered(0)], time: time)
            let attempts = Journal<Duration>()
            let router = Router.quick(time: time)
            try router.add(
                Route("r", from: source, "in", ordering: ordering, destination: destination) { _, _ in
                    if attempts.add(time.now.offset) > 1 { return }
                    throw HandlerError("x", reason: "x", disposition: .throttled(after: .seconds(86_400)))
                })
            try await router.whileRunning {
                try await time.sleep(for: .seconds(10))
                try destination.update { $0.retryAfter.maximum = .seconds(60) }
                try await time.sleep(for: .seconds(100))
            }
            #expect(attempts.entries.count == 2)
            #expect(attempts.entries.last.map { $0 >= .seconds(60) && $0 < .seconds(67) } == true)
        }
    }

    /// A twin of a message that is being handled, in a route without Retry.
    @Test(arguments: [Ordering.perKey(lanes: 2, by: .id), .unordered(limit: 2)])
    func aChangeReachesATwinThatWasRejected(_ ordering: Ordering) async throws {
        try await VirtualTime.run { time in
            let deduplicator = Live(
                Deduplicator(
                    MemoryDeduplicationStore(time: time), key: .metadata("key"), inProgressDelay: .seconds(3_600)))
            let twins = Journal<Duration>()
            let source = RestingSource([.numbered(0, key: "k"), .numbered(1, key: "k")], time: time)
            let router = Router.quick([Watch { _ in twins.add(time.now.offset) }, deduplicator], time: time)
            try router.add(
                Route("r", from: source, "in", ordering: ordering) { _, _ in try await time.sleep(for: .seconds(900)) })
            try await router.whileRunning {
                try await time.sleep(for: .seconds(10))
                try deduplicator.update { $0.inProgressDelay = .seconds(400) }
                try await time.sleep(for: .seconds(990))
                try deduplicator.update { $0.inProgressDelay = .seconds(100) }
                try await time.sleep(for: .seconds(300))
            }
            #expect(twins.entries == [.zero, .seconds(400), .seconds(800)])
            #expect(source.acknowledged == 2)
        }
    }

    /// A custom middleware that delays by a number of its own.
    @Test(arguments: [Ordering.serial, .perKey(lanes: 1, by: .id), .unordered(limit: 1)])
    func aMiddlewareOfOnesOwnDelaysByALiveNumber(_ ordering: Ordering) async throws {
        try await VirtualTime.run { time in
            let nights = Live(Nights(pause: .seconds(3_600)))
            let source = RestingSource([.numbered(0)], time: time)
            let attempts = Journal<Duration>()
            let router = Router.quick([nights], time: time)
            try router.add(
                Route("r", from: source, "in", ordering: ordering) { _, _ in
                    if attempts.add(time.now.offset) == 1 { throw Broken() }
                })
            try await router.whileRunning {
                try await time.sleep(for: .seconds(10))
                try nights.update { $0.pause = .seconds(60) }
                try await time.sleep(for: .seconds(100))
            }
            #expect(attempts.entries == [.zero, .seconds(60)])
        }
    }

    /// What is delivered again waits in line for its permit, without a worker; another budget lets it go at once.
    @Test func whatWaitsForTheBudgetNeedsNoWorker() async throws {
        try await VirtualTime.run { time in
            let budget = RetryBudget(ratio: 0, window: .seconds(10), floor: 0.000_1)
            let destination = try Destination("sink", .init(budget: budget), time: time)
            let broker = try MemoryBroker(.init(persistent: true), time: time)
            let attempts = Journal<Attempt>()
            let router = Router.quick(time: time)
            try router.add(
                Route(
                    "r", from: broker.subscriber(group: "g"), "in", ordering: .unordered(limit: 1),
                    destination: destination
                ) { message, _ in
                    attempts.add(.init(at: time.now.offset, number: message.number))
                    if message.number < 20, time.now.offset < .seconds(1) { throw Broken() }
                })
            try await router.whileRunning {
                try await broker.publisher().publish((0..<20).map { .numbered($0) }, to: "in")
                try await time.sleep(for: .seconds(60))
                let before = attempts.count
                #expect(before < 25 && destination.status.waitingForBudget > 0)
                for number in 20..<40 { try await broker.publisher().publish([.numbered(number)], to: "in") }
                try await time.sleep(for: .milliseconds(100))
                #expect(attempts.entries.dropFirst(before).map(\.number) == Array(20..<40))
                try destination.update { $0.budget = nil }
                try await time.sleep(for: .milliseconds(100))
                #expect(Set(attempts.entries.suffix(20 - (before - 20)).map(\.number)).isSubset(of: Set(0..<20)))
                #expect(destination.status.waitingForBudget == 0)
            }
            #expect(Set(attempts.entries.filter { $0.at > .seconds(1) || $0.number >= 20 }.map(\.number)).count == 40)
        }
    }

    /// What is acknowledged before it is handled has nowhere to go: it keeps its worker, and is tried again.
    @Test func whatWasAcknowledgedBeforeKeepsItsWorker() async throws {
        try await VirtualTime.run { time in
            let source = RestingSource([.numbered(0)], time: time)
            let attempts = Journal<Duration>()
            let router = Router.quick([InstantAck(), Self.patient(.seconds(60))], time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .unordered(limit: 1)) { _, context in
                    attempts.add(time.now.offset)
                    if context.attempt == 1 { throw Broken() }
                })
            try await router.whileRunning { try await time.sleep(for: .seconds(100)) }
            #expect(attempts.entries == [.zero, .seconds(60)] && source.resting.isEmpty)
        }
    }

    /// The bound in bytes, and what makes room.
    @Test func theBoundCountsBytesAndDropsWhatIsNotOursFirst() throws {
        let source = RestingSource()
        let parcels = RestingParcels(keeps: true, capacityBytes: 4_000)
        func parcel(_ number: Int) -> DeliveryProcessor.Parcel {
            let delivery = source.delivery(large(number, 744))
            return DeliveryProcessor.Parcel(delivery: delivery, start: .now())
        }
        #expect(parcels.keeping == .waits && !parcels.hasDue)
        let ids = (0..<4).map { parcels.keep(parcel($0)).id }
        #expect(ids.allSatisfy { $0 != nil } && parcels.keeping == .nothing)
        // A quarter has to be free.
        #expect(try parcels.noteDue(#require(ids[0])) && parcels.hasDue && parcels.keeping == .nothing)
        #expect(try !parcels.noteDue(#require(ids[0])))
        #expect(parcels.takeDue() != nil && !parcels.hasDue && parcels.keeping == .waits)
        source.revoke()
        let (id, revoked) = parcels.keep(parcel(5))
        #expect(id != nil && revoked.count == 4 && parcels.keeping == .waits)
        #expect(parcels.close().count == 0 && parcels.keeping == .nothing && parcels.keep(parcel(6)).id == nil)
        #expect(RestingParcels(keeps: false).keeping == .nothing)
    }
}

/// Its number has leading zeros.
private func large(_ number: Int, _ bytes: Int) -> Message {
    let digits = Array("\(number)".utf8)
    return Message(payload: [UInt8](repeating: UInt8(ascii: "0"), count: bytes - digits.count) + digits)
}

/// Has each rejected message wait for as long as its policy says.
private struct Nights: LiveMiddleware {
    var pause: Duration

    func validate() {}

    static func wrap(_ next: @escaping Handler, for route: RouteScope, by live: Live<Nights>) -> Handler {
        { message, context in
            do {
                return try await next(message, context)
            } catch {
                context.redeliver(following: live) { $0.pause }
                throw error
            }
        }
    }
}

/// Remembers what rests and how each delivery was settled, with how far it has come.
private final class RestingSource: Subscriber, Settler {
    let name = "resting"
    let defaultOrdering = Ordering.serial
    let keepsProgress: Bool
    let time: RouterTime?
    let subscription: Subscription

    private struct State {
        var resting: Set<Int> = []
        var settled: [Int: (Settlement, Delivery.Progress?)] = [:]
        var forgone = 0
        var isOurs = true
        var next: UInt64 = 0
    }

    private let state = Mutex(State())

    init(
        _ messages: [Message] = [], redelivery: Subscription.Redelivery = .route, keepsProgress: Bool = true,
        time: RouterTime = .real
    ) {
        self.time = time
        self.keepsProgress = keepsProgress
        subscription = Subscription(redelivery: redelivery, time: time)
        subscription.offer(messages.map { delivery($0) })
    }

    func delivery(_ message: Message) -> Delivery {
        let tag = state.withLock { state in
            defer { state.next += 1 }
            return state.next
        }
        return Delivery(message, settler: self, tag: tag, time: time ?? .real)
    }

    var resting: Set<Int> { state.withLock(\.resting) }
    var settled: [Int: (Settlement, Delivery.Progress?)] { state.withLock(\.settled) }
    var forgone: Int { state.withLock(\.forgone) }
    var acknowledged: Int {
        settled.values.count { if case .acknowledged = $0.0 { true } else { false } }
    }

    func revoke() { state.withLock { $0.isOurs = false } }

    func subscribe(to topic: Topic) async throws -> Subscription {
        if subscription.isEnded { throw ClosedError("subscriber") }
        return subscription
    }

    func close() async {}

    func owns(_ tag: UInt64) -> Bool { state.withLock(\.isOurs) }
    func forgo(_ tag: UInt64) { state.withLock { $0.forgone += 1 } }

    func noteResting(_ tag: UInt64, _ message: Message, origin: Delivery.Origin) {
        state.withLock { _ = $0.resting.insert(Int(tag)) }
    }

    func noteTakenUp(_ tag: UInt64) { state.withLock { _ = $0.resting.remove(Int(tag)) } }

    func settle(_ tag: UInt64, _ settlement: Settlement) {}

    func settle(_ tag: UInt64, _ settlement: Settlement, of message: Message, origin: Delivery.Origin) {
        state.withLock { state in
            if state.settled.updateValue((settlement, origin.progress), forKey: Int(tag)) != nil {
                Issue.record("\(tag) was settled twice")
            }
        }
    }
}
