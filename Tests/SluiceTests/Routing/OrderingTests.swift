import Sluice
import SluiceTesting
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10)))
struct OrderingTests {
    @Test func serialHoldsEverythingBehindTheMessageThatFails() async throws {
        try await VirtualTime.run { time in
            let source = Source((0..<50).map { .numbered($0) }, time: time)
            let seen = Journal<Int>()
            let router = Router.quick(time: time)
            try router.add(
                Route("r", from: source, "in") { message, context in
                    seen.add(message.number)
                    if message.number % 10 == 3, seen.entries.filter({ $0 == message.number }).count < 4 {
                        throw Broken()
                    }
                })
            try await router.whileRunning { try await time.eventually { source.acknowledgedCount == 50 } }
            #expect(seen.entries == (0..<50).flatMap { Array(repeating: $0, count: $0 % 10 == 3 ? 4 : 1) })
            // The route kept them itself; the source was told of nothing.
            #expect(source.rejections.isEmpty)
        }
    }

    @Test func theWaitBeforeARedeliveryGrows() async throws {
        try await VirtualTime.run { time in
            let times = Journal<MonotonicTime>()
            let source = Source([.numbered(0)], time: time)
            var configuration = Router.Configuration.quick
            configuration.redelivery = .exponential(from: .milliseconds(4), upTo: .milliseconds(32), jitter: false)
            let router = Router.quick(configuration: configuration, time: time)
            try router.add(
                Route("r", from: source, "in") { _, _ in
                    if times.add(time.now) < 7 { throw Broken() }
                })
            try await router.whileRunning { try await time.eventually { source.acknowledgedCount == 1 } }
            let waits = zip(times.entries, times.entries.dropFirst()).map { $0.duration(to: $1) }
            #expect(waits == [4, 8, 16, 32, 32, 32].map { .milliseconds($0) })
        }
    }

    @Test(arguments: [Int.max, 1_000_000, 0, -5, Int.min])
    func takesWhateverAttemptNumberTheBrokerSays(attempt: Int) async throws {
        let source = Source(redelivery: .source)
        source.offer([.numbered(0)], origin: .init(attempt: attempt))
        let router = Router.quick()
        try router.add(Route("r", from: source, "in") { _, _ in throw Broken() })
        try await router.whileRunning { try await eventually { source.rejectedCount == 1 } }
        let delay = try #require(source.rejections[0]?.delay)
        #expect(attempt > 1 ? delay == .milliseconds(20) : delay == .milliseconds(2))
    }

