import Sluice
import SluicePrometheus
import SluiceTesting
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10)))
struct KeyedStormTests {
    /// 10,000 messages over 100 keys, of which 5 % fail at random and 1 % always.
    @Test(arguments: [1, 8, 64]) func keepsTheOrderOfEveryKeyUnderFailuresAndPoison(lanes: Int) async throws {
        let total = 10_000
        let source = Source((0..<total).map { .numbered($0, key: "\($0 % 100)") })
        let random = Mutex(SeededGenerator(seed: 7))
        let seen = Journal<(key: String, number: Int)>()
        let poison = RecordingPublisher()
        let meters = Meters()
        var retry = Retry(maxAttempts: 3)
        retry.backoff = .exponential(from: .microseconds(100), upTo: .milliseconds(1))
        let router = Router.quick(
            [PoisonQueue(to: poison, "poison", filter: .permanent), retry, Timeout(), HandlerMetrics()], meters: meters)
        try router.add(
            Route("r", from: source, "in", ordering: .perKey(lanes: lanes, by: .metadata("key"))) { message, _ in
                if message.number % 101 == 50 {
                    throw HandlerError("bad", reason: "bad", disposition: .poison("bad"))
                }
                if random.withLock({ Int.random(in: 0..<100, using: &$0) }) < 5 { throw Broken() }
                seen.add((message.key, message.number))
            })
        try await router.whileRunning {
            try await eventually { source.acknowledgedCount == total }
        }
        let bad = (0..<total).filter { $0 % 101 == 50 }
        #expect(poison.records.map(\.message.number).sorted() == bad)
        var numbers: [String: [Int]] = [:]
        for (key, number) in seen.entries { numbers[key, default: []].append(number) }
        let good = (0..<total).filter { $0 % 101 != 50 }
        #expect(numbers.count == 100)
        for key in 0..<100 { #expect(numbers["\(key)"] == good.filter { $0 % 100 == key }) }
        let now = meters.exposition()
        #expect(now.value("sluice_deliveries_total", ["outcome": "poisoned"]) == Double(bad.count))
        #expect(now.value("sluice_deliveries_total", ["outcome": "acked"]) == Double(good.count))
        #expect(now.value("sluice_unaccounted_messages") == 0)
    }

    /// Without a poison queue a poison message fails for ever: it holds up its own key and no other.
    @Test func aPoisonMessageDelaysNoOtherKey() async throws {
        try await VirtualTime.run { time in
            let total = 5_000
            let source = Source((0..<total).map { .numbered($0, key: "\($0 % 100)") }, time: time)
            var configuration = Router.Configuration.quick
            configuration.redelivery = .constant(.seconds(600))
            let router = Router.quick(configuration: configuration, time: time)
            // Message 7 of key 7, and message 1,042 of key 42.
            try router.add(
                Route("r", from: source, "in", ordering: .perKey(lanes: 4, by: .metadata("key"))) { message, _ in
                    if message.number == 7 || message.number == 1_042 {
                        throw HandlerError("bad", reason: "bad", disposition: .poison("bad"))
                    }
                })
            let held = Set((0..<total).filter { $0 % 100 == 7 || ($0 % 100 == 42 && $0 >= 1_042) })
            try await router.whileRunning {
                try await time.eventually { source.acknowledgedCount == total - held.count }
            }
            #expect(time.now.offset == .zero)
            #expect(Set(source.rejections.keys) == held)
        }
    }

    /// The poison queue itself hangs: one worker waits with it, the other keys go on.
    @Test func aPoisonQueueThatHangsHoldsUpOneKey() async throws {
        let source = Source((0..<500).map { .numbered($0, key: "\($0 % 10)") })
        let gate = Gate()
        let router = Router.quick([PoisonQueue(to: FailingPublisher([], then: .wait(for: gate)), "poison")])
        try router.add(
            Route("r", from: source, "in", ordering: .perKey(lanes: 2, by: .metadata("key"))) { message, _ in
                if message.number == 3 { throw HandlerError("bad", reason: "bad", disposition: .poison("bad")) }
            })
        try await router.whileRunning {
            try await eventually { source.acknowledgedCount == 450 && gate.waiting == 1 }
            gate.open()
            try await eventually { source.acknowledgedCount == 500 }
        }
    }
}
