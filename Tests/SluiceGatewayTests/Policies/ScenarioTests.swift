import Foundation
import GatewayTestSupport
import Sluice
import Testing

@testable import SluiceGateway

/// Scenarios run the gateway's own parts in virtual time.
struct ScenarioTests {
    private func run(_ text: String, seed: Int? = nil) async throws -> ScenarioResult {
        let scenario = try Scenario(text, path: "test.yaml")
        return try await ScenarioTool(seed: seed).run(.init(path: "test.yaml", scenario: scenario))
    }

    private static let examples = Repository.file("Examples/scenarios").path

    @Test func everyExampleComesOutAsExpected() async throws {
        let paths = try ScenarioTool.paths([Self.examples])
        #expect(paths.count >= 5)
        for path in paths {
            let result = try await ScenarioTool().run(ScenarioTool.read(path))
            #expect(result.isMet, "\(result.text())")
        }
    }

    @Test(arguments: 1...3)
    func noExampleDependsOnItsSeed(seed: Int) async throws {
        for path in try ScenarioTool.paths([Self.examples]) {
            let result = try await ScenarioTool(seed: seed).run(ScenarioTool.read(path))
            #expect(result.isMet, "\(result.text())")
        }
    }

    private static let flaky = """
        sinks:
          one: {ordering: {key: repository, lanes: 4}}
          two: {destination: one, ordering: unordered}
        destinations:
          one: {breaker: {}}
        arrivals: {every: 200ms, for: 2m, key: 9}
        answers:
          one:
            latency: 10ms to 90ms
            capacity: {rate: 8/s, burst: 4, beyond: {status: 429}}
            when:
              - {from: 20s, to: 40s, status: 503}
              - {messages: 77, poison: true}
        expect: {delivered: all}
        """

    @Test func aSeedRepeatsARunByteForByte() async throws {
        let first = try await run(Self.flaky, seed: 3).text(isVerbose: true)
        let second = try await run(Self.flaky, seed: 3).text(isVerbose: true)
        #expect(first == second)
        #expect(try await run(Self.flaky, seed: 4).text(isVerbose: true) != first)
    }

    /// Nothing is lost: every event is delivered, poisoned, or waits.
    @Test(arguments: 1...5)
    func everyEventComesToOneEnd(seed: Int) async throws {
        let result = try await run(Self.flaky, seed: seed)
        let figures = ScenarioFigures(result.trace)
        #expect(figures.deliveries + figures.poisoned + figures.waiting == 1_200)
        #expect(figures.poisoned == 2)
        #expect(figures.waiting == 0)
    }

    /// A digest's two parts: what is urgent goes before pushes that wait.
    @Test(arguments: [true, false])
    func whatIsUrgentGoesFirstWithADigest(digest: Bool) async throws {
        let result = try await run(
            """
            sinks: {slack: {kind: slack, digest: \(digest)}}
            arrivals:
              - 30 at 0s
              - {at: 5500ms, event: deploymentFailed, name: failed}
              - {at: 8500ms, event: commitDeployed, name: deployed}
            expect:
              - {delivered: all, order: kept, poisoned: none, doubled: 0}
              - {messages: [failed, deployed], waits: {longest: at most 1500ms}}
            """)
        #expect(result.isMet == digest, "\(result.text())")
    }

    @Test func aDigestIsSlacksAndInOrder() {
        for (sinks, fault) in [
            ("{grafana: {kind: grafana, digest: true}}", "a sink of kind grafana has no digest"),
            ("{slack: {kind: slack, digest: true, ordering: unordered}}", "a digest needs ordering: serial"),
        ] {
            let text = "sinks: \(sinks)\narrivals: 1 at 0s\nexpect: {delivered: all}\n"
            do {
                _ = try Scenario(text, path: "test.yaml")
                Issue.record("\(sinks) has no fault")
            } catch {
                #expect("\(error)".contains(fault), "\(error)")
            }
        }
    }

