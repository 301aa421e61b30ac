import Sluice
import Testing

@testable import SluiceGateway

struct VerdictTests {
    private func verdict(
        _ reasons: [String] = [], _ notes: [String] = [], _ snapshot: Snapshot = StubSnapshot.make()
    ) -> Snapshot.Verdict {
        Snapshot.Verdict(Readiness(reasons: reasons, notes: notes), snapshot)
    }

    @Test func withoutProblemsAllIsWell() {
        #expect(verdict() == .init(level: .well, text: "all is well: nothing waits", isReady: true))
        var busy = StubSnapshot.make()
        busy.sinks[0].lag = 1
        #expect(verdict([], [], busy).text == "all is well: 1 message on the way")
    }

    @Test func aDestinationThatIsShutNamesTheLineToChange() {
        let problem = StubSnapshot.shut().verdict.problems.first
        #expect(StubSnapshot.shut().verdict.level == .degraded && StubSnapshot.shut().verdict.isReady)
        #expect(problem?.subject == "sinks.slack" && problem?.severity == .warning)
        #expect(problem?.waiting == 212 && problem?.until == StubSnapshot.time.advanced(by: .seconds(90)))
        #expect(problem?.remedy?.key == "destinations.slack.throttle.rate")
        #expect(problem?.remedy?.value == "1/s" && problem?.remedy?.origin == "sluice.yaml:14")
    }

    @Test(
        arguments: [
            ("held", "sinks.slack.webhook"), ("breaker", "destinations.slack.breaker.force"),
            ("retry_after", "destinations.slack.throttle.rate"),
        ])
    func eachWayOfBeingShutHasItsRemedy(_ why: String, _ key: String) {
        var snapshot = StubSnapshot.shut()
        snapshot.destinations[1].shutBy = why
        snapshot.sinks[1].policy = [
            .init(key: "sinks.slack.webhook", value: "${SLACK}", origin: "sluice.yaml:30", change: "route")
        ]
        let note = "slack: \(snapshot.destinations[1].note ?? "")"
        #expect(verdict([], [note], snapshot).problems.first?.remedy?.key == key)
    }

    /// A pause is the sink's own, whatever its destination does, which may have the same name.
    @Test func aSinkThatIsPausedAndShutHasARemedyForEach() {
        var snapshot = StubSnapshot.shut()
        snapshot.sinks[1].state = .paused
        let shut = "slack: \(snapshot.destinations[1].note ?? "")"
        let paused = "slack: paused since 2026-01-02T03:04:05.678Z"
        let problems = verdict([], [shut, paused], snapshot).problems
        #expect(problems.map(\.text) == [shut, paused])
        #expect(problems.first?.remedy?.key == "destinations.slack.throttle.rate")
        #expect(problems.last?.remedy?.command == "sluice resume slack" && problems.last?.remedy?.key == nil)
    }

    @Test func sinksThatShareADestinationAreOneProblem() {
        var snapshot = StubSnapshot.shut()
        snapshot.sinks[0].destination = "slack"
        snapshot.sinks[0].lag = 8
        let problem = verdict([], ["slack: \(snapshot.destinations[1].note ?? "")"], snapshot).problems.first
        #expect(problem?.subject == "destinations.slack" && problem?.waiting == 220)
    }

    @Test func theGravestComesFirst() {
        let snapshot = StubSnapshot.shut()
        let note = "slack: \(snapshot.destinations[1].note ?? "")"
        let notes = ["retention: the clock is in doubt", "grafana: paused", note]
        let found = verdict(["log: disk full"], notes, snapshot)
        #expect(found.problems.map(\.text) == ["log: disk full", note, "grafana: paused", notes[0]])
        #expect(found.level == .notReady && !found.isReady && found.text == "log: disk full (and 2 more)")
    }

    @Test func whatIsOnlyWorthKnowingDegradesNothing() {
        let found = verdict([], ["/webhooks/github: takes unsigned requests, from everywhere; set SECRET"])
        #expect(found.level == .well && found.text.hasPrefix("all is well"))
        #expect(found.problems.first?.subject == "sources.github" && found.problems.first?.severity == .notice)
    }

    @Test func theRemedyOfAnUnsignedSourceNamesTheSettingThatItLacks() {
        var snapshot = StubSnapshot.make()
        snapshot.sources[0].isUnsigned = true
        let note = "/webhooks/github: takes unsigned requests, from everywhere; set SECRET"
        #expect(verdict([], [note], snapshot).problems.first?.remedy?.key == "sources.github")
        snapshot.sources[0].missingSecret = "sources.github.secret in sluice.yaml"
        #expect(verdict([], [note], snapshot).problems.first?.remedy?.key == "sources.github.secret in sluice.yaml")
    }

    @Test func drainingIsNoFailure() {
        let found = verdict(["draining"])
        #expect(found.level == .draining && !found.isReady && found.text.contains("finished"))
    }

    @Test func poisonAndAPausedSinkAskForAPerson() {
        var snapshot = StubSnapshot.make()
        snapshot.poison.messages = 3
        snapshot.sinks[1].state = .paused
        let notes = ["poison: 3 messages could not be delivered", "slack: paused since 2026-01-02T03:04:05.678Z"]
        let found = verdict([], notes, snapshot)
        #expect(found.level == .degraded && found.problems.map(\.subject) == ["poison", "sinks.slack"])
        #expect(found.problems.last?.remedy?.command == "sluice resume slack")
    }
}
