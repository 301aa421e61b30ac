import CoreMetrics
import Logging
import ServiceLifecycle
import Sluice
import SluiceTesting
import Testing

@Suite(.timeLimit(.minutes(10)))
struct RouterTests {
    @Test func publishesInOrderWhatTheHandlersReturn() async throws {
        let source = Source((0..<500).map { .numbered($0) })
        let output = RecordingPublisher()
        let router = Router.quick()
        try router.add(
            Route("r", from: source, "in", to: output, "out") { message, _ in
                [message, .numbered(message.number + 1_000)]
            })
        try await router.whileRunning {
            try await eventually { source.acknowledgedCount == 500 }
        }
        #expect(output.messages(to: "out").map(\.number) == (0..<500).flatMap { [$0, $0 + 1_000] })
        #expect(source.rejections.isEmpty)
    }

    @Test func startsARouteThatIsAddedWhileItRuns() async throws {
        let router = Router.quick()
        let (first, second) = (Source([.numbered(1)]), Source([.numbered(2)]))
        try router.add(Route("first", from: first, "in") { _, _ in })
        try await router.whileRunning {
            try await eventually { first.acknowledgedCount == 1 }
            try router.add(Route("second", from: second, "in") { _, _ in })
            try await eventually { second.acknowledgedCount == 1 }
            #expect(router.status.map(\.name) == ["first", "second"])
            #expect(router.status.allSatisfy { $0.isRunning && $0.note == nil })
        }
        #expect(router.status.map(\.note) == ["stopped", "stopped"])
        #expect(throws: ClosedError.self) { try router.add(Route("third", from: Source(), "in") { _, _ in }) }
    }

    @Test func stopsOneRouteAndLeavesASharedPublisherOpen() async throws {
        let output = RecordingPublisher()
        let own = RecordingPublisher()
        let (first, second, third) = (Source([.numbered(1)]), Source(), Source())
        let router = Router.quick()
        let pass: Handler = { message, _ in [message] }
        try router.add(Route("first", from: first, "in", to: output, "out", handler: pass))
        try router.add(Route("second", from: second, "in", to: output, "out", handler: pass))
        try router.add(Route("third", from: third, "in", to: own, "out", handler: pass))
        try await router.whileRunning {
            try await eventually { first.acknowledgedCount == 1 }
            await router.stop("first")
            await router.stop("third")
            await router.stop("unknown")
            #expect(!output.isClosed)
            #expect(first.subscription.isEnded)
            #expect(router.status.map(\.name) == ["second"])
            second.offer([.numbered(2)])
            try await eventually { second.acknowledgedCount == 1 }
            // Its name is free again.
            let again = Source([.numbered(3)])
            try router.add(Route("first", from: again, "in", to: output, "out", handler: pass))
            try await eventually { again.acknowledgedCount == 1 }
        }
        #expect(output.messages(to: "out").map(\.number) == [1, 2, 3])
        #expect(output.isClosed)
        // The publisher of a stopped route is closed with the others.
        #expect(own.isClosed)
    }

    @Test func closesEachPublisherOnceAndAfterEveryRoute() async throws {
        let output = CountingPublisher()
        let gate = Gate()
        let router = Router.quick()
        let sources = (0..<3).map { Source([.numbered($0)]) }
        for (index, source) in sources.enumerated() {
            try router.add(
                Route("\(index)", from: source, "in", to: output, "out") { message, _ in
                    if index == 2 { try await gate.wait() }
                    return [message]
                })
        }
        try await router.whileRunning {
            try await eventually { gate.waiting == 1 && output.published.value == 2 }
            router.drain()
            try await eventually { router.status.filter { $0.note == "stopped" }.count == 2 }
            #expect(output.closed.value == 0)
            gate.open()
        }
        #expect(output.published.value == 3)
        #expect(output.closed.value == 1)
        #expect(sources[2].acknowledged == [0])
    }

