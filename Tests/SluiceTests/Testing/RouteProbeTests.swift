import Logging
import Sluice
import SluiceTesting
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10)))
struct RouteProbeTests {
    private struct Busy: Error, CustomStringConvertible {
        var description: String { "busy" }
    }

    private let upper: Handler = { message, _ in [Message(text: (message.text ?? "").uppercased())] }

    @Test func saysWhatAHandlerReturnedAndWhereItWasPublished() async throws {
        let out = try await RouteProbe(upper, to: "shouts").send(Message(text: "hello"))
        #expect(out.outcome == .acked)
        #expect(out.produced.map(\.text) == ["HELLO"])
        #expect(out.published.map(\.message.text) == ["HELLO"] && out.published.map(\.topic) == ["shouts"])
        #expect(out.attempts.count == 1 && out.waits.isEmpty && out.error == nil && out.elapsed == .zero)
    }

    @Test func showsTheAttemptsAndTheWaitsBetweenThem() async throws {
        let retry = Retry(maxAttempts: 3, backoff: .constant(.milliseconds(200)))
        let out = try await RouteProbe(upper, through: [retry], answers: [.status(503), .status(503)])
            .send(Message(text: "hello"))
        #expect(out.outcome == .acked && out.published.count == 1)
        #expect(out.attempts.map(\.number) == [1, 2, 3])
        #expect(out.waits == [.milliseconds(200), .milliseconds(200)])
        #expect(out.time(in: .backoff) == .milliseconds(400) && out.elapsed == .milliseconds(400))
        #expect((out.attempts.first?.error as? FakeStatusError)?.status == 503)
        #expect(out.metrics.value("sluice_retries_total", ["reason": "http_503", "handler_name": "probe"]) == 2)
        #expect(out.metrics.observations("sluice_retry_backoff_seconds") == [0.2, 0.2])
        #expect(out.metrics.value("sluice_deliveries_total", ["outcome": "acked"]) == 1)
        #expect(out.metrics.value("nothing_total") == nil)
    }

    @Test func keepsTheTimeThatADestinationNames() async throws {
        let out = try await RouteProbe(upper, through: [Retry()], answers: [.throttled(after: .seconds(30))])
            .send(Message(text: "x"))
        #expect(out.outcome == .acked && out.waits == [.seconds(30)])
    }

    @Test func saysThatAMessageWasHandedBackWhereThatIsAskedFor() async throws {
        let probe = try RouteProbe(upper, through: [Retry()], answers: [.throttled(after: .seconds(30))])
        let out = try await probe.send(Message(text: "x"), followsHandBacks: false)
        #expect(out.outcome == .handedBack(after: .seconds(30)) && out.attempts.count == 1)
    }

    @Test func aHoldIsTheDestinationsAndHoldsTheNextMessageToo() async throws {
        let probe = try RouteProbe(upper, through: [Retry()], answers: [.hold("revoked", for: .seconds(60))])
        let out = try await probe.send(Message(text: "x"))
        #expect(out.outcome == .acked && out.waits == [.seconds(60)])
        #expect(out.log.contains { $0.level == .error && $0.message.contains("held") })
        #expect(probe.scope.destination.status.shut == nil)
    }

    @Test func saysHowAMessageWasRejectedAndDeliversItAgainWhereAsked() async throws {
        let script: AnswerScript = [.fail(Busy()), .fail(Busy())]
        let probe = try RouteProbe(consuming: { _, context in try await script.answer(in: context.route.time) })
        let first = try await probe.send(Message(text: "x"))
        #expect(first.outcome == .rejected(after: .milliseconds(100)))
        #expect(first.error is Busy && first.log.contains { $0.message == "message rejected" })
        script.change(to: [.fail(Busy()), .fail(Busy())])
        let second = try await probe.send(Message(text: "x"), redeliveries: 5)
        #expect(second.outcome == .acked && second.attempts.count == 3)
        #expect(second.waits == [.milliseconds(100), .milliseconds(200)])
    }

