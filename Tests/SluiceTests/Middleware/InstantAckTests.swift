import Logging
import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

@Suite(.timeLimit(.minutes(10)))
struct InstantAckTests {
    private struct Lost: Error {}

    @Test func aMessageIsAcknowledgedBeforeItsHandlerIsCalled() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0)], time: time)
            let seen = Journal<Int>()
            let meters = Meters()
            let router = Router.quick([InstantAck()], meters: meters, time: time)
            try router.add(
                Route("r", from: source, "in") { _, context in
                    seen.add(source.acknowledgedCount)
                    try await context.sleep(for: .seconds(30))
                    seen.add(source.acknowledgedCount)
                })
            try await router.whileRunning { try await time.eventually { seen.count == 2 } }
            #expect(seen.entries == [1, 1])
            #expect(meters.value("sluice_deliveries_total", ["outcome": "acked"]) == 1)
            #expect(meters.value("sluice_unaccounted_messages") == 0)
        }
    }

    @Test func aFailureIsCountedAndLoggedAndComesNeverAgain() async throws {
        let calls = Mutex(0)
        let probe = try RouteProbe(
            { _, _ in
                calls.withLock { $0 += 1 }
                throw Lost()
            }, through: [InstantAck()])
        let out = try await probe.send(Message(text: "x"), redeliveries: 9)
        #expect(out.outcome == .discarded && calls.withLock(\.self) == 1)
        #expect(out.metrics.value("sluice_instant_ack_failures_total", ["reason": "Lost"]) == 1)
        #expect(out.metrics.value("sluice_deliveries_total", ["outcome": "discarded"]) == 1)
        #expect(out.log.contains { $0.level == .warning && $0.message.contains("acknowledged before") })
    }

    /// What is inside may try again and keep what fails, but the message is no more the source's.
    @Test func retryAndPoisonQueueInsideSaveIt() async throws {
        let output = RecordingPublisher()
        let busy: AnswerScript = [.fail(Lost()), .fail(Lost())]
        let retry = Retry(maxAttempts: 2, backoff: .constant(.seconds(60)))
        let probe = try RouteProbe(
            { message, context in
                try await busy.answer(in: context.route.time)
                return [message]
            }, through: [InstantAck(), PoisonQueue(to: output, "poison"), retry], output: output)
        // It keeps its worker, however long it waits.
        let out = try await probe.send(Message(text: "x"), followsHandBacks: false)
        #expect(out.outcome == .poisoned && out.waits == [.seconds(60)])
        #expect(output.messages(to: "poison").count == 1)
        #expect(out.metrics.value("sluice_instant_ack_failures_total") == 0)
    }

    /// The partition, lease or connection is gone while it is handled: no other process has the message.
    @Test func whatWasAcknowledgedIsHandledAlthoughItsSourceIsGone() async throws {
        final class Gone: Settler {
            let isGone = Atomic<Bool>(false)
            let settled = Atomic<Int>(0)
            func settle(_ tag: UInt64, _ settlement: Settlement) { settled.wrappingAdd(1, ordering: .relaxed) }
            func owns(_ tag: UInt64) -> Bool { !isGone.load(ordering: .relaxed) }
        }
        try await VirtualTime.run { time in
            let settler = Gone()
            let handled = Journal<Int>()
            let chain = try Chain([InstantAck(), Retry(backoff: .constant(.seconds(90)))], time: time) { _, context in
                settler.isGone.store(true, ordering: .relaxed)
                #expect(!context.isRevoked)
                if handled.add(1) == 1 { throw Lost() }
                return []
            }
            func delivery() -> Delivery { Delivery(.numbered(0), settler: settler, tag: 0, time: time) }
            let context = HandlerContext(route: chain.scope, delivery: delivery(), isKept: true)
            try await chain(.numbered(0), context)
            #expect(handled.count == 2 && settler.settled.load(ordering: .relaxed) == 1)
            // Once is at most, also when a middleware calls again.
            #expect(try await chain(.numbered(0), context).isEmpty && handled.count == 2)
            // One that was another process's before is not even acknowledged.
            await #expect(throws: RevokedError.self) {
                try await chain(.numbered(0), HandlerContext(route: chain.scope, delivery: delivery()))
            }
            #expect(handled.count == 2)
        }
    }

    @Test func aShutdownInTheMiddleIsCountedAsALoss() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0), .numbered(1)], time: time)
            let (meters, log, began) = (Meters(), LogRecorder(), Flag())
            var configuration = Router.Configuration.quick
            configuration.shutdownTimeout = .seconds(1)
            let router = Router(
                configuration: configuration, middlewares: [InstantAck()], instruments: meters.instruments,
                logger: log.logger, time: time)
            try router.add(
                Route("r", from: source, "in") { _, _ in
                    began.set()
                    try await time.sleep(for: .seconds(3_600))
                })
            try await router.whileRunning { try await time.eventually { began.value } }
            #expect(meters.value("sluice_instant_ack_failures_total", ["reason": "interrupted"]) == 1)
            #expect(meters.value("sluice_deliveries_total", ["outcome": "discarded"]) == 1)
            #expect(meters.value("sluice_unaccounted_messages") == 0)
            #expect(source.acknowledged == [0] && log.text.contains("it is lost"))
        }
    }
}
