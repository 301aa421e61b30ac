import Logging
import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

/// Consecutive messages that a route handles as one, told in virtual time.
@Suite(.timeLimit(.minutes(5)))
struct JoiningTests {
    /// What the handler was given, call by call.
    private typealias Calls = Journal<[Int]>

    private struct Scene {
        let time: RouterTime
        let source: Source
        let meters = Meters()
        let poison = RecordingPublisher()
        let destination: Destination
        let calls = Calls()
        let router: Router

        /// - Parameters:
        ///   - middlewares: inside of the poison queue.
        ///   - answer: what the handler throws for these messages, at its n-th call.
        init(
            _ messages: [Message], _ time: RouterTime, joining: Joining = Joining(by: .metadata("key")),
            _ configuration: Destination.Configuration = .unbounded, middlewares: [any Middleware] = [Retry()],
            answer: @escaping @Sendable (_ numbers: [Int], _ call: Int) async throws -> Void = { _, _ in }
        ) throws {
            self.time = time
            source = Source(messages, time: time)
            destination = try Destination("chat", configuration, time: time)
            router = Router(
                configuration: .quick,
                middlewares: [PoisonQueue(to: poison, "poison", filter: .permanent)] + middlewares,
                instruments: meters.instruments, logger: .silent, time: time)
            let calls = calls
            try router.add(
                Route(
                    "r", from: source, "in", ordering: .serial, destination: destination, joining: joining
                ) { _, context in
                    let numbers = context.messages.map(\.number)
                    try await answer(numbers, calls.add(numbers))
                })
        }

        func run(until count: Int) async throws {
            try await router.whileRunning {
                try await time.eventually(within: .seconds(4_000)) { source.acknowledgedCount == count }
            }
            meters.instruments.refresh()
            #expect(meters.value("sluice_unaccounted_messages") == 0)
            #expect(meters.value("sluice_deliveries_in_flight") == 0)
        }

        func deliveries(_ outcome: String) -> Double? {
            meters.value("sluice_deliveries_total", ["handler_name": "r", "outcome": outcome])
        }

        func attempts(_ result: String) -> Double? {
            meters.value("sluice_destination_attempts_total", ["destination": "chat", "result": result])
        }
    }

    private static func messages(_ keys: String) -> [Message] {
        keys.enumerated().map { .numbered($0, key: $1 == "-" ? nil : "\($1)") }
    }

    @Test func consecutiveMessagesOfOneKeyAreHandledAsOneInTheirOrder() async throws {
        try await VirtualTime.run { time in
            let scene = try Scene(Self.messages("aab--aaab"), time)
            try await scene.run(until: 9)
            #expect(scene.calls.entries == [[0, 1], [2], [3], [4], [5, 6, 7], [8]])
            #expect(scene.deliveries("acked") == 9 && scene.attempts("success") == 6)
            #expect(scene.meters.value("sluice_messages_received_total") == 9)
            #expect(scene.meters.value("sluice_delivery_attempts_count", ["outcome": "acked"]) == 9)
            #expect(scene.destination.status.messages == 6)
        }
    }

    @Test func noMoreAreJoinedThanItsBoundsSay() async throws {
        try await VirtualTime.run { time in
            let joining = Joining(by: .metadata("key"), maximumCount: 3)
            let scene = try Scene(Self.messages("aaaaaaa"), time, joining: joining)
            try await scene.run(until: 7)
            #expect(scene.calls.entries == [[0, 1, 2], [3, 4, 5], [6]])
        }
        try await VirtualTime.run { time in
            let large = (0..<4).map { number in
                Message(id: MessageID("m\(number)"), metadata: ["key": "a"], payload: Array("\(number)".utf8))
            }
            let size = Delivery(large[0], settler: Source(time: time), tag: 0, time: time).size
            let joining = Joining(by: .metadata("key"), maximumBytes: 2 * size)
            let scene = try Scene(large, time, joining: joining)
            try await scene.run(until: 4)
            #expect(scene.calls.entries == [[0, 1], [2, 3]])
        }
    }

