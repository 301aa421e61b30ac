import Sluice
import SluicePrometheus
import SluiceTesting
import Testing

/// A route that drains, lets something be done, and goes on.
@Suite(.timeLimit(.minutes(10)))
struct InterruptionTests {
    private static let orderings: [Ordering] = [
        .serial, .perKey(lanes: 4, by: .metadata("key")), .unordered(limit: 4),
    ]

    @Test(arguments: orderings)
    func nothingIsHandledMeanwhileAndEverythingAfterwards(ordering: Ordering) async throws {
        try await VirtualTime.run { time in
            let meters = Meters()
            let broker = try MemoryBroker(.init(persistent: true), time: time)
            let router = Router.quick(meters: meters, time: time)
            let handled = Journal<Int>()
            try router.add(
                Route("r", from: broker.subscriber(group: "g"), "t", ordering: ordering) { message, _ in
                    handled.add(message.number)
                })
            try await router.whileRunning {
                var next = 0
                for _ in 0..<10 {
                    try await broker.publisher().publish(
                        (next..<next + 20).map { .numbered($0, key: "\($0 % 5)") }, to: "t")
                    next += 20
                    try await router.interrupt("r") {
                        #expect(!router.status[0].isRunning && router.status[0].note == "draining")
                        let count = handled.count
                        await Task.yield()
                        #expect(handled.count == count)
                    }
                }
                try await time.eventually { handled.count == next && router.status[0].isRunning }
            }
            #expect(handled.entries.sorted() == Array(0..<200))
            if ordering.concurrency == 1 { #expect(handled.entries == Array(0..<200)) }
            #expect(meters.value("sluice_unaccounted_messages") == 0)
            #expect(meters.value("sluice_deliveries_in_flight") == 0)
        }
    }

    @Test func whatIsInHandIsFinishedFirst() async throws {
        try await VirtualTime.run { time in
            let broker = try MemoryBroker(.init(persistent: true), time: time)
            let (gate, finished) = (Gate(), Flag())
            let router = Router.quick(time: time)
            try router.add(
                Route("r", from: broker.subscriber(group: "g"), "t") { _, _ in
                    try await gate.wait()
                    finished.set()
                })
            try await broker.publisher().publish([.numbered(0)], to: "t")
            try await router.whileRunning {
                try await time.eventually { gate.waiting == 1 }
                async let interruption: Void = router.interrupt("r") { #expect(finished.value) }
                try await time.sleep(for: .seconds(5))
                gate.open()
                try await interruption
            }
        }
    }

    @Test func severalRunOneAfterTheOther() async throws {
        try await VirtualTime.run { time in
            let broker = try MemoryBroker(.init(persistent: true), time: time)
            let router = Router.quick(time: time)
            try router.add(Route("r", from: broker.subscriber(group: "g"), "t") { _, _ in })
            let inside = Counter()
            try await router.whileRunning {
                try await time.eventually { router.status[0].isRunning }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            try await router.interrupt("r") {
                                inside.add()
                                #expect(inside.value % 2 == 1)
                                await Task.yield()
                                inside.add()
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(inside.value == 16)
                try await time.eventually { router.status[0].isRunning }
            }
        }
    }

    @Test func anErrorLetsItGoOn() async throws {
        try await VirtualTime.run { time in
            let broker = try MemoryBroker(.init(persistent: true), time: time)
            let router = Router.quick(time: time)
            let calls = Counter()
            try router.add(Route("r", from: broker.subscriber(group: "g"), "t") { _, _ in calls.add() })
            try await router.whileRunning {
                await #expect(throws: Broken.self) { try await router.interrupt("r") { throw Broken() } }
                try await broker.publisher().publish([.numbered(0)], to: "t")
                try await time.eventually { calls.value == 1 }
                await #expect(throws: UnknownRouteError.self) { try await router.interrupt("s") {} }
            }
            await #expect(throws: ClosedError.self) { try await router.interrupt("r") {} }
        }
    }

    @Test func aPausedRouteIsPausedAfterwards() async throws {
        try await VirtualTime.run { time in
            let broker = try MemoryBroker(.init(persistent: true), time: time)
            let router = Router.quick(time: time)
            let calls = Counter()
            try router.add(Route("r", from: broker.subscriber(group: "g"), "t") { _, _ in calls.add() })
            try await broker.publisher().publish([.numbered(0)], to: "t")
            try router.pause("r")
            try await router.whileRunning {
                try await router.interrupt("r") {}
                try await time.eventually { router.status[0].isRunning }
                try await time.sleep(for: .seconds(5))
                #expect(calls.value == 0)
                try router.resume("r")
                try await time.eventually { calls.value == 1 }
            }
        }
    }

    @Test func aShutdownMeanwhileWaitsForWhatIsDoneAndEndsTheRoute() async throws {
        try await VirtualTime.run { time in
            let broker = try MemoryBroker(.init(persistent: true), time: time)
            let router = Router.quick(time: time)
            try router.add(Route("r", from: broker.subscriber(group: "g"), "t") { _, _ in })
            let (gate, done) = (Gate(), Flag())
            let run = time.task { try await router.run() }
            let first = time.task {
                try await router.interrupt("r") {
                    try await gate.wait()
                    done.set()
                }
            }
            try await time.eventually { gate.waiting == 1 }
            let second = time.task { try await router.interrupt("r") { Issue.record("the route has ended") } }
            try await time.sleep(for: .seconds(5))
            router.drain()
            try await time.sleep(for: .seconds(5))
            gate.open()
            try await run.value
            #expect(done.value)
            try await first.value
            await #expect(throws: ClosedError.self) { try await second.value }
        }
    }

    @Test func aCancelledOneIsForgotten() async throws {
        try await VirtualTime.run { time in
            let broker = try MemoryBroker(.init(persistent: true), time: time)
            let gate = Gate()
            let router = Router.quick(time: time)
            try router.add(Route("r", from: broker.subscriber(group: "g"), "t") { _, _ in try await gate.wait() })
            try await broker.publisher().publish([.numbered(0)], to: "t")
            try await router.whileRunning {
                try await time.eventually { gate.waiting == 1 }
                let task = time.task { try await router.interrupt("r") { Issue.record("it was cancelled") } }
                try await time.eventually { !router.status[0].isRunning }
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
                gate.open()
                try await time.eventually { router.status[0].isRunning }
            }
        }
    }

    @Test func aRouteThatCannotSubscribeIsInterruptedToo() async throws {
        try await VirtualTime.run { time in
            let subscriber = FlakySubscriber(time) { _ in throw Broken() }
            var configuration = Router.Configuration.quick
            configuration.resubscription = .constant(.seconds(600))
            let router = Router.quick(configuration: configuration, time: time)
            try router.add(Route("r", from: subscriber, "in") { _, _ in })
            try await router.whileRunning {
                try await time.eventually { subscriber.attempts == 1 }
                try await router.interrupt("r") {}
                try await time.eventually { subscriber.attempts == 2 }
            }
        }
    }
}
