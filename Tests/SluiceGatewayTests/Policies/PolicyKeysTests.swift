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
                throttle: {rate: 30/m, burst: 3}
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
        let policy = scenario.policy(of: "chat")
        let set = policy.throttle.flatMap { $0 }
        let throttle = try #require(set)
        #expect(throttle.rate == 0.5)
        #expect(throttle.burst == 3)
        #expect(policy.destination.retryAfter == .init(maximum: .seconds(1_800), jitter: 0.05))
        #expect(
            policy.destination.budget
                == RetryBudget(ratio: 0.3, window: .seconds(20), floor: 2, cost: .init(failed: 2, throttled: 0.5)))
        #expect(
            policy.destination.breaker
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
                retry: {attempts: 5, max_elapsed: never, hand_back_after: 9s}
                backoff:
                  transient: {from: 1s, to: 2s}
                  throttled: {from: 3s, to: 4s}
                  jitter: none
                timeout: {attempt: 11s}
            """)
        let policy = try #require(scenario.sinks.first).value.policy
        #expect(policy.ordering?.concurrency == 3)
        #expect(policy.retry.maxAttempts == 5)
        #expect(policy.retry.maxElapsed == nil)
        #expect(policy.retry.handBackAfter == .seconds(9))
        #expect(policy.retry.backoff == .exponential(from: .seconds(1), upTo: .seconds(2), jitter: false))
        #expect(policy.retry.throttledBackoff == .exponential(from: .seconds(3), upTo: .seconds(4), jitter: false))
        #expect(policy.timeout.deadline == .seconds(11))
    }

    @Test func whatIsNotSaidIsAsTheGatewayHasIt() throws {
        let scenario = try scenario("sinks: {slack: {kind: slack}}")
        let sink = try #require(scenario.sinks.first)
        #expect(sink.value.policy.retry.maxAttempts == SinkPolicy.standard.retry.maxAttempts)
        #expect(sink.value.policy.ordering == nil)
        #expect(scenario.policy(of: "slack").destination == GatewayPace().destination)
        #expect(scenario.policy(of: "slack").throttle == nil)
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
        #expect(scenario.policy(of: "two").destination.breaker == CircuitBreaker(consecutiveFailures: 9, probes: 4))
        #expect(scenario.policy(of: "one").destination.breaker == nil)
        #expect(scenario.policy(of: "one").destination.budget == RetryBudget())
        #expect(scenario.policy(of: "two").destination.budget == nil)
        guard case .some(.none) = scenario.policy(of: "one").throttle else {
            Issue.record("throttle: off leaves the kind's throttle on")
            return
        }
    }

    @Test(arguments: [
        (
            "sinks: {a: {retry: {exhausted: poison, schedule: [1s]}}}",
            ["exhausted is not supported yet", "schedule is not supported yet"]
        ),
        ("sinks: {a: {}}\ndestinations: {a: {concurrency: {limit: 2}}}", ["concurrency is not supported yet"]),
        ("sinks: {a: {}}\ndestinations: {a: {throttle: {after_429: halve}}}", ["after_429 is not supported yet"]),
        ("sinks: {a: {only: []}}", ["only is not supported yet"]),
        ("sinks: {a: {webhook: x}}", ["webhook: a scenario sends nothing"]),
        ("sinks: {a: {backoff: {transient: {from: 5s, to: 1s}}}}", ["expected `to` to be at least `from`"]),
        ("sinks: {a: {}}\ndestinations: {a: {budget: {cost: {failed: 1, throttled: 2}}}}", ["cost.throttled"]),
        ("sinks: {a: {ordering: parallel}}", ["expected serial, unordered, or a mapping"]),
        ("sinks: {'a b': {}}", ["expected a name of 1 to 64"]),
        ("sinks: {a: {}}\ndestinations: {b: {}}", ["no sink delivers to b"]),
        ("sinks: {graphs: {}}\ndestinations: {graph: {}}", ["no sink delivers to graph: was graphs meant?"]),
        (
            "sinks: {a: {destination: c}, b: {destination: c}}\ndestinations: {c: {throttle: {rate: 1/s}}}",
            ["several sinks share"]
        ),
    ])
    func saysWhatCannotBe(policies: String, expected: [String]) throws {
        let faults = #expect(throws: FileFaults.self) { try scenario(policies) }
        let text = "\(try #require(faults))"
        for words in expected { #expect(text.contains(words), "\(text)") }
    }
}
