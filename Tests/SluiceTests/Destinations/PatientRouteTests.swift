import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

/// A route that gives way and an ordinary one at one destination: where both wait, the ordinary one goes first.
@Suite(.timeLimit(.minutes(5)))
struct PatientRouteTests {
    @Test(arguments: 0..<20 as Range<UInt64>)
    func theThrottlesNextPermitIsTheLiveOnes(seed: UInt64) async throws {
        try await VirtualTime.run(seed: seed, order: .shuffled) { time in
            let scene = try StandingScene(.liveBeforePatient, .init(budget: nil, throttle: Throttle(rate: 1)), time)
            try await scene.router.whileRunning {
                scene.behind.offer((0..<6).map { .numbered($0) })
                try await time.eventually { scene.attempts.count == 1 }
                // The second waits for its permit already.
                try await time.sleep(for: .milliseconds(500))
                scene.ahead.offer((0..<3).map { .numbered($0) })
                try await time.eventually(within: .seconds(60)) { scene.attempts.count == 9 }
            }
            #expect(
                scene.order == ["patient"] + Array(repeating: "live", count: 3) + Array(repeating: "patient", count: 5))
        }
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func theNextSlotIsTheLiveOnes(seed: UInt64) async throws {
        try await VirtualTime.run(seed: seed, order: .shuffled) { time in
            let other = Source([.numbered(0)], time: time)
            let scene = try StandingScene(.liveBeforePatient, .init(budget: nil, concurrency: .fixed(1)), time) { _ in
                try await time.sleep(for: .seconds(1))
            }
            // A third route has the only slot.
            try scene.router.add(
                Route("other", from: other, "in", ordering: .serial, destination: scene.destination) { _, _ in
                    try await time.sleep(for: .seconds(5))
                })
            try await scene.router.whileRunning {
                try await time.sleep(for: .seconds(1))
                scene.behind.offer((0..<3).map { .numbered($0) })
                try await time.sleep(for: .seconds(1))
                scene.ahead.offer((0..<2).map { .numbered($0) })
                try await time.eventually(within: .seconds(60)) { scene.attempts.count == 5 }
            }
            #expect(scene.order.first == "live")
        }
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func theLiveOnesGoFirstWhenTheGateOpens(seed: UInt64) async throws {
        try await VirtualTime.run(seed: seed, order: .shuffled) { time in
            let scene = try StandingScene(
                .liveBeforePatient, .init(retryAfter: .init(jitter: 0), budget: nil, throttle: Throttle(rate: 1)), time,
                middlewares: [Retry(), Timeout()]
            ) { _ in
                guard time.now.offset < .seconds(50) else { return }
                throw HandlerError("429", reason: "http_429", disposition: .throttled(after: .seconds(60)))
            }
            try await scene.router.whileRunning {
                scene.behind.offer((0..<2).map { .numbered($0) })
                try await time.eventually { scene.attempts.count == 1 }
                try await time.sleep(for: .seconds(20))
                scene.ahead.offer([.numbered(0)])
                try await time.eventually(within: .seconds(200)) { scene.attempts.count == 4 }
            }
            #expect(scene.order == ["patient", "live", "patient", "patient"])
        }
    }

    /// What waits for nothing that another has does not hold it up.
    @Test func aLiveRouteThatIsPausedHoldsUpNoOther() async throws {
        try await VirtualTime.run { time in
            let scene = try StandingScene(.liveBeforePatient, .init(budget: nil, throttle: Throttle(rate: 1)), time)
            try await scene.router.whileRunning {
                scene.behind.offer([.numbered(0)])
                try await time.eventually { scene.attempts.count == 1 }
                scene.ahead.offer([.numbered(0), .numbered(1)])
                try await time.sleep(for: .milliseconds(100))
                try scene.router.pause("live")
                scene.behind.offer((1..<5).map { .numbered($0) })
                try await time.eventually(within: .seconds(20)) { scene.behind.acknowledgedCount == 5 }
                #expect(scene.ahead.acknowledgedCount == 0)
            }
        }
    }

    /// An urgent one goes before both, whatever the order in which they came.
    @Test func anUrgentMessageGoesBeforeAnOrdinaryOneAndThatBeforeAPatientOne() async throws {
        try await VirtualTime.run { time in
            let scene = try StandingScene(.liveBeforePatient, .init(budget: nil, throttle: Throttle(rate: 1)), time)
            let urgent = Source(time: time)
            try scene.router.add(
                Route("urgent", from: urgent, "in", ordering: .serial, destination: scene.destination, isUrgent: true) {
                    [attempts = scene.attempts] message, _ in
                    attempts.add(.init(at: time.now.offset, route: "urgent", number: message.number))
                })
            try await scene.router.whileRunning {
                scene.behind.offer((0..<3).map { .numbered($0) })
                try await time.eventually { scene.attempts.count == 1 }
                try await time.sleep(for: .milliseconds(300))
                scene.ahead.offer((0..<2).map { .numbered($0) })
                try await time.sleep(for: .milliseconds(300))
                urgent.offer((0..<2).map { .numbered($0) })
                try await time.eventually(within: .seconds(60)) { scene.attempts.count == 7 }
            }
            #expect(scene.order == ["patient", "urgent", "urgent", "live", "live", "patient", "patient"])
        }
    }
}
