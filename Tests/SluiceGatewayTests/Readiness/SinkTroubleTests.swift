import Sluice
import Testing

@testable import SluiceGateway
@testable import SluiceHTTP

struct SinkTroubleTests {
    private let trouble = SinkTrouble()

    private var notes: [String] {
        var readiness = Readiness()
        trouble.report(to: &readiness)
        #expect(readiness.reasons.isEmpty)
        return readiness.notes
    }

    private func observe(
        _ error: HTTPClientError.Code?, _ detail: String? = nil, status: Int? = nil, target: String = "slack",
        at now: MonotonicTime = .now()
    ) {
        trouble.observe(
            .init(target: target, status: status, error: error, detail: detail, duration: .zero, wait: .zero), now: now)
    }

    @Test func aFailureThatLastsIsANoteUntilTheSinkAnswers() {
        for _ in 0..<2 { observe(.dnsFailed) }
        #expect(notes.isEmpty)
        observe(.dnsFailed)
        #expect(notes == ["slack: cannot be reached: its name cannot be resolved"])
        for _ in 0..<3 { observe(.tlsFailed, "the certificate has expired", target: "grafana") }
        #expect(
            notes == [
                "grafana: cannot be reached: TLS fails: the certificate has expired",
                "slack: cannot be reached: its name cannot be resolved",
            ])
        observe(nil, status: 503)
        observe(nil, status: 200, target: "grafana")
        #expect(notes.isEmpty)
    }

    @Test func aFailureThatIsAMinuteOldIsANoteToo() {
        let minuteAgo = MonotonicTime(nanoseconds: MonotonicTime.now().nanoseconds &- 60_000_000_000)
        observe(.proxyRefused, "the proxy answered 407", at: minuteAgo)
        #expect(notes == ["slack: cannot be reached: the proxy refuses: the proxy answered 407"])
    }

    @Test func theEndOfTheProgramIsNoFault() {
        for _ in 0..<5 {
            observe(.cancelled)
            observe(.closed)
        }
        #expect(notes.isEmpty)
    }
}
