import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

/// How a policy is replaced.
@Suite(.timeLimit(.minutes(5)))
struct LiveTests {
    @Test func aValueOutsideItsRangeIsRefusedAndChangesNothing() throws {
        let retry = Live(Retry(maxAttempts: 3))
        let rings = Counter()
        retry.onChange(for: rings) { rings.add() }
        let error = #expect(throws: ConfigurationError.self) { try retry.update { $0.maxAttempts = 0 } }
        #expect(error?.field == "Retry.maxAttempts")
        #expect(throws: ConfigurationError.self) { try retry.update(Retry(schedule: [])) }
        #expect(retry.policy.maxAttempts == 3 && rings.value == 0)
        let destination = try Destination("d")
        #expect(throws: ConfigurationError.self) { try destination.update { $0.concurrency = .fixed(0) } }
        #expect(destination.configuration.concurrency == nil)
    }

    @Test func oneThatIsOutsideItsRangeMakesNoRoute() {
        #expect(throws: ConfigurationError.self) {
            try Chain([Live(Throttle(rate: 0))]) { _, _ in [] }
        }
    }

    @Test func whoIsGoneIsToldNothingAndKeptByNothing() throws {
        let live = Live(Timeout())
        let told = Counter()
        do {
            let owner = Counter()
            live.onChange(for: owner) { told.add() }
            try live.update { $0.deadline = .seconds(1) }
            #expect(told.value == 1)
        }
        try live.update { $0.deadline = .seconds(2) }
        #expect(told.value == 1 && live.changes.count == 0)
        for _ in 0..<10_000 { live.onChange(for: Counter()) {} }
        #expect(live.changes.count < 200)
    }

    /// Changes come from many threads: the one that is told last sees what came last.
    @Test func whoIsToldLastSeesWhatCameLast() async throws {
        let live = Live(Timeout(.seconds(1)))
        let seen = Mutex(Duration.zero)
        let owner = Counter()
        live.onChange(for: owner) { [weak live] in
            guard let live else { return }
            seen.withLock { $0 = live.policy.deadline }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 1...8 {
                group.addTask {
                    for step in 1...500 { try live.update { $0.deadline = .seconds(task * 1_000 + step) } }
                }
            }
            try await group.waitForAll()
        }
        // Another thread may still be telling.
        try await eventually("the last is seen") { seen.withLock(\.self) == live.policy.deadline }
        withExtendedLifetime(owner) {}
    }

    /// A custom middleware that waits by its number: longer, shorter, and not at all where that time has passed.
    @Test func aWaitOfOnesOwnFollowsItsPolicy() async throws {
        for (change, end) in [(60, 60), (900, 900), (5, 10)] as [(Int64, Int64)] {
            try await VirtualTime.run { time in
                let live = Live(CoolOff(period: .seconds(300)))
                let chain = try Chain([live], time: time) { _, _ in [] }
                let running = time.task { try await chain(.numbered(0)) }
                try await time.sleep(for: .seconds(10))
                try live.update { $0.period = .seconds(change) }
                _ = try await running.value
                #expect(time.now.offset == .seconds(end))
            }
        }
    }

    /// A thousand changes of every policy while messages fail, are throttled, wait and are handed back.
    @Test(arguments: [Ordering.serial, .perKey(lanes: 8, by: .metadata("key")), .unordered(limit: 8)])
    func aThousandChangesLoseAndDoubleNothing(ordering: Ordering) async throws {
        try await VirtualTime.run(seed: 5) { time in
            let destination = try Destination("sink", .init(breaker: CircuitBreaker()), time: time)
            let source = Source((0..<2_000).map { .numbered($0, key: "\($0 % 40)") }, time: time)
            let (retry, timeout) = (Live(Retry()), Live(Timeout(.seconds(2))))
            let taken = Journal<Int>()
            let meters = Meters()
            let router = Router.quick([retry, timeout], meters: meters, time: time)
            try router.add(
                Route("r", from: source, "in", ordering: ordering, destination: destination) { message, _ in
                    let draw = time.random(in: 0...1)
                    try await time.sleep(for: .milliseconds(Int64(draw * 40)))
                    if draw < 0.1 { throw Broken() }
                    if draw < 0.14 {
                        throw HandlerError("later", reason: "429", disposition: .throttled(after: .seconds(5)))
                    }
                    if draw < 0.15 { try await time.sleep(for: .seconds(60)) }
                    taken.add(message.number)
                })
            try await router.whileRunning {
                for step in 0..<1_000 {
                    try await time.sleep(for: .milliseconds(50))
                    try Self.change(step, retry, timeout, destination, time)
                }
                try destination.update(Destination.Configuration(budget: nil))
                try await time.eventually(within: .seconds(20_000)) { source.acknowledgedCount == 2_000 }
            }
            #expect(taken.entries.sorted() == Array(0..<2_000) && source.rejectedCount == 0)
            for key in 0..<40 where !ordering.isUnordered {
                let numbers = taken.entries.filter { $0 % 40 == key }
                #expect(numbers == numbers.sorted())
            }
            #expect(destination.status.waiting == 0 && destination.slots.read().inUse == 0)
            #expect(meters.value("sluice_unaccounted_messages") == 0)
        }
    }

    private static func change(
        _ step: Int, _ retry: Live<Retry>, _ timeout: Live<Timeout>, _ destination: Destination, _ time: RouterTime
    ) throws {
        let draw = time.random(in: 0...1)
        switch step % 7 {
        case 0: try retry.update { $0.backoff = .exponential(from: .milliseconds(1 + Int64(draw * 5_000))) }
        case 1: try retry.update { $0.handBackAfter = draw < 0.5 ? .zero : .seconds(Int64(draw * 10)) }
        case 2: try timeout.update { $0.deadline = .milliseconds(50 + Int64(draw * 3_000)) }
        case 3: try destination.update { $0.concurrency = draw < 0.3 ? nil : .fixed(1 + Int(draw * 6)) }
        case 4:
            try destination.update {
                $0.throttle = draw < 0.3 ? nil : Throttle(rate: 20 + draw * 200, slowdown: .halve())
            }
        case 5: try destination.update { $0.breaker = draw < 0.5 ? nil : CircuitBreaker(probes: 1 + Int(draw * 3)) }
        default:
            try destination.update { $0.budget = draw < 0.3 ? nil : RetryBudget(ratio: draw, floor: 1 + draw * 50) }
        }
    }
}

extension Ordering {
    fileprivate var isUnordered: Bool { if case .unordered = kind { true } else { false } }
}

/// Waits before each message.
private struct CoolOff: LiveMiddleware {
    var period: Duration

    func validate() {}

    static func wrap(_ next: @escaping Handler, for route: RouteScope, by live: Live<CoolOff>) -> Handler {
        { message, context in
            try await context.wait(following: live, booking: .throttle) { $0.period }
            return try await next(message, context)
        }
    }
}
