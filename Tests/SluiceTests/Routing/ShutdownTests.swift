import Sluice
import SluicePrometheus
import SluiceTesting
import Testing

/// What a drain does to messages that wait or are being handled.
@Suite(.timeLimit(.minutes(10)))
struct ShutdownTests {
    /// Drains while the message waits for ten minutes somewhere, and expects it back at once.
    private func drainWakes(
        _ middlewares: [any Middleware], ordering: Ordering = .serial, error: any Error = Broken(),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await VirtualTime.run { time in
            let meters = Meters()
            let source = Source((0..<4).map { .numbered($0, key: "a") }, time: time)
            var configuration = Router.Configuration.quick
            configuration.redelivery = .constant(.seconds(600))
            configuration.shutdownTimeout = .seconds(600)
            let router = Router.quick(middlewares, meters: meters, configuration: configuration, time: time)
            let calls = Counter()
            try router.add(
                Route("r", from: source, "in", ordering: ordering) { _, _ in
                    calls.add()
                    throw error
                })
            try await router.whileRunning {
                // It sleeps by then: this looks when nothing can run.
                try await time.eventually { calls.value == 1 }
            }
            #expect(time.now.offset == .zero, sourceLocation: sourceLocation)
            #expect(source.rejectedCount == 4, sourceLocation: sourceLocation)
            #expect(meters.value("sluice_unaccounted_messages") == 0, sourceLocation: sourceLocation)
            #expect(meters.value("sluice_deliveries_in_flight") == 0, sourceLocation: sourceLocation)
        }
    }

    @Test func wakesTheWaitsOfRetry() async throws {
        var retry = Retry()
        retry.backoff = .constant(.seconds(60))
        try await drainWakes([retry])
        try await drainWakes(
            [Retry()], error: HandlerError("wait", reason: "429", disposition: .retry(after: .seconds(100))))
        try await drainWakes(
            [Retry()],
            error: HandlerError("revoked", reason: "revoked", disposition: .hold("revoked", for: .seconds(600))))
    }

    @Test func wakesTheWaitForARedelivery() async throws {
        try await drainWakes([])
        try await drainWakes([], ordering: .perKey(lanes: 4, by: .metadata("key")))
    }

    @Test func wakesTheWaitsOfThrottle() async throws {
        try await VirtualTime.run { time in
            let source = Source((0..<20).map { .numbered($0) }, time: time)
            let router = Router.quick([Throttle(rate: 0.001)], time: time)
            let calls = Counter()
            try router.add(Route("r", from: source, "in", ordering: .unordered(limit: 8)) { _, _ in calls.add() })
            try await router.whileRunning { try await time.eventually { calls.value == 1 } }
            #expect(calls.value == 1)
            #expect(source.acknowledgedCount == 1 && source.rejectedCount == 19)
            #expect(source.rejections.values.allSatisfy { $0.error == nil })
        }
    }

    @Test(arguments: [Ordering.serial, .perKey(lanes: 4, by: .metadata("key")), .unordered(limit: 4)])
    func cancelsHandlersAtTheDeadlineAndGivesTheirMessagesBack(ordering: Ordering) async throws {
        try await VirtualTime.run { time in
            let source = Source((0..<12).map { .numbered($0, key: "\($0)") }, time: time)
            let gate = Gate()
            var configuration = Router.Configuration.quick
            configuration.shutdownTimeout = .milliseconds(50)
            let meters = Meters()
            let poison = RecordingPublisher()
            let router = Router.quick(
                [PoisonQueue(to: poison, "poison", filter: .custom { _ in true }), HandlerMetrics()], meters: meters,
                configuration: configuration, time: time)
            try router.add(Route("r", from: source, "in", ordering: ordering) { _, _ in try await gate.wait() })
            try await router.whileRunning {
                try await time.eventually { gate.waiting == ordering.concurrency }
            }
            #expect(gate.waiting == 0)
            #expect(source.acknowledged.isEmpty)
            #expect(source.rejectedCount == 12)
            // Handed back, not failed.
            #expect(source.rejections.values.allSatisfy { $0.error == nil && $0.delay == nil })
            #expect(poison.records.isEmpty)
            let now = meters.exposition()
            #expect(now.value("handler_execution_time_seconds_count", ["success": "false"]) == 0)
            #expect(now.value("sluice_handler_attempt_duration_seconds_count", ["result": "failure"]) == 0)
            #expect(
                now.value("sluice_deliveries_total", ["outcome": "rejected"])
                    == now.value("sluice_messages_received_total")
            )
            #expect(now.value("sluice_deliveries_total", ["outcome": "poisoned"]) == 0)
            #expect(now.value("sluice_unaccounted_messages") == 0)
        }
    }

    @Test func countsNoFailedPublishForAnInterruptedOne() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0)], time: time)
            let gate = Gate()
            var configuration = Router.Configuration.quick
            configuration.shutdownTimeout = .milliseconds(20)
            let meters = Meters()
            let router = Router.quick(meters: meters, configuration: configuration, time: time)
            let sink = FailingPublisher([], then: .wait(for: gate))
            try router.add(Route("r", from: source, "in", to: sink, "out") { message, _ in [message] })
            try await router.whileRunning { try await time.eventually { gate.waiting == 1 } }
            #expect(meters.value("publish_time_seconds_count", ["success": "false"]) == 0)
            #expect(source.rejectedCount == 1)
        }
    }

    @Test func letsMessagesInHandFinishWithinTheDeadline() async throws {
        try await VirtualTime.run { time in
            let source = Source((0..<3).map { .numbered($0) }, time: time)
            let gate = Gate()
            let router = Router.quick(time: time)
            try router.add(Route("r", from: source, "in") { _, _ in try await gate.wait() })
            try await router.whileRunning {
                try await time.eventually { gate.waiting == 1 }
                router.drain()
                try await time.eventually { source.subscription.isEnded }
                gate.open()
            }
            #expect(source.acknowledged == [0])
            #expect(source.rejectedCount == 2)
        }
    }

    @Test(arguments: [Ordering.serial, .perKey(lanes: 4, by: .metadata("key")), .unordered(limit: 4)])
    func deliversWhatWasInterruptedToTheNextRun(ordering: Ordering) async throws {
        try await VirtualTime.run { time in
            let broker = try MemoryBroker(.init(persistent: true), time: time)
            try await broker.publisher().publish((0..<40).map { .numbered($0, key: "\($0 % 5)") }, to: "t")
            let handled = Journal<Int>()
            for isFirst in [true, false] {
                let gate = Gate(open: !isFirst)
                var configuration = Router.Configuration.quick
                configuration.shutdownTimeout = .milliseconds(10)
                let router = Router.quick([Retry(), Timeout()], configuration: configuration, time: time)
                try router.add(
                    Route("r", from: broker.subscriber(group: "g"), "t", ordering: ordering) { message, _ in
                        if message.number > 7 { try await gate.wait() }
                        handled.add(message.number)
                    })
                try await router.whileRunning {
                    if isFirst {
                        try await time.eventually { gate.waiting > 0 }
                    } else {
                        try await time.eventually { handled.count == 40 }
                    }
                }
            }
            #expect(handled.entries.sorted() == Array(0..<40))
        }
    }
}
