import Foundation
import GatewayTestSupport
import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

extension EndToEndUnderLoad {
    /// The configuration changes again and again while events come.
    struct ManyReloadsTests {
        /// The file of a step: numbers, orderings, filters and options change, and another sink comes and goes.
        private static func file(
            _ step: Int, _ queue: QueueUnderTest, _ slack: FakeSlack, _ other: FakeSlack
        ) -> String {
            let orderings = ["serial", "unordered", "{key: repository, lanes: 8}", "{key: repository, lanes: 4}"]
            let only = step % 3 == 0 ? ", only: [{event: [commitPushed]}]" : ""
            // Only in order: the groups of the sink become two, and one again.
            let digest = step / 2 % 4 == 0 && step % 2 == 0 ? ", digest: true" : ""
            let name = step % 7 < 4 ? "chat" : "talk"
            return queue.section + """
                sources:
                  github: {kind: github}
                defaults:
                  retry: {attempts: \(3 + step % 5)}
                  backoff: {transient: {from: 10ms, to: \(100 + step)ms}}
                  timeout: {attempt: \(20 + step % 9)s}
                  breaker: {consecutive_failures: \(3 + step % 4), open: {from: 10ms, to: 100ms}}
                destinations:
                  acme: {throttle: {rate: \(5_000 + step)/s, burst: \(10 + step % 7)}}
                sinks:
                  \(name):
                    {kind: slack, webhook: "\(slack.url)\(FakeSlack.path)", destination: acme, group: log-to-chat,
                     ordering: \(orderings[step / 2 % 4])\(only)\(digest)}

                """
                + (step % 5 < 2
                    ? "  other: {kind: slack, webhook: \"\(other.url)\(FakeSlack.path)\", destination: acme}\n"
                    : "")
        }