    @Test func aFailureIsOneFailedAttemptOfAllAndTheyAreTriedAgainTogether() async throws {
        try await VirtualTime.run { time in
            let scene = try Scene(
                Self.messages("aaab"), time,
                .init(retryAfter: .init(jitter: 0), budget: RetryBudget(floor: 1), breaker: CircuitBreaker()),
                middlewares: [Retry(maxAttempts: 3), Timeout()]
            ) { _, call in
                if call <= 5 { throw Broken() }
            }
            try await scene.run(until: 4)
            #expect(scene.calls.entries == Array(repeating: [0, 1, 2], count: 6) + [[3]])
            #expect(scene.attempts("failure") == 5 && scene.attempts("success") == 2)
            #expect(scene.deliveries("acked") == 4 && (scene.deliveries("rejected") ?? 0) >= 3)
            #expect(scene.deliveries("rejected").map { $0.truncatingRemainder(dividingBy: 3) } == 0)
            #expect(scene.meters.value("sluice_retries_total", ["handler_name": "r", "reason": "error"]) ?? 0 <= 5)
            #expect(scene.destination.status.messages == 2)
        }
    }

    @Test func aTimeThatIsNamedAndATimeoutAreOfAllTogether() async throws {
        try await VirtualTime.run { time in
            let moments = Journal<Duration>()
            let scene = try Scene(Self.messages("aaa"), time, middlewares: [Retry(), Timeout(.seconds(5))]) { _, call in
                moments.add(time.now.offset)
                switch call {
                case 1: throw HandlerError("429", reason: "http_429", disposition: .throttled(after: .seconds(60)))
                case 2: try await time.sleep(for: .seconds(50))
                case 3: throw HandlerError("403", reason: "http_403", disposition: .hold("gone", for: .seconds(100)))
                default: break
                }
            }
            try await scene.run(until: 3)
            #expect(scene.calls.entries == Array(repeating: [0, 1, 2], count: 4))
            let at = moments.entries
            #expect(at[1] >= at[0] + .seconds(60) && at[2] >= at[1] + .seconds(5) && at[3] >= at[2] + .seconds(100))
            #expect(scene.attempts("throttled") == 1 && scene.attempts("failure") == 1 && scene.attempts("held") == 1)
        }
    }

    @Test func whatCanNeverBeTakenIsTriedAloneBeforeItIsPoisoned() async throws {
        try await VirtualTime.run { time in
            let scene = try Scene(Self.messages("aaaab"), time) { numbers, _ in
                if numbers.contains(2) {
                    throw HandlerError("400", reason: "bad", disposition: .poison("bad"))
                }
            }
            try await scene.run(until: 5)
            #expect(scene.calls.entries == [[0, 1, 2, 3], [0], [1], [2], [3], [4]])
            #expect(scene.poison.messages(to: "poison").map(\.number) == [2])
            #expect(scene.deliveries("poisoned") == 1 && scene.deliveries("acked") == 4)
            #expect(scene.attempts("refused") == 2 && scene.attempts("success") == 4)
        }
    }

    /// Without a poison queue, and where attempts are used up.
    @Test func whatIsDiscardedOrExhaustedIsTriedAloneFirstToo() async throws {
        try await VirtualTime.run { time in
            let scene = try Scene(Self.messages("aaa"), time) { numbers, _ in
                if numbers.contains(1) { throw HandlerError("dull", reason: "dull", disposition: .discard("dull")) }
            }
            try await scene.run(until: 3)
            #expect(scene.calls.entries == [[0, 1, 2], [0], [1], [2]])
            #expect(scene.deliveries("discarded") == 1 && scene.deliveries("acked") == 2)
        }
        try await VirtualTime.run { time in
            let retry = Retry(maxAttempts: 3, backoff: .constant(.milliseconds(10)), exhaustion: .poison)
            let scene = try Scene(Self.messages("aa"), time, middlewares: [retry]) { numbers, _ in
                if numbers.contains(1) { throw Broken() }
            }
            try await scene.run(until: 2)
            // The attempts that were made of both count for each.
            #expect(scene.calls.entries == [[0, 1], [0, 1], [0, 1], [0], [1]])
            #expect(scene.poison.messages(to: "poison").map(\.number) == [1])
        }
    }

