import Logging
import Sluice
import SluiceHTTP
import SluiceTesting
import Synchronization
import Testing

/// A route that acknowledges first, behind an endpoint: its requests are answered at once.
struct InboundInstantAckTests {
    @Test(.timeLimit(.minutes(5)))
    func aRequestIsAnsweredBeforeItIsHandledAndHandledAllTheSame() async throws {
        try await withHarness(settle: nil) { harness in
            let gate = Gate()
            let handled = Mutex<[Bool]>([])
            let router = Router(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            try router.add(
                Route("r", from: harness.subscriber, "/in", ordering: .unordered(limit: 4), middlewares: [InstantAck()])
                {
                    _, context in
                    try await gate.wait()
                    handled.withLock { $0.append(context.isRevoked) }
                })
            let running = Task { try await router.run() }
            try await eventually("the route runs") { router.status.allSatisfy(\.isRunning) }
            for _ in 0..<3 { #expect(try await harness.post("{}").status == 202) }
            #expect(handled.withLock(\.count) == 0)
            gate.open()
            try await eventually("all are handled") { handled.withLock(\.self) == [false, false, false] }
            router.drain()
            try await running.value
        }
    }
}
