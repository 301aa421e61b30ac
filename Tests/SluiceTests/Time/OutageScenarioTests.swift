import Glibc
import Logging
import Sluice
import SluiceTesting
import Synchronization
import Testing

/// What routes do while a sink is away, told in virtual time: each seed is a course of events of its own.
@Suite(.timeLimit(.minutes(10)))
struct OutageScenarioTests {
    /// A sink that answers as its course of events says, and notes what it was sent.
    private final class Sink: Publisher {
        let name = "sink"
        let time: RouterTime?
        private let clock: RouterTime
        private let answer: @Sendable (Message, Duration) throws -> Void
        let attempts = Journal<(at: Duration, number: Int)>()
        let taken = Journal<(at: Duration, number: Int)>()

        /// - Parameter answer: throws what the sink refuses with at that time.
        init(_ time: RouterTime, answer: @escaping @Sendable (Message, Duration) throws -> Void) {
            self.time = time
            clock = time
            self.answer = answer
        }

        func publish(_ messages: [Message], to topic: Topic) async throws {
            for message in messages {
                attempts.add((clock.now.offset, message.number))
                try answer(message, clock.now.offset)
                taken.add((clock.now.offset, message.number))
            }
        }

        func close() async {}
    }

    /// A token was revoked. An hour later a new one is put in.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func aHeldRouteLosesNothingAndGoesOnInOrder(seed: UInt64) async throws {
        try await VirtualTime.run(seed: seed, order: .shuffled) { time in
            let log = LogRecorder()
            let meters = Meters()
            let sink = Sink(time) { _, now in
                guard now < .seconds(3_605) else { return }
                throw HandlerError("401", reason: "http_401", disposition: .hold("http_401", for: .seconds(60)))
            }
            let source = Source((0..<50).map { .numbered($0) }, time: time)
            let poison = RecordingPublisher()
            let router = Router(
                middlewares: [PoisonQueue(to: poison, "poison"), Retry(), Timeout()], instruments: meters.instruments,
                logger: log.logger, time: time)
            try router.add(Route("r", from: source, "in", to: sink, "out") { message, _ in [message] })
            try await router.whileRunning {
                try await time.sleep(for: .seconds(1_800))
                #expect(router.destinations[0].status.note?.hasPrefix("held: http_401; ") == true)
                let held = ["destination": "r", "why": "held"]
                #expect(meters.value("sluice_destination_shut", held) == 1)
                try await time.eventually(within: .seconds(7_200)) { source.acknowledgedCount == 50 }
                #expect(router.destinations[0].status.note == nil)
            }
            // Asked once a minute, by one message; the first question after the mend is its delivery.
            #expect(sink.attempts.entries.prefix(62).map(\.at) == (0...61).map { .seconds($0 * 60) })
            #expect(sink.attempts.count == 61 + 50)
            #expect(sink.taken.entries.map(\.number) == Array(0..<50))
            #expect(sink.taken.entries.allSatisfy { $0.at == .seconds(3_660) })
            #expect(poison.records.isEmpty && source.rejectedCount == 0)
            #expect(log.entries.filter { $0.level >= .warning }.count == 1)
            #expect(log.entries.filter { $0.message == "destination takes messages again" }.count == 1)
        }
    }

    /// One of many at once is told to wait: none of the route is sent before the time that the sink named.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func nothingIsSentInsideARetryAfterWindow(seed: UInt64) async throws {
        try await VirtualTime.run(seed: seed, order: .shuffled) { time in
            let refused = Mutex<Duration?>(nil)
            let sink = Sink(time) { message, now in
                let isRefused = refused.withLock { refused in
                    guard now > .seconds(1), refused == nil else { return false }
                    refused = now
                    return true
                }
                guard isRefused else { return }
                throw HandlerError("429", reason: "http_429", disposition: .retry(after: .seconds(90)))
            }
            let source = Source((0..<100).map { .numbered($0) }, time: time)
            let router = Router(
                middlewares: [Retry(), Throttle(rate: 20, burst: 5)],
                instruments: Meters().instruments, logger: .silent, time: time)
            try router.add(
                Route("r", from: source, "in", to: sink, "out", ordering: .unordered(limit: 16)) { message, context in
                    // As long as it takes to make a request.
                    try await context.sleep(for: .milliseconds(Int(time.random(in: 0...200))))
                    return [message]
                })
            try await router.whileRunning {
                try await time.eventually { source.acknowledgedCount == 100 }
            }
            let moment = refused.withLock(\.self)
            let shut = try #require(moment)
            let inside = sink.attempts.entries.filter { $0.at > shut && $0.at < shut + .seconds(90) }
            // What was on its way at that moment still arrives, within the time that a request takes.
            #expect(inside.allSatisfy { $0.at <= shut + .milliseconds(200) } && inside.count < 16)
            #expect(sink.attempts.entries.contains { $0.at >= shut + .seconds(90) })
            #expect(sink.attempts.count == 101)
        }
    }

    /// Retries, each after a longer wait, until the message has used up what it may; then it is moved.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func triesUntilTheAttemptsAreUsedUp(seed: UInt64) async throws {
        func course() async throws -> [Duration] {
            try await VirtualTime.run(seed: seed) { time in
                let sink = Sink(time) { message, _ in if message.number == 3 { throw Broken() } }
                let source = Source((0..<6).map { .numbered($0) }, time: time)
                let poison = RecordingPublisher()
                let meters = Meters()
                var retry = Retry(maxAttempts: 6)
                retry.backoff = .exponential(from: .seconds(1), upTo: .seconds(10))
                let router = Router(
                    middlewares: [PoisonQueue(to: poison, "poison"), retry], instruments: meters.instruments,
                    logger: .silent, time: time)
                try router.add(Route("r", from: source, "in", to: sink, "out") { message, _ in [message] })
                try await router.whileRunning { try await time.eventually { source.acknowledgedCount == 6 } }
                #expect(sink.taken.entries.map(\.number) == [0, 1, 2, 4, 5])
                #expect(poison.records.map(\.message.number) == [3])
                #expect(poison.records[0].message.metadata["attempts_poisoned"] == "6")
                let now = time.timestamp.millisecondsSince1970
                #expect(poison.records[0].message.metadata["time_poisoned"] == "\(now)")
                let times = sink.attempts.entries.filter { $0.number == 3 }.map(\.at)
                for ((earlier, later), bound) in zip(zip(times, times.dropFirst()), [1, 2, 4, 8, 10]) {
                    #expect(later > earlier && later - earlier <= .seconds(bound))
                }
                #expect(times.count == 6)
                return times
            }
        }
        // To the nanosecond.
        #expect(try await course() == course())
    }

    /// An hour without the sink, and 10,000 messages that wait: everything is delivered afterwards, in the order that the
    /// route promises, and the hour takes about as long as this sentence.
    @Test(arguments: [.serial, .perKey(lanes: 8, by: .metadata("key")), .unordered(limit: 8)] as [Ordering])
    func aSinkThatIsDeadForAnHourLosesNothing(ordering: Ordering) async throws {
        let isOrdered = if case .unordered = ordering.kind { false } else { true }
        let (attempts, took) = try await VirtualTime.run(seed: 1) { time in
            let start = Self.threadTime()
            let sink = Sink(time) { _, now in if now < .seconds(3_600) { throw Broken() } }
            let broker = try MemoryBroker(.init(capacity: 10_000), time: time)
            let meters = Meters()
            var retry = Retry(maxAttempts: 8)
            retry.maxElapsed = .seconds(300)
            let poison = RecordingPublisher()
            let router = Router(
                middlewares: [
                    CorrelationID(), HandlerMetrics(), LogMessages(),
                    PoisonQueue(to: poison, "poison", filter: .permanent),
                    Deduplicator(MemoryDeduplicationStore(time: time)), retry, Timeout(.seconds(60)),
                ], instruments: meters.instruments, logger: .silent, time: time)
            try router.add(
                Route("r", from: broker.subscriber(group: "g"), "in", to: sink, "out", ordering: ordering) {
                    message, _ in
                    [message]
                })
            try await router.whileRunning {
                try await time.eventually { router.status[0].isRunning }
                try await broker.publisher().publish((0..<10_000).map { .numbered($0, key: "\($0 % 500)") }, to: "in")
                try await time.sleep(for: .seconds(3_599))
                #expect(sink.taken.count == 0)
                try await time.eventually { sink.taken.count == 10_000 }
                #expect(time.now.offset < .seconds(3_600 + 120))
            }
            #expect(Set(sink.taken.entries.map(\.number)).count == 10_000)
            var last: [Int: Int] = [:]
            for (_, number) in sink.taken.entries where isOrdered {
                #expect(last[number % 500, default: -1] < number)
                last[number % 500] = number
            }
            #expect(poison.records.isEmpty)
            #expect(meters.value("sluice_unaccounted_messages", ["handler_name": "r"]) == 0)
            return (sink.attempts.count, Self.threadTime() - start)
        }
        #expect(attempts > 10_000)
        // Without optimisation; what the machine does beside it does not count.
        #expect(took < .seconds(10 * Sanitizing.slowdown))
    }

    /// The processor time of the thread: all of a virtual time runs on one.
    private static func threadTime() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }
}
