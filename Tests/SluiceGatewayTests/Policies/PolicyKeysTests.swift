import Sluice
import Testing

@testable import SluiceGateway

/// The policies of a file become the policies of the library.
struct PolicyKeysTests {
    private func scenario(_ policies: String) throws -> Scenario {
        try Scenario(policies + "\narrivals: at 0s\nexpect: {delivered: all}\n", path: "test.yaml")
    }

    @Test func everyNumberOfADestinationIsRead() throws {
        let scenario = try scenario(
            """
            destinations:
              chat:
                throttle: {rate: 30/m, burst: 3, key: repository, after_429: {factor: 0.25, recovery: 2m}}
                concurrency: {mode: adaptive, limit: 5, maximum: 50}
                retry_after: {maximum: 30m, jitter: 5%}
                budget: {ratio: 30%, window: 20s, floor: 2/s, cost: {failed: 2, throttled: 0.5}}
                breaker:
                  consecutive_failures: 3
                  success_below: 70%
                  minimum_attempts: 9
                  window: 45s
                  open: {from: 2s, to: 4m}
                  probes: 2
                  force: closed
            sinks:
              chat: {}
            """)
        let policy = scenario.configuration(of: "chat")
        #expect(
            policy.throttle
                == Throttle(
                    rate: 0.5, burst: 3, key: Event.orderingKeySelector,
                    slowdown: .init(factor: 0.25, recovery: .seconds(120))))
        #expect(policy.concurrency == .adaptive(from: 5, upTo: 50))
        #expect(policy.retryAfter == .init(maximum: .seconds(1_800), jitter: 0.05))
        #expect(
            policy.budget
                == RetryBudget(ratio: 0.3, window: .seconds(20), floor: 2, cost: .init(failed: 2, throttled: 0.5)))
        #expect(
            policy.breaker
                == CircuitBreaker(
                    consecutiveFailures: 3, successBelow: 0.7, minimumAttempts: 9, window: .seconds(45),
                    open: .exponential(from: .seconds(2), upTo: .seconds(240)), probes: 2, force: .closed))
    }

    @Test func everyNumberOfASinkIsRead() throws {
        let scenario = try scenario(
            """
            sinks:
              chat:
                ordering: {key: repository, lanes: 3}
                retry: {attempts: 5, max_elapsed: never, hand_back_after: 9s, exhausted: poison}
                backoff:
                  transient: {from: 1s, to: 2s}
                  throttled: {from: 3s, to: 4s}
                  jitter: none
                timeout: {attempt: 11s}
                deduplication: {window: 3d}
              audit:
                retry: {schedule: [5s, 5m, 2h]}
            """)
        let policy = try #require(scenario.sinks.first).value.policy
        #expect(policy.ordering?.concurrency == 3)
        #expect(policy.retry.maxAttempts == 5)
        #expect(policy.retry.maxElapsed == nil)
        #expect(policy.retry.handBackAfter == .seconds(9))
        #expect(policy.retry.backoff == .exponential(from: .seconds(1), upTo: .seconds(2), jitter: false))
        #expect(policy.retry.throttledBackoff == .exponential(from: .seconds(3), upTo: .seconds(4), jitter: false))
        #expect(policy.retry.exhaustion == .poison)
        #expect(policy.timeout.deadline == .seconds(11))
        #expect(policy.deduplication == .seconds(3 * 86_400))
        #expect(policy.retry.schedule == nil)
        #expect(scenario.sinks.last?.value.policy.retry.schedule == [.seconds(5), .seconds(300), .seconds(7_200)])
    }

    @Test func whatIsNotSaidIsAsTheGatewayHasIt() throws {
        let scenario = try scenario("sinks: {slack: {kind: slack}}")
        let sink = try #require(scenario.sinks.first)
        #expect(sink.value.policy.retry.maxAttempts == SinkPolicy.standard.retry.maxAttempts)
        #expect(sink.value.policy.ordering == nil)
        #expect(sink.value.policy.deduplication == .seconds(90 * 86_400))
        var expected = GatewayPace().destination
        expected.throttle = Throttle(rate: 1)
        #expect(scenario.configuration(of: "slack") == expected)
    }

    @Test func defaultsHoldKeyByKeyWhereverTheyStand() throws {
        let scenario = try scenario(
            """
            sinks:
              one: {retry: {attempts: 2}}
              two: {}
            destinations:
              two: {breaker: {probes: 4}}
              one: {breaker: off, throttle: off, budget: on}
            defaults:
              budget: off
              retry: {attempts: 6, hand_back_after: never}
              breaker: {consecutive_failures: 9}
            """)
        #expect(scenario.sinks.map(\.value.policy.retry.maxAttempts) == [2, 6])
        #expect(scenario.sinks.allSatisfy { $0.value.policy.retry.handBackAfter == nil })
        #expect(scenario.configuration(of: "two").breaker == CircuitBreaker(consecutiveFailures: 9, probes: 4))
        #expect(scenario.configuration(of: "one").breaker == nil)
        #expect(scenario.configuration(of: "one").budget == RetryBudget())
        #expect(scenario.configuration(of: "two").budget == nil)
    }

    @Test func aThrottleThatIsOffOutdoesTheKindOfASink() throws {
        let scenario = try scenario(
            """
            sinks:
              quick: {kind: slack}
              fast: {kind: slack, destination: shared}
              plain: {kind: http, destination: shared}
            destinations:
              quick: {throttle: off}
            """)
        #expect(scenario.configuration(of: "quick").throttle == nil)
        // The slower kind counts for both.
        #expect(scenario.configuration(of: "shared").throttle == Throttle(rate: 1))
    }

    @Test func aSinkThatSaysHowOftenGoesByNoScheduleOfTheDefaults() throws {
        let scenario = try scenario(
            """
            defaults: {retry: {schedule: [1s, 2s]}}
            sinks:
              plain: {}
              often: {retry: {attempts: 9}}
              long: {retry: {max_elapsed: 1h}}
              slow: {backoff: {transient: {from: 1m, to: 1h}}}
              none: {retry: {schedule: none}}
            """)
        #expect(scenario.sinks.map { $0.value.policy.retry.schedule == nil } == [false, true, true, true, true])
    }

    @Test(arguments: [
        (
            "sinks: {a: {retry: {schedule: [1s], attempts: 2}, backoff: {transient: {from: 1s}}}}",
            [
                "a schedule stands in the place of attempts: leave one of them out",
                "a schedule stands in the place of backoff.transient: leave one of them out",
            ]
        ),
        ("defaults: {retry: {schedule: [1s], max_elapsed: 1h}}\nsinks: {a: {}}", ["in the place of max_elapsed"]),
        ("sinks: {a: {retry: {schedule: []}}}", ["expected a list of 1 to 100 durations"]),
        ("sinks: {a: {retry: {schedule: [1s, soon]}}}", ["expected a duration such as"]),
        ("sinks: {a: {retry: {exhausted: drop}}}", ["expected redeliver or poison"]),
        ("sinks: {a: {deduplication: {window: 0s}}}", ["more than 0"]),
        (
            "sinks: {a: {}}\ndestinations: {a: {concurrency: {mode: adaptive, limit: 9, maximum: 3}}}",
            ["expected `maximum` to be at least `limit`"]
        ),
        ("sinks: {a: {}}\ndestinations: {a: {concurrency: {limit: 0}}}", ["a whole number, from 1"]),
        ("sinks: {a: {}}\ndestinations: {a: {throttle: {after_429: third}}}", ["expected halve, a mapping"]),
        ("sinks: {a: {}}\ndestinations: {a: {throttle: {after_429: {factor: 1}}}}", ["less than 1"]),
        ("sinks: {a: {only: []}}", ["a list with at least one entry"]),
        ("sinks: {a: {webhook: x}}", ["webhook: a scenario sends nothing"]),
        ("sinks: {a: {backoff: {transient: {from: 5s, to: 1s}}}}", ["expected `to` to be at least `from`"]),
        ("sinks: {a: {}}\ndestinations: {a: {budget: {cost: {failed: 1, throttled: 2}}}}", ["cost.throttled"]),
        ("sinks: {a: {ordering: parallel}}", ["expected serial, unordered, or a mapping"]),
        ("sinks: {'a b': {}}", ["expected a name of 1 to 64"]),
        ("sinks: {a: {}}\ndestinations: {b: {}}", ["no sink delivers to b"]),
        ("sinks: {graphs: {}}\ndestinations: {graph: {}}", ["no sink delivers to graph: was graphs meant?"]),
    ])
    func saysWhatCannotBe(policies: String, expected: [String]) throws {
        let faults = #expect(throws: FileFaults.self) { try scenario(policies) }
        let text = "\(try #require(faults))"
        for words in expected { #expect(text.contains(words), "\(text)") }
    }
}