    @Test func theDefaultPaceIsFromATenthOfASecondToHalfAMinute() {
        #expect(
            Router.Configuration().redelivery
                == .exponential(from: .milliseconds(100), upTo: .seconds(30)))
    }

    @Test func perKeyKeepsTheOrderOfEachKeyAndRunsKeysInParallel() async throws {
        try await VirtualTime.run { time in
            let source = Source((0..<400).map { .numbered($0, key: "\($0 % 8)") }, time: time)
            let seen = Journal<(String, Int)>()
            let gate = Gate()
            let router = Router.quick(time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .perKey(lanes: 8, by: .metadata("key"))) { message, _ in
                    try await gate.wait()
                    seen.add((message.key, message.number))
                    await Task.yield()
                })
            try await router.whileRunning {
                // One of each key, and no second of any.
                try await time.eventually { gate.waiting == 8 }
                try await time.sleep(for: .seconds(1))
                #expect(gate.waiting == 8)
                gate.open()
                try await time.eventually { source.acknowledgedCount == 400 }
            }
            for key in 0..<8 {
                #expect(seen.entries.filter { $0.0 == "\(key)" }.map(\.1) == Array(stride(from: key, to: 400, by: 8)))
            }
        }
    }

    @Test func perKeyUsesTheBrokersKeyUnlessToldOtherwise() async throws {
        try await VirtualTime.run { time in
            let source = Source(time: time)
            for number in 0..<6 { source.offer([.numbered(number)], origin: .init(key: [UInt8(number % 2)])) }
            let gate = Gate()
            let router = Router.quick(time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .perKey(lanes: 6)) { _, _ in try await gate.wait() })
            try await router.whileRunning {
                try await time.eventually { gate.waiting == 2 }
                try await time.sleep(for: .seconds(1))
                #expect(gate.waiting == 2)
                gate.open()
                try await time.eventually { source.acknowledgedCount == 6 }
            }
        }
    }

    @Test func perKeyParksAFailingKeyWithoutHoldingAWorker() async throws {
        try await VirtualTime.run { time in
            var configuration = Router.Configuration.quick
            configuration.redelivery = .constant(.seconds(600))
            let source = Source(
                (0..<100).map { .numbered($0, key: $0 % 10 == 0 ? "bad" : "good\($0 % 10)") }, time: time)
            let router = Router.quick(configuration: configuration, time: time)
            let failures = Counter()
            try router.add(
                Route("r", from: source, "in", ordering: .perKey(lanes: 1, by: .metadata("key"))) { message, _ in
                    guard message.key == "bad" else { return }
                    failures.add()
                    throw Broken()
                })
            try await router.whileRunning { try await time.eventually { source.acknowledgedCount == 90 } }
            #expect(failures.value == 1)
            // The drain gave the parked ones back.
            #expect(source.rejections.keys.sorted() == Array(stride(from: 0, to: 100, by: 10)))
        }
    }

    @Test func perKeyHandlesMessagesWithoutAKeyAllAtOnce() async throws {
        let source = Source((0..<5).map { .numbered($0) })
        let gate = Gate()
        let router = Router.quick()
        try router.add(
            Route("r", from: source, "in", ordering: .perKey(lanes: 5, by: .metadata("key"))) { _, _ in
                try await gate.wait()
            })
        try await router.whileRunning {
            try await eventually { gate.waiting == 5 }
            gate.open()
            try await eventually { source.acknowledgedCount == 5 }
        }
    }

    @Test func perKeyTakesNoMoreThanItsBoundIntoMemory() async throws {
        try await VirtualTime.run { time in
            let source = Source((0..<10_000).map { .numbered($0, key: "same") }, time: time)
            let gate = Gate()
            let meters = Meters()
            let router = Router.quick(meters: meters, time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .perKey(lanes: 4, by: .metadata("key"))) { _, _ in
                    try await gate.wait()
                })
            try await router.whileRunning {
                try await time.eventually { gate.waiting == 1 && source.subscription.count < 10_000 - 1_024 }
                try await time.sleep(for: .seconds(1))
                #expect(source.subscription.count >= 10_000 - 1_024 - 256 - 1)
                gate.open()
                try await time.eventually { source.acknowledgedCount == 10_000 }
            }
        }
    }

    @Test(arguments: [1, 3, 16]) func unorderedRunsAsManyAtOnceAsItsLimit(limit: Int) async throws {
        let source = Source((0..<200).map { .numbered($0) })
        let gate = Gate()
        let running = Atomic<Int>(0)
        let most = Atomic<Int>(0)
        let router = Router.quick()
        try router.add(
            Route("r", from: source, "in", ordering: .unordered(limit: limit)) { _, _ in
                most.max(running.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed)
                defer { running.wrappingSubtract(1, ordering: .relaxed) }
                try await gate.wait()
                await Task.yield()
            })
        try await router.whileRunning {
            try await eventually { gate.waiting == limit }
            gate.open()
            try await eventually { source.acknowledgedCount == 200 }
        }
        #expect(most.load(ordering: .relaxed) == limit)
    }

    @Test func unorderedGivesARejectedMessageBackWithItsDelay() async throws {
        let source = Source([.numbered(0), .numbered(1), .numbered(2), .numbered(3)])
        let router = Router.quick()
        try router.add(
            Route("r", from: source, "in", ordering: .unordered(limit: 2)) { message, _ in
                switch message.number {
                case 0: throw Broken()
                case 1: throw HandlerError("busy", reason: "429", disposition: .retry(after: .seconds(7)))
                case 2: throw HandlerError("gone", reason: "gone", disposition: .hold("gone", for: .seconds(9)))
                default: break
                }
            })
        try await router.whileRunning {
            try await eventually { source.rejectedCount == 3 && source.acknowledged == [3] }
        }
        #expect(source.rejections[0]?.delay == .milliseconds(2))
        #expect(source.rejections[0]?.error is Broken)
        #expect(source.rejections[1]?.delay == .seconds(7))
        #expect(source.rejections[2]?.delay == .seconds(9))
    }

    @Test(arguments: [Ordering.serial, .perKey(lanes: 2)])
    func keepsNothingOfASourceThatCannotWait(ordering: Ordering) async throws {
        let source = Source([.numbered(0), .numbered(1)], redelivery: .source)
        let router = Router.quick()
        try router.add(
            Route("r", from: source, "in", ordering: ordering) { message, _ in
                if message.number == 0 { throw Broken() }
            })
        try await router.whileRunning {
            try await eventually { source.acknowledged == [1] && source.rejections[0] != nil }
        }
    }

    @Test func aDiscardedMessageIsAcknowledged() async throws {
        let source = Source([.numbered(0)])
        let meters = Meters()
        let router = Router.quick(meters: meters)
        try router.add(
            Route("r", from: source, "in") { _, _ in
                throw HandlerError("dull", reason: "dull", disposition: .discard("dull"))
            })
        try await router.whileRunning { try await eventually { source.acknowledged == [0] } }
        #expect(meters.value("sluice_deliveries_total", ["outcome": "discarded"]) == 1)
    }
}