    @Test func thoseThatWereHandledBeforeAreLeftOutAndEachKeyIsKept() async throws {
        try await VirtualTime.run { time in
            let store = MemoryDeduplicationStore(time: time)
            let key = KeySelector.id
            let known = try #require(key(.numbered(0)))
            _ = try await store.reserve(known, scope: "all")
            try await store.commit(known, scope: "all", for: .seconds(100))
            var messages = Self.messages("aaaa")
            messages.append(.numbered(2, key: "a"))
            let scene = try Scene(messages, time, middlewares: [Deduplicator(store, scope: "all"), Retry()]) {
                _, call in
                if call == 1 { throw Broken() }
            }
            try await scene.run(until: 5)
            // The first was handled before, the last has the key of another one.
            #expect(scene.calls.entries == [[1, 2, 3], [1, 2, 3]])
            #expect(scene.deliveries("acked") == 4 && scene.deliveries("deduplicated") == 1)
            #expect(scene.meters.value("sluice_delivery_attempts_count", ["outcome": "deduplicated"]) == 1)
            for number in 0..<4 {
                #expect(try await store.reserve(#require(key(.numbered(number))), scope: "all") == .duplicate)
            }
        }
    }

    @Test func whatIsNoMessageStaysAlone() async throws {
        try await VirtualTime.run { time in
            let scene = try Scene(Self.messages("a"), time)
            scene.source.offer(
                [.numbered(1, key: "a")],
                origin: .init(failure: HandlerError("torn", reason: "torn", disposition: .poison("torn"))))
            scene.source.offer([.numbered(2, key: "a"), .numbered(3, key: "a")])
            scene.source.offer([.numbered(4, key: "a")], origin: .init(partition: 1))
            try await scene.run(until: 5)
            #expect(scene.calls.entries == [[0], [2, 3], [4]])
            #expect(scene.poison.messages(to: "poison").map(\.number) == [1])
        }
    }

    @Test func everythingIsGivenBackWhenTheRouteDrainsMeanwhile() async throws {
        try await VirtualTime.run { time in
            let scene = try Scene(Self.messages("aaabb"), time) { _, _ in
                throw HandlerError("503", reason: "http_503", disposition: .retry(after: .seconds(600)))
            }
            try await scene.router.whileRunning {
                try await time.eventually { scene.calls.count == 1 }
                try await time.sleep(for: .seconds(10))
            }
            #expect(scene.calls.entries == [[0, 1, 2]])
            #expect(scene.source.rejectedCount == 5 && scene.source.acknowledgedCount == 0)
            scene.meters.instruments.refresh()
            #expect(scene.meters.value("sluice_unaccounted_messages") == 0)
        }
    }

