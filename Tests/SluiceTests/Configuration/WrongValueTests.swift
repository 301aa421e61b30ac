import Logging
import Sluice
import SluiceMetrics
import SluicePrometheus
import SluiceTesting
import Testing

/// Every value out of its range in the core is refused where it is configured, by an error that names its field.
struct WrongValueTests {
    @Test func aMemoryBrokerRefusesWhatItCannotHave() {
        let wrong: [WrongValue<MemoryBroker.Configuration>] = [
            .init("capacity") { $0.capacity = 0 }, .init("capacity") { $0.capacity = -1 },
            .init("maxInFlight") { $0.maxInFlight = 0 },
            .init("redeliveryDelay") { $0.redeliveryDelay = .milliseconds(-1) },
            .init("maxRedeliveryDelay") { $0.maxRedeliveryDelay = .milliseconds(-2) },
        ]
        let free: Set = ["persistent", "waitsForAcknowledgement"]
        #expect(
            WrongValue.problems(with: wrong, in: .init(), of: "MemoryBroker", free: free) { _ = try MemoryBroker($0) }
                == [])
    }

    @Test func aSubscriberInMemoryIsRefusedWhereItIsConfigured() {
        let wrong: [WrongValue<MemorySubscriber.Configuration>] = [
            .init("capacity") { $0.capacity = 0 }, .init("maxInFlight") { $0.maxInFlight = 0 },
        ]
        let broker = MemoryBroker()
        #expect(
            WrongValue.problems(with: wrong, in: .init(), of: "MemorySubscriber") {
                _ = try broker.subscriber(configuration: $0)
            } == [])
    }

    @Test func aStoreOfHandledKeysRefusesWhatItCannotHave() {
        let wrong: [WrongValue<MemoryDeduplicationStore.Configuration>] = [
            .init("capacity") { $0.capacity = 0 }
        ]
        #expect(
            WrongValue.problems(with: wrong, in: .init(), of: "MemoryDeduplicationStore") {
                _ = try MemoryDeduplicationStore($0)
            } == [])
    }

    @Test func aRouterRefusesWhatItCannotHave() {
        let wrong: [WrongValue<Router.Configuration>] = [
            .init("shutdownTimeout") { $0.shutdownTimeout = .seconds(-1) },
            .init("redelivery.initial") { $0.redelivery.initial = .seconds(-1) },
            .init("redelivery.maximum") { $0.redelivery.maximum = .zero },
            .init("redelivery.multiplier") { $0.redelivery.multiplier = 0.5 },
            .init("redelivery.multiplier") { $0.redelivery.multiplier = .nan },
            .init("resubscription.maximum") { $0.resubscription.maximum = .zero },
            .init("destination.retryAfter.maximum") { $0.destination.retryAfter.maximum = .zero },
            .init("destination.retryAfter.jitter") { $0.destination.retryAfter.jitter = 1.1 },
            .init("destination.budget.ratio") { $0.destination.budget?.ratio = -0.1 },
            .init("destination.budget.ratio") { $0.destination.budget?.ratio = .infinity },
            .init("destination.budget.window") { $0.destination.budget?.window = .zero },
            .init("destination.budget.floor") { $0.destination.budget?.floor = 0 },
            .init("destination.budget.cost.failed") { $0.destination.budget?.cost.failed = 0 },
            .init("destination.budget.cost.throttled") { $0.destination.budget?.cost.throttled = 2 },
        ]
        #expect(
            WrongValue.problems(with: wrong, in: .init(), of: "Router") {
                try Router(configuration: $0, logger: .silent).add(
                    Route("r", from: MemoryBroker().subscriber(), "in") { _, _ in })
            } == [])
    }

    @Test func middlewaresRefuseWhatTheyCannotHave() {
        let broker = MemoryBroker()
        func add(_ middleware: any Middleware) throws {
            try Router(logger: .silent).add(
                Route("r", from: broker.subscriber(), "in", middlewares: [middleware]) { _, _ in })
        }
        let throttle: [WrongValue<Throttle>] = [
            .init("rate") { $0.rate = 0 }, .init("rate") { $0.rate = .infinity }, .init("burst") { $0.burst = 0 },
            .init("maximumKeys") { $0.maximumKeys = 0 },
            .init("slowdown.factor") { $0.slowdown = .init(factor: 1) },
            .init("slowdown.recovery") { $0.slowdown = .halve(recovery: .zero) },
        ]
        #expect(WrongValue.problems(with: throttle, in: Throttle(rate: 1), of: "Throttle", free: ["key"], add) == [])
        let retry: [WrongValue<Retry>] = [
            .init("maxAttempts") { $0.maxAttempts = 0 }, .init("maxElapsed") { $0.maxElapsed = .zero },
            .init("handBackAfter") { $0.handBackAfter = .seconds(-1) },
            .init("schedule") { $0.schedule = [] }, .init("schedule") { $0.schedule = [.seconds(1), .seconds(-1)] },
            .init("schedule") { $0.schedule = Array(repeating: .seconds(1), count: 101) },
            .init("backoff.initial") { $0.backoff.initial = .seconds(-1) },
            .init("throttledBackoff.maximum") { $0.throttledBackoff.maximum = .zero },
        ]
        #expect(
            WrongValue.problems(with: retry, in: Retry(), of: "Retry", free: ["exhaustion", "when", "onRetry"], add)
                == [])
        let timeout: [WrongValue<Timeout>] = [.init("deadline") { $0.deadline = .zero }]
        #expect(WrongValue.problems(with: timeout, in: Timeout(.seconds(1)), of: "Timeout", add) == [])
        let delay: [WrongValue<DelayOnError>] = [
            .init("backoff.initial") { $0.backoff = .constant(.zero) },
            .init("backoff.maximum") { $0.backoff.maximum = .zero },
            .init("backoff.multiplier") { $0.backoff.multiplier = .nan },
        ]
        #expect(WrongValue.problems(with: delay, in: DelayOnError(), of: "DelayOnError", free: ["when"], add) == [])
        let fail: [WrongValue<RandomFail>] = [
            .init("share") { $0.share = -0.1 }, .init("share") { $0.share = 1.1 }, .init("share") { $0.share = .nan },
        ]
        #expect(
            WrongValue.problems(
                with: fail, in: RandomFail(0.1), of: "RandomFail", free: ["moment", "disposition"], add)
                == [])
        let deduplicator: [WrongValue<Deduplicator>] = [
            .init("window") { $0.window = .zero }, .init("inProgressDelay") { $0.inProgressDelay = .seconds(-1) },
        ]
        #expect(
            WrongValue.problems(
                with: deduplicator, in: Deduplicator(MemoryDeduplicationStore()), of: "Deduplicator",
                free: ["store", "key", "scope", "gathers"], add) == [])
    }

    @Test func aBackendOfMetricsRefusesWhatItCannotHave() {
        let wrong: [WrongValue<PrometheusRegistry.Configuration>] = [
            .init("compressionLevel") { $0.compressionLevel = 0 },
            .init("compressionLevel") { $0.compressionLevel = 10 },
            .init("defaultBuckets") { $0.defaultBuckets = [] },
        ]
        #expect(
            WrongValue.problems(
                with: wrong, in: .init(), of: "PrometheusRegistry", free: ["onConflict", "cappedLabelsCounter"]
            ) {
                _ = try PrometheusBackend(configuration: $0)
            } == [])
    }

    @Test func whatIsRefusedSaysFieldRangeAndValue() {
        func text(_ body: (inout ConfigurationCheck) -> Void) -> String? {
            do throws(ConfigurationError) { try ConfigurationCheck.all(of: "Mine", body) } catch {
                return error.description
            }
            return nil
        }
        #expect(text { $0("a", 0, in: 1...9) } == "Mine.a: expected from 1 to 9, not 0")
        #expect(text { $0("a", 9, in: 1...9) } == nil)
        #expect(
            text { $0("b", Duration.milliseconds(1_500), in: .seconds(2) ... .seconds(7_200)) }
                == "Mine.b: expected from 2 s to 2 h, not 1500 ms")
        #expect(text { $0("c", Duration.zero, above: .zero) } == "Mine.c: expected more than 0, not 0")
        #expect(
            text { $0("d", Duration.seconds(-60), in: Duration.zero...) } == "Mine.d: expected at least 0, not -1 min")
        #expect(text { $0("e", Int?.none, in: 1...) } == nil)
    }

    /// What is wrong is told all at once, also what nested values refuse, and of each field once.
    @Test func everyFieldThatIsWrongIsNamed() {
        let error = #expect(throws: ConfigurationError.self) {
            try ConfigurationCheck.all(of: "Mine") { check in
                check("a", 0, in: 1...9)
                check("b", 1, in: 1...9)
                check("a", 0, above: 0)
                check.include { () throws(ConfigurationError) in
                    try Backoff.exponential(from: .seconds(-1), upTo: .seconds(-2), multiplier: 0).validate(
                        "Mine.backoff")
                }
                check("c", false, expected: "something")
            }
        }
        #expect(
            error?.problems.map(\.field)
                == ["Mine.a", "Mine.backoff.initial", "Mine.backoff.maximum", "Mine.backoff.multiplier", "Mine.c"])
        #expect(error?.field == "Mine.a" && error?.expected == "from 1 to 9" && error?.value == "0")
        #expect(error?.description.hasPrefix("Mine.a: expected from 1 to 9, not 0; Mine.backoff.initial: ") == true)
        #expect(ConfigurationError([]) == nil)
    }

    /// A route is built of many values: all of its middlewares are heard.
    @Test func aRouteTellsWhatIsWrongWithAllOfItsMiddlewares() {
        let router = Router(middlewares: [Retry(maxAttempts: 0, maxElapsed: .zero)], logger: .silent)
        let route = Route("r", from: Source(), "in", middlewares: [Throttle(rate: 0), Timeout(.zero)]) { _, _ in }
        let error = #expect(throws: ConfigurationError.self) { try router.add(route) }
        #expect(
            error?.problems.map(\.field)
                == ["Retry.maxAttempts", "Retry.maxElapsed", "Throttle.rate", "Timeout.deadline"])
    }

    @Test func aDestinationTellsWhatIsWrongWithAllOfItsParts() {
        let configuration = Destination.Configuration(
            retryAfter: .init(maximum: .zero), budget: RetryBudget(floor: 0), breaker: CircuitBreaker(probes: 0))
        let error = #expect(throws: ConfigurationError.self) { try Destination("", configuration) }
        #expect(
            error?.problems.map(\.field) == [
                "Destination.name", "Destination.retryAfter.maximum", "Destination.budget.floor",
                "Destination.breaker.probes",
            ])
    }
}