    @Test func whatIsNotMetIsSaidFirstWithATimelineOfIt() async throws {
        let result = try await run(
            """
            scenario: Too many attempts
            sinks: {chat: {}}
            arrivals: 3 at 1s
            answers:
              chat: {latency: 50ms, when: [{messages: 2, times: 2, status: 503}]}
            expect:
              - {attempts: at most 3}
              - {delivered: all}
            """)
        #expect(!result.isMet)
        let text = result.text()
        let lines = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(lines.first?.hasPrefix("FAIL  Too many attempts: 3 events; 5 attempts (1.667 each)") == true, "\(text)")
        #expect(lines.contains("NOT MET: attempts  (test.yaml:7)"))
        #expect(lines.contains("expected  at most 3"))
        #expect(lines.contains("actual    5"))
        #expect(!text.contains("as expected"))
        #expect(
            text.contains("0:00:01.050  #2  attempt 1 after 50ms (behind others): 503 in 50ms; again in "), "\(text)")
        #expect(text.contains("200, delivered in 50ms"), "\(text)")
    }

    /// Each figure, once as it is and once as it is not.
    @Test(
        arguments: [
            ("attempts: 4", "attempts: at most 3"), ("amplification: 1 to 1.5", "amplification: 1"),
            ("delivered: 2", "delivered: all"), ("delivered: 1, by: 1500ms", "delivered: 2, by: 1500ms"),
            ("poisoned: [bad]", "poisoned: none"), ("poisoned: 1", "poisoned: [1]"),
            ("waiting: 0", "waiting: at least 1"), ("waiting: 1, at: 1001ms", "waiting: 0, at: 1001ms"),
            ("waits: {longest: 1s to 2s, average: less than 2s}", "waits: {longest: less than 1s}"),
            ("waits: {p50: at most 100ms}", "waits: {p50: more than 100ms}"), ("order: kept", nil),
            ("doubled: 0", "doubled: more than 0"), ("key: acme/app, attempts: 4", "key: acme/app, attempts: 0"),
            ("messages: bad, attempts: 1", "messages: bad, attempts: 2"),
            ("from: 1s, to: 2s, attempts: 1", "from: 1s, to: 2s, attempts: 0"),
            ("sink: chat, attempts: 4", "sink: chat, attempts: 5"),
            ("destination: chat, attempts: 4", "destination: chat, attempts: 5"),
        ] as [(String, String?)])
    func figuresAreWhatTheySay(met: String, unmet: String?) async throws {
        func scenario(_ expectation: String) -> String {
            """
            sinks: {chat: {backoff: {transient: {from: 1s, to: 1s}, jitter: none}}}
            arrivals: [{at: 0}, {at: 1s}, {at: 5s, name: bad}]
            answers:
              chat:
                latency: 10ms
                when: [{messages: 2, times: 1, status: 500}, {messages: bad, poison: true}]
            expect: {\(expectation)}
            """
        }
        let good = try await run(scenario(met))
        #expect(good.isMet, "\(good.text())")
        guard let unmet else { return }
        #expect(try await !run(scenario(unmet)).isMet)
    }

    @Test func anOrderThatIsNotKeptIsSeen() async throws {
        let result = try await run(
            """
            sinks: {chat: {ordering: unordered}}
            arrivals: [{at: 0}, {at: 1s}]
            answers: {chat: {when: [{messages: 1, latency: 5s}]}}
            expect: {order: total}
            """)
        let check = try #require(result.checks.first)
        #expect(!check.isMet)
        #expect(check.actual == "#1 after #2 at chat")
    }

    @Test func anUnorderedSinkBreaksNoOrder() async throws {
        let result = try await run(
            """
            sinks: {chat: {ordering: unordered}}
            arrivals: [{at: 0}, {at: 1s}]
            answers: {chat: {when: [{messages: 1, latency: 5s}]}}
            expect: {order: kept}
            """)
        #expect(result.isMet, "\(result.text())")
    }

    /// "At once" from a destination that asks to slow down is no time: nothing loops, also where nothing else bounds it.
    @Test func aRetryAfterOfZeroMakesNoLoop() async throws {
        let result = try await run(
            """
            sinks: {chat: {}}
            destinations: {chat: {budget: off, breaker: off}}
            arrivals: at 3s
            answers: {chat: {when: [{to: 10m, status: 429, retry_after: 0s}]}}
            expect: {attempts: 4 to 40, waiting: 0}
            """)
        #expect(result.isMet, "\(result.text())")
    }

    @Test func anAnswerAfterTheClientsPatienceCountsAsTaken() async throws {
        let result = try await run(
            """
            sinks: {chat: {backoff: {transient: {from: 1s, to: 1s}, jitter: none}}}
            arrivals: at 0s
            answers: {chat: {when: [{times: 1, latency: 40s}]}}
            expect: {attempts: 2, doubled: 1, waits: {longest: 31s}}
            """)
        #expect(result.isMet, "\(result.text())")
    }

    @Test func anAttemptsTimeoutIsThePolicys() async throws {
        let result = try await run(
            """
            sinks: {chat: {timeout: {attempt: 3s}, backoff: {transient: {from: 1s, to: 1s}, jitter: none}}}
            arrivals: at 0s
            answers: {chat: {when: [{times: 1, error: timeout}]}}
            expect: {attempts: 2, waits: {longest: 4s}}
            """)
        #expect(result.isMet, "\(result.text())")
        #expect(
            result.text(isVerbose: true).contains("attempt 1: timeout in 3s; again in 1s"),
            "\(result.text(isVerbose: true))")
    }

    @Test func whatIsWorkedOnAtOnceIsBounded() async throws {
        let result = try await run(
            """
            sinks: {chat: {ordering: unordered}}
            arrivals: 10 at 0s
            answers: {chat: {latency: 1s, capacity: {at_once: 2}}}
            expect: [{delivered: 2, by: 1s}, {delivered: 4, by: 2s}, {delivered: all, by: 5s}]
            """)
        #expect(result.isMet, "\(result.text())")
    }

    @Test func grafanaLooksBeforeItPostsAgain() async throws {
        let result = try await run(
            """
            sinks: {grafana: {kind: grafana}}
            arrivals: at 0s
            answers: {grafana: {when: [{times: 1, latency: 40s}]}}
            expect: {attempts: 2, doubled: 0, delivered: all}
            """)
        #expect(result.isMet, "\(result.text())")
    }

    @Test func slackIsReadAsSlack() async throws {
        let result = try await run(
            """
            sinks: {slack: {kind: slack}}
            arrivals: at 0s
            answers: {slack: {when: [{times: 1, status: 404, body: no_service}, {times: 1, status: 200, body: "<html>"}]}}
            expect: {attempts: 3, delivered: all, poisoned: none}
            """)
        #expect(result.isMet, "\(result.text())")
        #expect(result.text(isVerbose: true).contains("destination refuses every message"))
    }

    @Test func thousandsOfEventsInAnHourTakeLessThanTheHour() async throws {
        let clock = ContinuousClock()
        let start = clock.now
        let result = try await run(
            "sinks: {chat: {}}\narrivals: every 1s for 1h\nanswers: {chat: {latency: 100ms}}\nexpect: {delivered: 3600}"
        )
        #expect(result.isMet)
        #expect(result.trace.end >= .seconds(3_599))
        // A bound for the slowest machine and a debug build; on a quiet one it is far below a second.
        #expect(start.duration(to: clock.now) < .seconds(30))
    }

    @Test func endsWhereItIsToldToWhileSomethingWaits() async throws {
        let result = try await run(
            """
            for: 10m
            sinks: {chat: {}}
            arrivals: at 0s
            answers: {chat: {status: 503}}
            expect: {waiting: 1, delivered: 0}
            """)
        #expect(result.isMet)
        #expect(result.trace.end == .seconds(600))
    }

    // MARK: Limits of destinations

    @Test func twoSinksOfOneDestinationShareItsThrottle() async throws {
        let result = try await run(
            """
            destinations: {chat: {throttle: {rate: 2/s}}}
            sinks: {one: {destination: chat}, two: {destination: chat}}
            arrivals: 20 at 0s
            expect:
              - {destination: chat, attempts: 20, from: 0s, to: 9900ms}
              - {delivered: 40, by: 19600ms, waits: {longest: 19500ms}}
            """)
        #expect(result.isMet, "\(result.trace.attempts.map(\.start))")
    }

    @Test func aLimitOfAttemptsAtOnceHoldsForAllSinks() async throws {
        let result = try await run(
            """
            destinations: {chat: {concurrency: {limit: 3}}}
            sinks: {one: {destination: chat, ordering: unordered}, two: {destination: chat, ordering: unordered}}
            arrivals: 30 at 0s
            answers: {chat: {latency: 1s}}
            expect: {delivered: 60, by: 20s, attempts: 60}
            """)
        #expect(result.isMet)
        let ends = result.trace.attempts.compactMap(\.end)
        #expect(Dictionary(grouping: ends) { $0 }.values.allSatisfy { $0.count == 3 })
    }

    @Test func aScheduleAndExhaustionArePlayed() async throws {
        let result = try await run(
            """
            sinks: {audit: {retry: {schedule: [5s, 5m, 30m], exhausted: poison}}}
            arrivals: at 0s
            answers: {audit: {status: 503}}
            expect: {attempts: 4, poisoned: 1, delivered: 0}
            """)
        #expect(result.isMet)
        #expect(result.trace.attempts.map(\.start) == [.zero, .seconds(5), .seconds(305), .seconds(2_105)])
    }

    @Test func a429HalvesTheRateWhereThePolicySaysSo() async throws {
        func starts(_ policy: String) async throws -> [Duration] {
            try await run(
                """
                destinations: {chat: {throttle: {rate: 1/s\(policy)}, retry_after: {jitter: 0%}}}
                sinks: {chat: {ordering: serial}}
                arrivals: 10 at 0s
                answers: {chat: {when: [{from: 0s, times: 1, status: 429, retry_after: 1s}]}}
                expect: {delivered: all}
                """
            ).trace.attempts.map(\.start)
        }
        let (plain, halved) = (try await starts(""), try await starts(", after_429: halve"))
        #expect(plain.count == 11 && halved.count == 11)
        #expect(try #require(plain.last) <= .seconds(11) && #require(halved.last) > .seconds(17))
    }

    // MARK: The policies of a configuration file

    private static let configured = """
        defaults: {retry: {attempts: 2, exhausted: poison}, backoff: {transient: {from: 1s, to: 1s}, jitter: none}}
        destinations: {acme: {throttle: {rate: 2/s}}}
        sinks:
          chat: {kind: slack, webhook: "${NOT_SET}", destination: acme, only: [{event: [commitPushed]}]}
          graphs: {kind: grafana, url: "${NOT_SET}", token: "${file:not-there}"}
        """

    private static func scenario(_ rest: String) -> String {
        "config: sluice.yaml\narrivals: every 100ms for 10s\n\(rest)\n"
    }

    @Test func triesThePoliciesOfAConfigurationFile() async throws {
        let text = Self.scenario(
            "expect:\n- {sink: chat, delivered: all, waits: {longest: at least 30s}}\n- {sink: graphs, attempts: 200, poisoned: at least 100}\n"
                + "answers: {graphs: {when: [{status: 503}]}}")
        let file = try FileForTests(Self.configured, others: ["scenario.yaml": text])
        let result = try await ScenarioTool().run(ScenarioTool.read(file.directory.path + "/scenario.yaml"))
        #expect(result.isMet, "\(result.text())")
    }

    @Test func whatASinkOfTheFileDoesNotWantIsNotExpectedOfIt() async throws {
        let text = Self.scenario("expect: {sink: chat, delivered: 0, attempts: 0}").replacing(
            "every 100ms for 10s", with: "{event: commitDeployed, every: 100ms, for: 10s}")
        let file = try FileForTests(Self.configured, others: ["scenario.yaml": text])
        let result = try await ScenarioTool().run(ScenarioTool.read(file.directory.path + "/scenario.yaml"))
        #expect(result.isMet, "\(result.text())")
    }

    @Test(arguments: [
        (
            Self.configured.replacing("rate: 2", with: "rat: 2"), "",
            "1:9: sluice.yaml:2:34: the key rat is not known here: was rate meant?"
        ),
        (Self.configured, "sinks: {a: {}}", "1:9: sinks stands in the configuration file: leave one of them out"),
        ("", "", "1:1: expected at least one sink"),
    ])
    func aFaultOfTheFileIsToldWhereItIsNamed(configured: String, own: String, words: String) throws {
        let file = try FileForTests(
            configured, others: ["scenario.yaml": Self.scenario("expect: {poisoned: none}\n\(own)")])
        let faults = #expect(throws: FileFaults.self) {
            try ScenarioTool.read(file.directory.path + "/scenario.yaml")
        }
        let text = "\(try #require(faults))"
        #expect(text.contains(words), "\(text)")
        #expect(!text.contains("the key sinks is missing"))
    }

    // MARK: The gateway's own

    @Test func gatewayAndScenarioHaveOneListOfMiddlewares() async throws {
        let sources = Repository.file("Sources/SluiceGateway")
        let users = try #require(FileManager.default.enumerator(atPath: sources.path)).compactMap { $0 as? String }
            .filter { $0.hasSuffix(".swift") }
            .filter { try String(contentsOf: sources.appending(path: $0), encoding: .utf8).contains(".recommended(") }
        #expect(Set(users) == ["Routes/SinkRoutes.swift", "Policies/Scenarios/ScenarioRun.swift"])
        let list: [any Middleware] = .recommended(
            LiveSinkPolicy(.standard, handled: MemoryDeduplicationStore()),
            poison: Route.Output(MemoryBroker().publisher(), "poison"))
        #expect(
            list.map { "\(type(of: $0))" } == [
                "CorrelationID", "HandlerMetrics", "LogMessages", "PoisonQueue", "TakeInHand", "KnownEvents",
                "HandledOnLog", "Live<Deduplicator>", "EventAge", "Live<Retry>", "Live<Timeout>",
            ])
    }

    // MARK: Documentation

    @Test func theReferenceIsCurrent() throws {
        let text = try String(contentsOf: Repository.file("docs/SCENARIOS.md"), encoding: .utf8)
        let isCurrent = try ScenarioDocuments.scenarios(text) == text
        #expect(isCurrent, "docs/SCENARIOS.md is stale; run: make docs")
    }

    @Test func theReferenceHasEveryKey() throws {
        let text = try String(contentsOf: Repository.file("docs/SCENARIOS.md"), encoding: .utf8)
        for path in ScenarioDocuments.paths {
            let key = path.split(separator: ".").last.map(String.init) ?? path
            let isThere = text.contains("\(key)` |")
            #expect(isThere, "\(path) is not in docs/SCENARIOS.md")
        }
    }

    @Test func everyScenarioInTheDocumentsCanBeRead() throws {
        for name in ["docs/SCENARIOS.md", "README.md"] {
            let text = try String(contentsOf: Repository.file(name), encoding: .utf8)
            let blocks = text.components(separatedBy: "```yaml\n").dropFirst().compactMap {
                $0.components(separatedBy: "\n```").first
            }
            #expect(!blocks.isEmpty || name == "README.md")
            for block in blocks where block.contains("expect:") { _ = try Scenario(block, path: name) }
        }
    }
}