    @Test func whatIsNotOursAnyMoreIsDroppedWithTheOthers() async throws {
        try await VirtualTime.run { time in
            let (source, meters, calls) = (LosingSource(4, time: time), Meters(), Journal<[Int]>())
            let router = Router.quick([Retry()], meters: meters, time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .serial, joining: Joining(by: .metadata("key"))) {
                    _, context in
                    calls.add(context.messages.map(\.number))
                    source.lose()
                    throw Broken()
                })
            try await router.whileRunning { try await time.eventually { source.forgone.count == 4 } }
            #expect(calls.entries == [[0, 1, 2, 3]])
            #expect(source.settled == 0)
            meters.instruments.refresh()
            #expect(meters.value("sluice_unaccounted_messages") == 0)
            #expect(meters.value("sluice_deliveries_total", ["handler_name": "r", "outcome": "revoked"]) == 4)
        }
    }

    /// What the source keeps of each goes on from there.
    @Test func eachIsKeptWithHowFarAllHaveCome() async throws {
        try await VirtualTime.run { time in
            let source = LosingSource(3, time: time)
            let router = Router.quick([Retry(backoff: .constant(.seconds(50)), handBackAfter: .seconds(1))], time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .serial, joining: Joining(by: .metadata("key"))) { _, _ in
                    throw Broken()
                })
            try await router.whileRunning { try await time.eventually { source.kept.count == 3 } }
            let kept = source.kept.values
            #expect(kept.allSatisfy { $0.attempts == 1 && $0.failedAttempts == 1 } && Set(kept.map(\.due)).count == 1)
        }
    }

    @Test func onlyASerialRouteJoins() throws {
        let router = Router.quick()
        for ordering in [Ordering.perKey(), .unordered(limit: 2)] {
            #expect(throws: ConfigurationError.self) {
                try router.add(
                    Route("r", from: Source(), "in", ordering: ordering, joining: Joining(by: .metadata("key"))) {
                        _, _ in
                    })
            }
        }
        for joining in [Joining(by: .id, maximumCount: 1), Joining(by: .id, maximumBytes: 0)] {
            #expect(throws: ConfigurationError.self) {
                try router.add(Route("r", from: Source(), "in", ordering: .serial, joining: joining) { _, _ in })
            }
        }
    }

    /// Whatever happens, nothing is unaccounted for, and each is settled once.
    @Test(arguments: 0..<40 as Range<UInt64>)
    func nothingIsUnaccountedForWhateverHappens(seed: UInt64) async throws {
        try await VirtualTime.run(seed: seed, order: .shuffled) { time in
            let dice = Mutex(SeededGenerator(seed: seed))
            let store = MemoryDeduplicationStore(time: time)
            // Numbers repeat, so that the deduplicator has something to do.
            let messages = (0..<120).map { Message.numbered($0 % 100, key: "\($0 / 7)") }
            let scene = try Scene(
                messages, time,
                .init(
                    budget: RetryBudget(floor: 5), breaker: CircuitBreaker(), throttle: Throttle(rate: 50),
                    concurrency: .fixed(1)),
                middlewares: [Deduplicator(store), Retry(maxAttempts: 2), Timeout(.milliseconds(50))]
            ) { _, _ in
                switch dice.withLock({ Int.random(in: 0..<10, using: &$0) }) {
                case 0: throw Broken()
                case 1: throw HandlerError("bad", reason: "bad", disposition: .poison("bad"))
                case 2: throw HandlerError("busy", reason: "busy", disposition: .throttled(after: .milliseconds(200)))
                case 3: try await time.sleep(for: .milliseconds(80))
                default: break
                }
            }
            try await scene.run(until: 120)
            let outcomes = ["acked", "poisoned", "deduplicated"].compactMap(scene.deliveries).reduce(0, +)
            #expect(outcomes == 120)
        }
    }
}

/// A source whose deliveries may be taken away, and that notes what it is told of them.
private final class LosingSource: Subscriber, Settler {
    let name = "source"
    let defaultOrdering = Ordering.serial
    let time: RouterTime?
    let subscription: Subscription
    private let isLost = Atomic<Bool>(false)
    private let state = Mutex<(settled: Int, forgone: Set<UInt64>, kept: [UInt64: Delivery.Progress])>((0, [], [:]))

    init(_ count: Int, time: RouterTime) {
        self.time = time
        subscription = Subscription(time: time)
        subscription.offer(
            (0..<count).map { Delivery(.numbered($0, key: "a"), settler: self, tag: UInt64($0), time: time) })
    }

    var settled: Int { state.withLock(\.settled) }
    var forgone: Set<UInt64> { state.withLock(\.forgone) }
    var kept: [UInt64: Delivery.Progress] { state.withLock(\.kept) }

    func lose() { isLost.store(true, ordering: .releasing) }
    func owns(_ tag: UInt64) -> Bool { !isLost.load(ordering: .acquiring) }
    func forgo(_ tag: UInt64) { state.withLock { _ = $0.forgone.insert(tag) } }
    func settle(_ tag: UInt64, _ settlement: Settlement) { state.withLock { $0.settled += 1 } }
    func noteKept(_ tag: UInt64, _ message: Message, origin: Delivery.Origin) {
        state.withLock { $0.kept[tag] = origin.progress }
    }
    func subscribe(to topic: Topic) async throws -> Subscription { subscription }
    func close() async { subscription.finish() }
}
