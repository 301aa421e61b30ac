import SluicePrometheus
import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

/// For every route: received = acked + rejected + poisoned + discarded + deduplicated + in flight.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct ConservationTests {
    static let orderings: [Ordering] = [.serial, .perKey(lanes: 6, by: .metadata("key")), .unordered(limit: 6)]

    @Test(arguments: 0..<60) func nothingIsUnaccountedForWhateverHappens(seed: Int) async throws {
        try await VirtualTime.run(seed: UInt64(seed), order: .shuffled) { try await storm(seed, $0) }
    }

    /// The same where tasks really run beside each other.
    @Test(arguments: 0..<6) func nothingIsUnaccountedForOnManyThreads(seed: Int) async throws {
        try await storm(seed, .real)
    }

    private func storm(_ seed: Int, _ time: RouterTime) async throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let broker = try MemoryBroker(.init(persistent: true), time: time)
        let meters = Meters()
        // Numbers repeat, so that the deduplicator has something to do.
        let messages = (0..<300).map { Message.numbered($0 % 250, key: "\($0 % 7)") }
        try await broker.publisher().publish(messages, to: "t")
        let dice = Mutex(SeededGenerator(seed: UInt64(seed) &+ 1_000))
        let poison = FailingPublisher((0..<400).map { $0 % 3 == 0 ? .fail(Broken()) : .succeed })
        var retry = Retry(maxAttempts: 2)
        retry.backoff = .constant(.microseconds(200))
        var configuration = Router.Configuration.quick
        configuration.destination.budget = RetryBudget(ratio: 0.1, window: .milliseconds(10), floor: 500)
        configuration.shutdownTimeout = .milliseconds(Int.random(in: 0...10, using: &random))
        let router = Router.quick(
            [
                CorrelationID(), LogMessages(), PoisonQueue(to: poison, "poison"),
                Deduplicator(MemoryDeduplicationStore(time: time)),
                retry, Timeout(.milliseconds(5)), Throttle(rate: 100_000), HandlerMetrics(),
            ], meters: meters, configuration: configuration, time: time)
        let handled = Counter()
        for index in 0..<3 {
            try router.add(
                Route(
                    "r\(index)", from: broker.subscriber(group: "g\(index)"), "t", to: broker.publisher(), "out",
                    ordering: Self.orderings[(seed + index) % 3]
                ) { message, context in
                    handled.add()
                    switch dice.withLock({ Int.random(in: 0..<100, using: &$0) }) {
                    case 0..<10: throw Broken()
                    case 10..<13: throw HandlerError("bad", reason: "bad", disposition: .poison("bad"))
                    case 13..<16: throw HandlerError("dull", reason: "dull", disposition: .discard("dull"))
                    case 16..<18:
                        throw HandlerError("busy", reason: "busy", disposition: .retry(after: .microseconds(500)))
                    case 18..<20: throw CancellationError()
                    case 20..<24: try await context.sleep(for: .milliseconds(8))
                    case 24..<50: await Task.yield()
                    default: break
                    }
                    return [message]
                })
        }
        let reading = time.task {
            let gauges = (0..<3).map {
                meters.registry.gauge("sluice_unaccounted_messages", [("handler_name", "r\($0)")])
            }
            while !Task.isCancelled {
                meters.instruments.refresh()
                for gauge in gauges { #expect(gauge.value == 0) }
                try? await time.sleep(for: .microseconds(200))
            }
        }
        defer { reading.cancel() }
        let running = time.task { try await router.run() }
        let stopAfter = Int.random(in: 1..<250, using: &random)
        try await time.eventually { handled.value >= stopAfter }
        switch seed % 4 {
        case 0: router.drain()
        case 1: running.cancel()
        case 2:
            await router.stop("r1")
            router.drain()
        default:
            async let stopped: Void = router.stop("r0")
            router.drain()
            await stopped
        }
        try await running.value
        reading.cancel()
        _ = try? await reading.value
        let now = meters.exposition()
        for index in 0..<3 {
            let name = "r\(index)"
            func value(_ metric: String, _ labels: [String: String] = [:]) throws -> Double {
                try #require(now.value(metric, labels.merging(["handler_name": name]) { $1 }))
            }
            let outcomes = try DeliveryOutcome.allCases.map {
                try value("sluice_deliveries_total", ["outcome": $0.rawValue])
            }
            #expect(try value("sluice_messages_received_total") == outcomes.reduce(0, +))
            #expect(try value("sluice_deliveries_in_flight") == 0)
            #expect(try value("sluice_unaccounted_messages") == 0)
            // Each message that came in for the first time is settled or back in its group.
            let first = try value("sluice_messages_received_total") - value("sluice_redeliveries_total")
            #expect(first <= 300)
            let watermill = try value("subscriber_messages_received_total", ["acked": "acked"])
            #expect(watermill == outcomes.enumerated().filter { $0.offset != 1 }.reduce(0) { $0 + $1.element })
        }
    }

    @Test(arguments: orderings) func aQuietRunSettlesEachMessageOnce(ordering: Ordering) async throws {
        let source = Source((0..<1_000).map { .numbered($0, key: "\($0 % 7)") })
        let meters = Meters()
        let router = Router.quick(meters: meters)
        try router.add(Route("r", from: source, "in", ordering: ordering) { _, _ in })
        try await router.whileRunning { try await eventually { source.acknowledgedCount == 1_000 } }
        let now = meters.exposition()
        #expect(now.value("sluice_messages_received_total") == 1_000)
        #expect(now.value("sluice_deliveries_total", ["outcome": "acked"]) == 1_000)
        #expect(now.value("sluice_redeliveries_total") == 0)
        #expect(now.value("sluice_delivery_attempts_count", ["outcome": "acked"]) == 1_000)
    }

    @Test func countsARedeliveryThatTheRouteMadeItself() async throws {
        let source = Source([.numbered(0)])
        let calls = Counter()
        let meters = Meters()
        let router = Router.quick(meters: meters)
        try router.add(
            Route("r", from: source, "in") { _, _ in
                calls.add()
                if calls.value < 3 { throw Broken() }
            })
        try await router.whileRunning { try await eventually { source.acknowledgedCount == 1 } }
        let now = meters.exposition()
        #expect(now.value("sluice_messages_received_total") == 3)
        #expect(now.value("sluice_redeliveries_total") == 2)
        #expect(now.value("sluice_deliveries_total", ["outcome": "rejected"]) == 2)
        #expect(now.value("sluice_deliveries_total", ["outcome": "acked"]) == 1)
        #expect(now.value("sluice_delivery_attempts_sum", ["outcome": "acked"]) == 3)
    }

    @Test func aDeliveryThatLeavesUnsettledShows() {
        let ledger = FlowLedger()
        let source = Source()
        let delivery = Delivery(.numbered(0), settler: source, tag: 0)
        ledger.receive(2)
        #expect(ledger.read().inFlight == 2 && ledger.read().unaccounted == 0)
        ledger.leave(delivery, as: .acked)
        #expect(ledger.read().unaccounted == 1)
        delivery.acknowledge()
        ledger.leave(delivery, as: .acked)
        #expect(ledger.read().unaccounted == 1 && ledger.read().settled(.acked) == 1)
    }

    @Test func aRoutesLastFiguresAreNotLostWhenItIsStopped() async throws {
        let source = Source((0..<10).map { .numbered($0) })
        let meters = Meters()
        let router = Router.quick(meters: meters)
        try router.add(Route("r", from: source, "in") { _, _ in })
        try await router.whileRunning {
            try await eventually { source.acknowledgedCount == 10 }
            await router.stop("r")
            let again = Source([.numbered(1)])
            try router.add(Route("r", from: again, "in") { _, _ in })
            try await eventually { again.acknowledgedCount == 1 }
            await router.stop("r")
        }
        #expect(meters.value("sluice_messages_received_total") == 11)
        #expect(meters.value("sluice_deliveries_total", ["outcome": "acked"]) == 11)
    }

    @Test func aPassInheritsNoOutcomeFromTheOneBefore() async throws {
        let source = Source([.numbered(0)])
        let calls = Counter()
        let meters = Meters()
        let router = Router.quick([FailsOutside(calls)], meters: meters)
        try router.add(
            Route("r", from: source, "in") { _, context in
                if calls.value == 0 { context.settle(as: .deduplicated) }
            })
        try await router.whileRunning { try await eventually { source.acknowledgedCount == 1 } }
        #expect(meters.value("sluice_deliveries_total", ["outcome": "deduplicated"]) == 0)
        #expect(meters.value("sluice_deliveries_total", ["outcome": "acked"]) == 1)
    }

    /// Fails once, after everything inside has succeeded.
    private struct FailsOutside: Middleware {
        let calls: Counter
        init(_ calls: Counter) { self.calls = calls }

        func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
            let calls = calls
            return { message, context in
                let produced = try await next(message, context)
                calls.add()
                if calls.value == 1 { throw Broken() }
                return produced
            }
        }
    }
}