    @Test func aSourceThatBringsBackItselfIsToldTheDelay() async throws {
        let handler: Handler = { _, _ in
            throw HandlerError("later", reason: "later", disposition: .retry(after: .seconds(7)))
        }
        let out = try await RouteProbe(handler, redelivery: .source).send(Message(text: "x"))
        #expect(
            out.outcome == .rejected(after: .seconds(7)) && out.outcome.isRejected && out.outcome.delay == .seconds(7))
    }

    @Test func showsWhatAPoisonQueueMoved() async throws {
        let output = RecordingPublisher()
        let probe = try RouteProbe(
            { _, _ in throw HandlerError("no number", reason: "malformed", disposition: .poison("no number")) },
            through: [PoisonQueue(to: output, "poison"), Retry()], output: output)
        let out = try await probe.send(Message(text: "x"))
        #expect(out.outcome == .poisoned && out.error == nil && out.attempts.count == 1)
        #expect(out.published.map(\.topic) == ["poison"])
        #expect(out.published.first?.message.metadata[PoisonMetadata.reason] == "no number")
        #expect(out.metrics.value("sluice_poisoned_total", ["reason": "malformed"]) == 1)
    }

    @Test func tellsDiscardedAndDeduplicatedFromHandled() async throws {
        let discarding: Handler = { _, _ in throw HandlerError("old", reason: "old", disposition: .discard("old")) }
        #expect(try await RouteProbe(discarding).send(Message(text: "x")).outcome == .discarded)
        try await VirtualTime.run { [upper] time in
            let store = MemoryDeduplicationStore(time: time)
            let probe = try RouteProbe(upper, through: [Deduplicator(store)], time: time)
            let message = Message(text: "x")
            #expect(try await probe.send(message).outcome == .acked)
            let again = try await probe.send(message)
            #expect(again.outcome == .deduplicated && again.attempts.isEmpty && again.published.isEmpty)
        }
    }

    @Test func timeAndStateGoOnFromOneMessageToTheNext() async throws {
        let probe = try RouteProbe(upper, through: [Throttle(rate: 0.1)])
        #expect(try await probe.send(Message(text: "x")).time(in: .throttle) == .zero)
        #expect(try await probe.send(Message(text: "x")).time(in: .throttle) == .seconds(10))
        #expect(probe.time.now.offset == .seconds(10))
    }

    @Test func deadlinesOfLaterMessagesHoldToo() async throws {
        let slow: Handler = { _, context in
            try await context.sleep(for: .seconds(60))
            return []
        }
        let probe = try RouteProbe(slow, through: [Timeout(.seconds(10))])
        for _ in 0..<3 {
            let out = try await probe.send(Message(text: "x"))
            #expect(out.error is TimeoutError && out.attempts.first?.end == .seconds(10))
        }
    }

    @Test func aLateAnswerTakesItsTime() async throws {
        let out = try await RouteProbe(
            upper, through: [Retry(backoff: .constant(.zero)), Timeout(.seconds(5))],
            answers: [.succeed.delayed(by: .seconds(60)), .succeed.delayed(by: .seconds(1))]
        ).send(Message(text: "x"))
        #expect(out.outcome == .acked && out.elapsed == .seconds(6) && out.attempts.count == 2)
    }

    @Test func probesARouteAsAProgramHasIt() async throws {
        let broker = MemoryBroker()
        let route = Route(
            "shouting", from: broker.subscriber(group: "g"), "in", to: broker.publisher(), "shouts",
            middlewares: [CorrelationID()], handler: upper)
        let out = try await RouteProbe(route, through: [LogMessages()]).send(Message(id: "m7", text: "x"))
        #expect(out.published.first?.message.metadata == ["correlation_id": "m7"])
        #expect(out.published.first?.topic == "shouts")
        #expect(out.log.contains { $0.message == "message handled" && $0.metadata["handler_name"] == "shouting" })
    }

    @Test func lendsContextAndScopeToCallAHandlerDirectly() async throws {
        let probe = try RouteProbe(upper, through: [CorrelationID()], named: "mine")
        let message = Message(id: "m1", text: "x")
        let context = probe.context(message, origin: Delivery.Origin(attempt: 3, partition: 2))
        #expect(context.route.name == "mine" && context.origin.partition == 2 && context.message == message)
        #expect(try await upper(message, context).map(\.text) == ["X"])
        let wrapped = try CorrelationID().wrap({ [Message(text: $1.correlationID ?? "")] + [$0] }, for: probe.scope)
        #expect(try await wrapped(message, context).first?.text == "m1")
        let broken = try RouteProbe({ _, _ in throw Busy() })
        await #expect(throws: Busy.self) { try await broken.call(message) }
        #expect(try await probe.call(message).first?.metadata["correlation_id"] == "m1")
    }

    @Test func saysSoWhenAHandlerWaitsForTheWorldOutside() async throws {
        let handler: Handler = { _, _ in
            // Over before its task is put to sleep, it would not have waited at all.
            try await Task.sleep(for: .milliseconds(200))
            return []
        }
        await #expect(throws: VirtualTimeError.self) { try await RouteProbe(handler).send(Message(text: "x")) }
        #expect(try await RouteProbe(handler, time: .real).send(Message(text: "x")).outcome == .acked)
    }

    @Test func theReportReadsLikeAStory() async throws {
        let out = try await RouteProbe(
            upper, through: [Retry(backoff: .constant(.seconds(1)))], answers: [.status(500)]
        )
        .send(Message(text: "x"))
        #expect(
            out.description.split(separator: "\n").prefix(3) == [
                "acked after 1.0 seconds", "attempt 1 at 0.0 seconds: the fake destination answered 500",
                "attempt 2 at 1.0 seconds: succeeded",
            ])
    }

    @Test func waitsForRecords() async throws {
        try await VirtualTime.run { [upper] time in
            let broker = MemoryBroker(time: time)
            let output = RecordingPublisher()
            let router = Router(time: time)
            try router.add(Route("r", from: broker.subscriber(group: "g"), "in", to: output, "out", handler: upper))
            let running = time.task { try await router.run() }
            try await time.eventually { router.status.allSatisfy(\.isRunning) }
            let publisher = broker.publisher()
            for text in ["a", "b", "c"] { try await publisher.publish([Message(text: text)], to: "in") }
            #expect(try await output.waitForRecords(3, in: time).map(\.message.text) == ["A", "B", "C"])
            let error = await #expect(throws: NotInTime.self) {
                try await output.waitForRecords(4, in: time, within: .seconds(1))
            }
            #expect(error?.description.contains("of which 3 came") == true)
            router.drain()
            try await running.value
        }
    }

    /// What a handler counts by itself, and several probes, in one place.
    @Test func countsIntoTheRecorderThatItIsGiven() async throws {
        let metrics = MetricsRecorder()
        let own = metrics.instruments.counter("own_total", help: "Handled.")
        for name in ["a", "b"] {
            let probe = try RouteProbe(
                { _, _ in
                    own.increment()
                    return []
                }, named: name, metrics: metrics)
            #expect(probe.metrics === metrics)
            #expect(try await probe.send(Message(text: "x")).metrics.value("own_total") != nil)
        }
        let consuming = try RouteProbe(consuming: { _, _ in }, named: "c", metrics: metrics)
        _ = try await consuming.send(Message(text: "x"))
        let route = Route("d", from: MemoryBroker().subscriber(group: "g"), "in") { _, _ in }
        _ = try await RouteProbe(route, metrics: metrics).send(Message(text: "x"))
        let read = metrics.read()
        #expect(read.value("own_total") == 2)
        #expect(read.value("sluice_deliveries_total", ["outcome": "acked"]) == 4)
    }
}
