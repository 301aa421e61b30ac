import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

/// A route that gives way and an ordinary one at one destination: where both wait, the ordinary one goes first.
@Suite(.timeLimit(.minutes(5)))
struct PatientRouteTests {
    private final class Scene: Sendable {
        let attempts = Journal<String>()
        let patient: Source
        let live: Source
        let router: Router
        let destination: Destination
        let time: RouterTime

        init(
            _ configuration: Destination.Configuration, _ time: RouterTime, middlewares: [any Middleware] = [Retry()],
            _ answer: @escaping @Sendable (String) async throws -> Void = { _ in }
        ) throws {
            self.time = time
            (patient, live) = (Source(time: time), Source(time: time))
            destination = try Destination("chat", configuration, time: time)
            router = Router(
                configuration: .quick, middlewares: middlewares, instruments: Meters().instruments, logger: .silent,
                time: time)
            let attempts = attempts
            for (name, source) in [("patient", patient), ("live", live)] {
                try router.add(
                    Route(
                        name, from: source, "in", ordering: .serial, destination: destination,
                        givesWay: name == "patient"
                    ) { _, _ in
                        attempts.add(name)
                        try await answer(name)
                    })
            }
        }

        var order: [String] { attempts.entries }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func theThrottlesNextPermitIsTheLiveOnes(seed: UInt64) async throws {
        try await VirtualTime.run(seed: seed, order: .shuffled) { time in
            let scene = try Scene(.init(budget: nil, throttle: Throttle(rate: 1)), time)
            try await scene.router.whileRunning {
                scene.patient.offer((0..<6).map { .numbered($0) })
                try await time.eventually { scene.attempts.count == 1 }
                // The second waits for its permit already.
                try await time.sleep(for: .milliseconds(500))
                scene.live.offer((0..<3).map { .numbered($0) })
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
            let scene = try Scene(.init(budget: nil, concurrency: .fixed(1)), time) { _ in
                try await time.sleep(for: .seconds(1))
            }
            // A third route has the only slot.
            try scene.router.add(
                Route("other", from: other, "in", ordering: .serial, destination: scene.destination) { _, _ in
                    try await time.sleep(for: .seconds(5))
                })
            try await scene.router.whileRunning {
                try await time.sleep(for: .seconds(1))
                scene.patient.offer((0..<3).map { .numbered($0) })
                try await time.sleep(for: .seconds(1))
                scene.live.offer((0..<2).map { .numbered($0) })
                try await time.eventually(within: .seconds(60)) { scene.attempts.count == 5 }
            }
            #expect(scene.order.first == "live")
        }
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func theLiveOnesGoFirstWhenTheGateOpens(seed: UInt64) async throws {
        try await VirtualTime.run(seed: seed, order: .shuffled) { time in
            let scene = try Scene(
                .init(retryAfter: .init(jitter: 0), budget: nil, throttle: Throttle(rate: 1)), time,
                middlewares: [Retry(), Timeout()]
            ) { _ in
                guard time.now.offset < .seconds(50) else { return }
                throw HandlerError("429", reason: "http_429", disposition: .throttled(after: .seconds(60)))
            }
            try await scene.router.whileRunning {
                scene.patient.offer((0..<2).map { .numbered($0) })
                try await time.eventually { scene.attempts.count == 1 }
                try await time.sleep(for: .seconds(20))
                scene.live.offer([.numbered(0)])
                try await time.eventually(within: .seconds(200)) { scene.attempts.count == 4 }
            }
            #expect(scene.order == ["patient", "live", "patient", "patient"])
        }
    }

    /// What waits for nothing that another has does not hold it up.
    @Test func aLiveRouteThatIsPausedHoldsUpNoOther() async throws {
        try await VirtualTime.run { time in
            let scene = try Scene(.init(budget: nil, throttle: Throttle(rate: 1)), time)
            try await scene.router.whileRunning {
                scene.patient.offer([.numbered(0)])
                try await time.eventually { scene.attempts.count == 1 }
                scene.live.offer([.numbered(0), .numbered(1)])
                try await time.sleep(for: .milliseconds(100))
                try scene.router.pause("live")
                scene.patient.offer((1..<5).map { .numbered($0) })
                try await time.eventually(within: .seconds(20)) { scene.patient.acknowledgedCount == 5 }
                #expect(scene.live.acknowledgedCount == 0)
            }
        }
    }

    /// An urgent one goes before both, whatever the order in which they came.
    @Test func anUrgentMessageGoesBeforeAnOrdinaryOneAndThatBeforeAPatientOne() async throws {
        try await VirtualTime.run { time in
            let scene = try Scene(.init(budget: nil, throttle: Throttle(rate: 1)), time)
            let urgent = Source(time: time)
            try scene.router.add(
                Route("urgent", from: urgent, "in", ordering: .serial, destination: scene.destination, isUrgent: true) {
                    [attempts = scene.attempts] _, _ in attempts.add("urgent")
                })
            try await scene.router.whileRunning {
                scene.patient.offer((0..<3).map { .numbered($0) })
                try await time.eventually { scene.attempts.count == 1 }
                try await time.sleep(for: .milliseconds(300))
                scene.live.offer((0..<2).map { .numbered($0) })
                try await time.sleep(for: .milliseconds(300))
                urgent.offer((0..<2).map { .numbered($0) })
                try await time.eventually(within: .seconds(60)) { scene.attempts.count == 7 }
            }
            #expect(scene.order == ["patient", "urgent", "urgent", "live", "live", "patient", "patient"])
        }
    }
}