    @Test func refusesANameThatIsTakenAndTouchesNothing() async throws {
        let meters = Meters()
        let router = Router.quick(meters: meters)
        try router.add(Route("r", from: Source(), "in", ordering: .unordered(limit: 7)) { _, _ in })
        let error = #expect(throws: ConfigurationError.self) {
            try router.add(
                Route("r", from: Source(), "in", ordering: .unordered(limit: 9), middlewares: [Throttle(rate: 5)]) {
                    _, _ in
                })
        }
        #expect(error?.field == "Route.name")
        #expect(meters.value("sluice_deliveries_in_flight_limit", ["handler_name": "r"]) == 7)
        #expect(meters.value("sluice_throttle_permits_per_second") == nil)
        #expect(router.status.count == 1)
    }

    @Test func namesTheOptionThatIsWrong() {
        func field(
            _ middlewares: [any Middleware] = [], ordering: Ordering? = nil,
            configuration: Router.Configuration = .quick
        ) -> String? {
            let router = Router.quick(configuration: configuration)
            do {
                try router.add(
                    Route("r", from: Source(), "in", ordering: ordering, middlewares: middlewares) { _, _ in })
                return nil
            } catch {
                #expect(router.status.isEmpty)
                return (error as? ConfigurationError)?.field
            }
        }
        #expect(field([Retry(), Throttle(rate: 1), Timeout(), CorrelationID()]) == nil)
        #expect(field(ordering: .perKey(lanes: 0)) == "Route.ordering")
        #expect(field(ordering: .unordered(limit: -1)) == "Route.ordering")
        #expect(field([Retry(maxAttempts: 0)]) == "Retry.maxAttempts")
        var retry = Retry()
        retry.maxElapsed = .zero
        #expect(field([retry]) == "Retry.maxElapsed")
        retry = Retry()
        retry.backoff.multiplier = 0
        #expect(field([retry]) == "Retry.backoff.multiplier")
        retry = Retry()
        retry.throttledBackoff.multiplier = 0
        #expect(field([retry]) == "Retry.throttledBackoff.multiplier")
        retry = Retry()
        retry.handBackAfter = .seconds(-1)
        #expect(field([retry]) == "Retry.handBackAfter")
        #expect(field([Throttle(rate: 0)]) == "Throttle.rate")
        #expect(field([Throttle(rate: .infinity)]) == "Throttle.rate")
        #expect(field([Throttle(rate: 1, burst: 0)]) == "Throttle.burst")
        #expect(field([Throttle(rate: 1, maximumKeys: 0)]) == "Throttle.maximumKeys")
        #expect(field([Timeout(.zero)]) == "Timeout.deadline")
        var correlation = CorrelationID()
        correlation.name = ""
        #expect(field([correlation]) == "CorrelationID.name")
        var configuration = Router.Configuration.quick
        configuration.redelivery.multiplier = 0
        #expect(field(configuration: configuration) == "Router.redelivery.multiplier")
        func destination(_ change: (inout Destination.Configuration) -> Void) -> String? {
            var configuration = Router.Configuration.quick
            configuration.destination = Destination.Configuration()
            change(&configuration.destination)
            return field(configuration: configuration)
        }
        #expect(destination { $0.retryAfter.maximum = .zero } == "Router.destination.retryAfter.maximum")
        #expect(destination { $0.retryAfter.jitter = 1.5 } == "Router.destination.retryAfter.jitter")
        #expect(destination { $0.budget?.ratio = .nan } == "Router.destination.budget.ratio")
        #expect(destination { $0.budget?.window = .zero } == "Router.destination.budget.window")
        #expect(destination { $0.budget?.floor = 0 } == "Router.destination.budget.floor")
        #expect(destination { $0.budget?.cost.failed = 0 } == "Router.destination.budget.cost.failed")
        #expect(destination { $0.budget?.cost.throttled = 2 } == "Router.destination.budget.cost.throttled")
        #expect(destination { $0.budget = nil } == nil)
        configuration = .quick
        configuration.resubscription.initial = .seconds(-1)
        #expect(field(configuration: configuration) == "Router.resubscription.initial")
    }

    @Test func subscribesAgainUntilItSucceedsAndSaysWhyItWaits() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(1)], time: time)
            let gate = Gate()
            let subscriber = FlakySubscriber(time) { call in
                if call == 3 { try await gate.wait() }
                if call <= 3 { throw Broken() }
                return source.subscription
            }
            let router = Router.quick(time: time)
            try router.add(Route("r", from: subscriber, "in") { _, _ in })
            #expect(router.status[0].note == "connecting")
            try await router.whileRunning {
                try await time.eventually { gate.waiting == 1 }
                #expect(router.status[0].note == "broken")
                #expect(!router.status[0].isRunning)
                gate.open()
                try await time.eventually { source.acknowledgedCount == 1 }
                #expect(router.status[0].isRunning && router.status[0].note == nil)
            }
            #expect(subscriber.attempts == 4)
        }
    }

    @Test(arguments: [Ordering.serial, .perKey(lanes: 4), .unordered(limit: 4)])
    func subscribesAgainWhenASubscriptionBreaks(ordering: Ordering) async throws {
        try await VirtualTime.run { time in
            let sources = [Source([.numbered(1)], time: time), Source([.numbered(2)], time: time)]
            let subscriber = FlakySubscriber(time) { sources[min($0, 2) - 1].subscription }
            let router = Router.quick(time: time)
            try router.add(Route("r", from: subscriber, "in", ordering: ordering) { _, _ in })
            try await router.whileRunning {
                try await time.eventually { sources[0].acknowledgedCount == 1 }
                sources[0].subscription.finish(throwing: Broken())
                try await time.eventually { sources[1].acknowledgedCount == 1 }
            }
        }
    }

    @Test func givesParkedMessagesBackAtOnceWhenASubscriptionBreaks() async throws {
        try await VirtualTime.run { time in
            let sources = [Source([.numbered(1, key: "a"), .numbered(2, key: "a")], time: time), Source(time: time)]
            let subscriber = FlakySubscriber(time) { sources[min($0, 2) - 1].subscription }
            var configuration = Router.Configuration.quick
            configuration.redelivery = .constant(.seconds(600))
            let router = Router.quick(configuration: configuration, time: time)
            let seen = Counter()
            try router.add(
                Route("r", from: subscriber, "in", ordering: .perKey(by: .metadata("key"))) { _, _ in
                    seen.add()
                    throw Broken()
                })
            try await router.whileRunning {
                try await time.eventually { seen.value == 1 }
                sources[0].subscription.finish(throwing: Broken())
                try await time.eventually { sources[0].rejectedCount == 2 }
                try await time.eventually { subscriber.attempts == 2 && router.status[0].isRunning }
            }
        }
    }

    @Test func waitsLongerWhileSubscriptionsBreakAsSoonAsTheyAreMade() async throws {
        try await VirtualTime.run { time in
            let subscriber = FlakySubscriber(time) { _ in
                let subscription = Subscription()
                subscription.finish(throwing: Broken())
                return subscription
            }
            var configuration = Router.Configuration.quick
            configuration.resubscription = .exponential(
                from: .milliseconds(1), upTo: .seconds(60), multiplier: 1_000, jitter: false)
            let router = Router.quick(configuration: configuration, time: time)
            try router.add(Route("r", from: subscriber, "in") { _, _ in })
            try await router.whileRunning {
                try await time.eventually { subscriber.attempts == 2 }
                #expect(time.now.offset == .milliseconds(1))
                try await time.eventually { subscriber.attempts == 3 }
                #expect(time.now.offset == .milliseconds(1_001))
                try await time.eventually { subscriber.attempts == 4 }
                #expect(time.now.offset == .milliseconds(61_001))
            }
        }
    }

    /// Two kinds of failures that take turns are two lines, and that it is over is one.
    @Test func tellsOnceWhyItCannotSubscribeAndOnceThatItCan() async throws {
        struct Other: Error {}
        let subscriber = FlakySubscriber { attempt in
            guard attempt > 8 else { throw attempt % 2 == 0 ? Broken() : Other() as any Error }
            return Subscription()
        }
        let log = LogRecorder()
        let router = Router(
            configuration: .quick, instruments: Instruments(factory: NOOPMetricsHandler.instance), logger: log.logger)
        try router.add(Route("r", from: subscriber, "in") { _, _ in })
        try await router.whileRunning {
            try await eventually { log.lines.contains { $0.hasPrefix("notice subscribed again") } }
        }
        #expect(log.lines.count { $0.hasPrefix("error subscription failed") } == 2, "\(log.lines)")
        #expect(log.lines.count { $0.contains("subscribed again") } == 1)
    }

    @Test func endsWithADrainWhileItIsStillSubscribing() async throws {
        let gate = Gate()
        let subscriber = FlakySubscriber { _ in
            try await gate.wait()
            return Subscription()
        }
        let router = Router.quick()
        try router.add(Route("r", from: subscriber, "in") { _, _ in })
        try await router.whileRunning { try await eventually { gate.waiting == 1 } }
        #expect(gate.waiting == 0)
    }

    @Test func endsARouteWhoseSourceHasEnded() async throws {
        let source = Source((0..<10).map { .numbered($0) })
        source.subscription.finish()
        let router = Router.quick()
        try router.add(Route("r", from: source, "in", ordering: .perKey(lanes: 3)) { _, _ in })
        try await router.whileRunning {
            try await eventually { router.status[0].note == "stopped" }
            #expect(source.acknowledgedCount == 10)
            await router.stop("r")
        }
    }

    @Test func drainsBeforeItRuns() async throws {
        let output = RecordingPublisher()
        let source = Source([.numbered(1)])
        let router = Router.quick()
        try router.add(Route("r", from: source, "in", to: output, "out") { message, _ in [message] })
        router.drain()
        try await router.run()
        #expect(output.isClosed && output.records.isEmpty)
        #expect(source.acknowledged.isEmpty)
        // It never ran; no call waits for its end.
        await router.stop("r")
        #expect(router.status.isEmpty)
    }

    @Test func stopsARouteBeforeTheRouterRuns() async throws {
        let (first, second) = (Source([.numbered(1)]), Source([.numbered(2)]))
        let router = Router.quick()
        try router.add(Route("first", from: first, "in") { _, _ in })
        try router.add(Route("second", from: second, "in") { _, _ in })
        await router.stop("first")
        try await router.whileRunning { try await eventually { second.acknowledgedCount == 1 } }
        #expect(first.acknowledged.isEmpty)
    }

    @Test func runsOnlyOnce() async throws {
        let router = Router.quick()
        let source = Source([.numbered(1)])
        try router.add(Route("r", from: source, "in") { _, _ in })
        try await router.whileRunning {
            try await eventually { source.acknowledgedCount == 1 }
            let error = await #expect(throws: ConfigurationError.self) { try await router.run() }
            #expect(error?.field == "Router.run")
        }
        await #expect(throws: ConfigurationError.self) { try await router.run() }
    }

    @Test func drainsAtAGracefulShutdown() async throws {
        let source = Source([.numbered(1)])
        let gate = Gate()
        let router = Router.quick()
        try router.add(Route("r", from: source, "in") { _, _ in try await gate.wait() })
        let trigger = Trigger()
        let group = ServiceGroup(services: [router, trigger], logger: .silent)
        async let running: Void = group.run()
        try await eventually { gate.waiting == 1 }
        await group.triggerGracefulShutdown()
        try await eventually { router.status[0].note == "draining" }
        gate.open()
        try await running
        #expect(source.acknowledged == [0])
    }

    @Test func endsWhenItsTaskIsCancelledAndGivesMessagesBack() async throws {
        let source = Source((0..<5).map { .numbered($0) })
        let gate = Gate()
        let output = RecordingPublisher()
        let router = Router.quick()
        try router.add(
            Route("r", from: source, "in", to: output, "out") { message, _ in
                try await gate.wait()
                return [message]
            })
        let running = Task { try await router.run() }
        try await eventually { gate.waiting == 1 }
        running.cancel()
        try await running.value
        #expect(source.rejectedCount == 5)
        #expect(output.isClosed)
    }
}

private struct Trigger: Service {
    func run() async throws { try await gracefulShutdown() }
}

/// Counts what is done to it.
private final class CountingPublisher: Publisher {
    let name = "counting"
    let published = Counter()
    let closed = Counter()

    func publish(_ messages: [Message], to topic: Topic) async throws {
        guard closed.value == 0 else { throw ClosedError("publisher") }
        published.add()
    }

    func close() async { closed.add() }
}
