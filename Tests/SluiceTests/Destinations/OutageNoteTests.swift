import Logging
import SluiceTesting
import Testing

@testable import Sluice

/// A destination that fails for long says so by itself, whatever its answers ask for.
@Suite(.timeLimit(.minutes(10)))
struct OutageNoteTests {
    private struct Answers: Error, DispositionError, CustomStringConvertible {
        let disposition: Disposition
        var reason: String { "http_500" }
        var description: String { "it answers 500" }
    }

    /// One message after the other, or each key's on its own: as long as none gets through, it is an outage.
    @Test(arguments: [Ordering.serial, .perKey(lanes: 4, by: .metadata("key"))])
    func aDestinationThatHasFailedForAMinuteIsNotedUntilTheNextSuccess(ordering: Ordering) async throws {
        try await VirtualTime.run { time in
            let destination = try Destination("grafana", time: time)
            let source = Source((0..<3).map { .numbered($0, key: "\($0)") }, time: time)
            let isUp = Switch()
            let router = Router(middlewares: [Retry()], logger: .silent, time: time)
            try router.add(
                Route("r", from: source, "in", ordering: ordering, destination: destination) { _, _ in
                    guard isUp.isOn else { throw Answers(disposition: .retry()) }
                })
            try await router.whileRunning {
                try await time.sleep(for: .seconds(50))
                #expect(destination.status.note?.contains("has failed") != true)
                #expect(destination.status.failingSince != nil)
                try await time.eventually(within: .seconds(60)) {
                    destination.status.note?.hasPrefix("has failed for 1 min (http_500)") == true
                }
                try await time.sleep(for: .seconds(7_200))
                let status = destination.status
                let waiting = ordering.concurrency == 1 ? "1 message waits" : "3 messages wait"
                #expect(
                    status.note?.hasPrefix("has failed for 2 h (http_500)") == true
                        && status.note?.hasSuffix("; \(waiting)") == true, "\(status.note ?? "")")
                isUp.turnOn()
                try await time.eventually(within: .seconds(600)) { source.acknowledgedCount == 3 }
                #expect(destination.status.note == nil && destination.status.failingSince == nil)
            }
        }
    }

    /// One that asks to slow down, or refuses everything, does not work either.
    @Test(arguments: [Disposition.throttled(), .throttled(after: .seconds(20)), .retry(after: .seconds(20))])
    func whatAsksToWaitIsPartOfTheOutage(disposition: Disposition) async throws {
        try await VirtualTime.run { time in
            let destination = try Destination("slack", time: time)
            let source = Source([.numbered(0)], time: time)
            let router = Router(middlewares: [Retry()], logger: .silent, time: time)
            try router.add(
                Route("r", from: source, "in", destination: destination) { _, _ in
                    throw Answers(disposition: disposition)
                })
            try await router.whileRunning {
                try await time.sleep(for: .seconds(200))
                #expect(destination.status.note?.contains("has failed for 3 min") == true)
            }
        }
    }

    /// A first attempt of another message that succeeds writes nothing of the destination's, and ends it all the same.
    @Test func anySuccessEndsItAlsoOfAnotherMessageOrRoute() async throws {
        try await VirtualTime.run { time in
            let destination = try Destination("grafana", time: time)
            let failing = Source([.numbered(0)], time: time)
            let working = Source(time: time)
            let router = Router(middlewares: [Retry()], logger: .silent, time: time)
            try router.add(
                Route("a", from: failing, "in", destination: destination) { _, _ in
                    throw Answers(disposition: .retry())
                })
            try router.add(Route("b", from: working, "in", destination: destination) { _, _ in })
            try await router.whileRunning {
                try await time.sleep(for: .seconds(200))
                #expect(destination.status.note?.hasPrefix("has failed for 3 min") == true)
                working.offer([.numbered(1)])
                try await time.eventually { working.acknowledgedCount == 1 }
                #expect(destination.status.failingSince == nil && destination.status.note == nil)
                // And begins anew with the next failure.
                try await time.eventually(within: .seconds(600)) {
                    destination.status.note?.hasPrefix("has failed for 1 min") == true
                }
            }
        }
    }

    /// What is refused for its own sake was read and understood.
    @Test func aMessageThatIsRefusedForItsOwnSakeIsNoOutage() async throws {
        try await VirtualTime.run { time in
            let destination = try Destination("grafana", time: time)
            let source = Source((0..<2).map { .numbered($0, key: "\($0)") }, time: time)
            let router = Router(middlewares: [Retry()], logger: .silent, time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .serial, destination: destination) { message, context in
                    guard time.now.offset > .seconds(100) else { throw Answers(disposition: .retry()) }
                    throw Answers(disposition: message.number == 0 ? .discard("not for it") : .retry())
                })
            try await router.whileRunning {
                try await time.sleep(for: .seconds(90))
                #expect(destination.status.note?.hasPrefix("has failed for 1 min") == true)
                try await time.eventually(within: .seconds(100)) { source.acknowledgedCount == 1 }
                try await time.sleep(for: .seconds(5))
                #expect(destination.status.note?.contains("has failed") != true)
            }
        }
    }

    /// A webhook that found the queue away, and none after it: not an outage of today.
    @Test func oneFailureThatNothingFollowsIsNoOutage() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0)], redelivery: .source, time: time)
            let router = Router(logger: .silent, time: time)
            try router.add(Route("r", from: source, "in") { _, _ in throw Answers(disposition: .retry()) })
            try await router.whileRunning {
                try await time.eventually { source.rejectedCount == 1 }
                try await time.sleep(for: .seconds(120))
                #expect(router.destinations[0].status.note == nil)
                // Two with minutes between them are.
                source.offer([.numbered(1)])
                try await time.eventually { source.rejectedCount == 2 }
                #expect(router.destinations[0].status.note == "has failed for 2 min (http_500); 0 messages wait")
                try await time.sleep(for: .seconds(700))
                #expect(router.destinations[0].status.note == nil)
            }
        }
    }
}
