import SluiceTesting

@testable import Sluice

/// A course of events drawn from a seed: what comes, how destinations answer, by which policies they are treated.
struct RandomScenario: Sendable {
    /// How a destination answers while it is not well.
    struct Trouble: Sendable {
        enum Kind: String, Sendable, CaseIterable {
            case fails, throttled, throttledWithTime, retryWithTime, held, slow, hangs
        }

        var destination: Int
        var kind: Kind
        var from: Duration
        var to: Duration
    }

    /// Something that a person does.
    struct Change: Sendable {
        enum Kind: String, Sendable, CaseIterable {
            case pause, breaker, noBreaker, budget, noBudget, throttle, noThrottle, concurrency, noConcurrency, retry,
                timeout, delay
        }

        var kind: Kind
        var at: Duration
        /// Draws its numbers.
        var draw: Double
    }

    var seed: UInt64 = 0
    var messages = 10
    var keys = 2
    /// They come within this time.
    var span = Duration.zero
    /// Never succeed, and are refused in words that name them.
    var poison: Set<Int> = []
    /// Each route's order and the destination that it delivers to.
    var routes: [(ordering: Ordering, destination: Int)] = [(.serial, 0)]
    var destination = Destination.Configuration(budget: nil)
    var retry = Retry()
    var timeout: Duration?
    /// Around Retry; nil where there is none.
    var delay: DelayOnError?
    var latency = Duration.zero
    var troubles: [Trouble] = []
    var changes: [Change] = []

    /// From then on nothing goes wrong any more.
    static let end = Duration.seconds(1_800)

    init() {}

    init(seed: UInt64) {
        self.seed = seed
        var dice = Dice(seed)
        messages = dice.int(1...40)
        keys = dice.int(1...6)
        span = dice.chance(0.5) ? .zero : .seconds(dice.int(1...300))
        poison = Set((0..<messages).filter { _ in dice.chance(0.03) })
        routes = (0..<dice.int(1...3)).map { _ in (Self.ordering(&dice), dice.int(0...1)) }
        retry = Self.retry(&dice)
        timeout = dice.chance(0.6) ? .seconds(dice.int(1...20)) : nil
        latency = .milliseconds(dice.pick([0, 1, 50, 900]))
        destination.retryAfter = .init(maximum: .seconds(dice.int(1...120)), jitter: dice.pick([0, 0.1, 1]))
        destination.budget = dice.chance(0.7) ? Self.budget(&dice) : nil
        destination.breaker = dice.chance(0.7) ? Self.breaker(&dice) : nil
        destination.throttle = dice.chance(0.3) ? Self.throttle(&dice) : nil
        destination.concurrency = dice.chance(0.4) ? Self.concurrency(&dice) : nil
        troubles = (0..<dice.int(0...5)).map { _ in
            let from = dice.int(0...600)
            let length = dice.pick([1, 5, 30, 200, 1_000])
            return Trouble(
                destination: dice.int(0...1), kind: dice.pick(Trouble.Kind.allCases), from: .seconds(from),
                to: .seconds(min(from + length, 1_800)))
        }
        changes = (0..<dice.pick([0, 0, 1, 3, 10])).map { _ in
            Change(
                kind: dice.pick(Change.Kind.allCases), at: .milliseconds(dice.int(0...1_200_000)), draw: dice.share())
        }.sorted { $0.at < $1.at }
        delay = dice.chance(0.4) ? Self.delay(&dice) : nil
    }

    // MARK: Policies

    private static func ordering(_ dice: inout Dice) -> Ordering {
        switch dice.int(0...2) {
        case 0: .serial
        case 1: .perKey(lanes: dice.int(1...5), by: .metadata("key"))
        default: .unordered(limit: dice.int(1...8))
        }
    }

    static func retry(_ dice: inout Dice) -> Retry {
        var retry = Retry(maxAttempts: dice.int(1...6))
        retry.backoff = .exponential(
            from: .milliseconds(dice.pick([0, 10, 1_000])), upTo: .seconds(dice.int(1...60)), jitter: dice.chance(0.5))
        retry.throttledBackoff = .exponential(
            from: .milliseconds(dice.pick([10, 1_000])), upTo: .seconds(dice.int(1...120)), jitter: dice.chance(0.5))
        retry.maxElapsed = dice.chance(0.5) ? nil : .seconds(dice.int(1...300))
        retry.schedule =
            dice.chance(0.2) ? (0..<dice.int(1...4)).map { _ in .milliseconds(dice.pick([0, 500, 20_000])) } : nil
        retry.handBackAfter = dice.pick([nil, .zero, .seconds(1), .seconds(5)])
        return retry
    }

    static func delay(_ dice: inout Dice) -> DelayOnError {
        DelayOnError(
            .exponential(
                from: .milliseconds(dice.pick([10, 1_000])), upTo: .seconds(dice.int(1...120)),
                jitter: dice.chance(0.5)))
    }

    static func budget(_ dice: inout Dice) -> RetryBudget {
        RetryBudget(
            ratio: dice.pick([0, 0.2, 2]), window: .seconds(dice.int(1...20)), floor: dice.pick([0.05, 1, 10]),
            cost: .init(failed: 1, throttled: dice.pick([0.1, 1])))
    }

    static func breaker(_ dice: inout Dice) -> CircuitBreaker {
        var breaker = CircuitBreaker()
        breaker.consecutiveFailures = dice.pick([1, 3, 7, nil])
        breaker.successBelow = dice.pick([nil, 0.5, 0.8])
        breaker.minimumAttempts = dice.int(1...6)
        breaker.window = .seconds(dice.int(5...60))
        breaker.open = .exponential(from: .milliseconds(dice.pick([100, 1_000])), upTo: .seconds(dice.int(1...300)))
        breaker.probes = dice.int(1...3)
        return breaker
    }

    static func throttle(_ dice: inout Dice) -> Throttle {
        Throttle(
            rate: dice.pick([0.2, 1, 10]), burst: dice.int(1...3), key: dice.chance(0.2) ? .metadata("key") : nil,
            slowdown: dice.chance(0.4) ? .halve(recovery: .seconds(dice.int(1...60))) : nil)
    }

    static func concurrency(_ dice: inout Dice) -> Concurrency {
        dice.chance(0.6) ? .fixed(dice.int(1...4)) : .adaptive(from: dice.int(1...4), upTo: dice.int(4...20))
    }
}

/// Draws numbers that follow from a seed.
struct Dice {
    private var generator: SplitMix64

    init(_ seed: UInt64) {
        generator = SplitMix64(seed: seed)
    }

    /// From 0 to 1, without 1.
    mutating func share() -> Double { Double(generator.next() >> 11) / Double(UInt64(1) << 53) }

    mutating func chance(_ probability: Double) -> Bool { share() < probability }

    mutating func int(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(generator.next() % UInt64(range.count))
    }

    mutating func pick<Value>(_ values: [Value]) -> Value { values[Int(generator.next() % UInt64(values.count))] }
}