        /// A thousand while events come at four fifths of what the sink takes: none is lost, and none is doubled.
        @Test(.timeLimit(.minutes(60)), arguments: QueueUnderTest.Kind.allCases)
        func reloadsLoseAndDoubleNothingForLong(_ kind: QueueUnderTest.Kind) async throws {
            let (queue, slack, other) = (try QueueUnderTest(kind), try FakeSlack(), try FakeSlack())
            defer { withExtendedLifetime(queue) {} }
            let file = try FileForTests(Self.file(0, queue, slack, other))
            let count = Soak.count(1_000)
            try await file.run(queue.environment) { gateway in
                let pushes = CountedPushes(gateway.client)
                func arrived() -> Bool { pushes.commits.count == slack.pushes.count }
                for number in 0..<20 { try await pushes.push(20, number: number) }
                let start = ContinuousClock.now
                let before = slack.pushes.count
                try await eventually("the first events") { arrived() }
                let taken = max(slack.pushes.count - before, 1)
                let rate = Double(taken) / max((ContinuousClock.now - start) / .seconds(1), 0.1)
                let pace = Duration.seconds(10 / (0.8 * rate))
                let begun = ContinuousClock.now
                let isOver = Flag()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        var number = 0
                        while !isOver.isUp {
                            try await pushes.push(10, number: number)
                            number += 1
                            try await Task.sleep(until: begun + pace * number)
                        }
                    }
                    group.addTask {
                        defer { isOver.raise() }
                        for step in 1...count {
                            try file.replace(Self.file(step, queue, slack, other))
                            try await gateway.gateway.reload()
                            #expect(gateway.destination("acme").rate == Double(5_000 + step))
                        }
                    }
                    try await group.waitForAll()
                }
                try await eventually("everything has arrived", within: .seconds(600)) { arrived() }
                let reloads = try await gateway.metric("sluice_config_reloads_total", ["result": "success"]) ?? 0
                print(
                    "\(kind.rawValue), \(Int(reloads)) reloads: \(pushes.commits.count) events; the sink takes \(Int(rate)) a second"
                )
                // The watcher may refuse files that drop `other` while messages wait for it.
                #expect(Int(reloads) > count)
                let pushed = slack.pushes
                #expect(pushes.commits.allSatisfy { pushed[$0.id] == 1 } && pushed.values.allSatisfy { $0 == 1 })
                #expect(other.pushes.values.allSatisfy { $0 == 1 })
            }
        }

        /// While events come a file is written that is wrong each time, and then one that is right.
        @Test(.timeLimit(.minutes(10)), arguments: QueueUnderTest.Kind.allCases)
        func aHundredFaultyFilesLoseAndDoubleNothing(_ kind: QueueUnderTest.Kind) async throws {
            let (queue, slack, other) = (try QueueUnderTest(kind), try FakeSlack(), try FakeSlack())
            defer { withExtendedLifetime(queue) {} }
            let file = try FileForTests(Self.file(0, queue, slack, other))
            try await file.run(queue.environment) { gateway in
                let load = PushLoad(pace: .milliseconds(20)) { slack.pushes.count }
                load.send(to: gateway.client)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<2 { group.addTask { await load.run(number) } }
                    defer { load.end() }
                    for step in 1...100 {
                        try file.replace(
                            Self.file(step, queue, slack, other).replacing("kind: slack", with: "kind: slak"))
                        await #expect(throws: FileFaults.self) { try await gateway.gateway.reload() }
                    }
                    #expect(gateway.destination("acme").rate == 5_000)
                    let before = slack.pushes.count
                    try await eventually("events are delivered meanwhile") { slack.pushes.count > before }
                    try file.replace(Self.file(0, queue, slack, other).replacing("rate: 5000/s", with: "rate: 77/s"))
                    try await eventually("the good one is in force") { gateway.destination("acme").rate == 77 }
                }
                try await eventually("everything has arrived") {
                    load.accepted.allSatisfy { slack.pushes[$0] != nil }
                }
                #expect(slack.pushes.values.allSatisfy { $0 == 1 })
                #expect(try await gateway.metric("sluice_config_last_reload_successful") == 1)
            }
        }

        /// Each time a message is in hand that the reload has to wait for.
        @Test(.timeLimit(.minutes(60)), arguments: QueueUnderTest.Kind.allCases)
        func aKillInTheMiddleOfAReloadLosesAndDoublesNothingForLong(_ kind: QueueUnderTest.Kind) async throws {
            // Who was killed is not waited for: sessions are short here.
            let queue = try QueueUnderTest(kind, realGroups: false)
            defer { withExtendedLifetime(queue) {} }
            let grafana = try FakeGrafana()
            func text(_ step: Int) -> String {
                queue.section + """
                    sources:
                      github: {kind: github}
                    destinations:
                      graphs: {throttle: {rate: \(5_000 + step)/s, burst: 100}}
                    sinks:
                      graphs:
                        kind: grafana
                        url: \(grafana.url)
                        credentials: "\(FakeGrafana.user):\(FakeGrafana.password)"
                        ordering: {key: repository, lanes: \(4 + step % 2)}

                    """
            }
            let file = try FileForTests(text(0))
            let load = PushLoad(pace: .milliseconds(50)) { grafana.pushes.count }
            let kills = max(2, Soak.count(100))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<4 { group.addTask { await load.run(number) } }
                defer { load.end() }
                for kill in 1...kills {
                    let process = try SluiceProcess(
                        queue.environment, ["run", "--config", "sluice.yaml"], in: file.directory)
                    let client = try await process.client()
                    let before = grafana.pushes.count
                    load.send(to: client)
                    try await eventually("events are delivered; it said \(process.errors)") {
                        grafana.pushes.count > before + 10
                    }
                    // What it gives from now on is taken, and answered once it is dead: it cannot know.
                    let (gate, held) = (BlockingGate(), Flag())
                    grafana.behave { request in
                        guard request.method == "POST" else { return .ordinary }
                        _ = grafana.take(request)
                        held.raise()
                        gate.wait()
                        return .status(503)
                    }
                    try await eventually("a message is in hand") { held.isUp }
                    try file.replace(text(kill))
                    process.signal(SIGHUP)
                    try await eventually("numbers are in force already") {
                        try await client.metric(
                            "sluice_destination_throttle_permits_per_second", ["destination": "graphs"])
                            == Double(5_000 + kill)
                    }
                    process.signal(SIGKILL)
                    #expect(try await process.exitStatus() == -SIGKILL)
                    #expect(!process.errors.contains("the configuration was reloaded"))
                    load.send(to: nil)
                    grafana.behave { _ in .ordinary }
                    gate.open()
                }
            }
            try await file.run(queue.environment) { gateway in
                try await eventually("everything accepted is annotated", within: .seconds(300)) {
                    let pushes = grafana.pushes
                    return load.accepted.allSatisfy { pushes[$0] != nil }
                }
                #expect(gateway.destination("graphs").rate == Double(5_000 + kills))
            }
            print("\(kind.rawValue), \(kills) kills in a reload: \(load.accepted.count) events")
            #expect(grafana.pushes.values.allSatisfy { $0 == 1 })
        }
    }
}
