import Foundation
import GatewayTestSupport
import Glibc
import Sluice
import SluiceHTTP
import SluicePrometheus
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// Several gateways on one Kafka, under a load that leaves time for others: a group takes seconds for each change.
    struct KafkaTests {
        /// A change of the group makes nothing come again but what handlers still held when the drain timeout (10 s) was
        /// over: what is settled is committed before a partition goes. Handlers take milliseconds here, so no message may
        /// be settled by both gateways, and their sum is at most what was accepted. Without the commit it is far more:
        /// nothing is committed in between, so that all that the first has settled of a partition would come again.
        @Test(.timeLimit(.minutes(10)))
        func twoGatewaysShareTheWorkAndDoubleNoAnnotation() async throws {
            let (grafana, directories) = (try FakeGrafana(), [try TemporaryDirectory(), try TemporaryDirectory()])
            let kafka = try KafkaForTests(realGroups: true)
            try await withGateway(in: directories[0], grafana: grafana) {
                kafka.use(in: &$0, commitInterval: .seconds(3_600))
            } _: { first in
                var accepted: [String] = []
                func push(_ gateway: RunningGateway, _ count: Int) async throws {
                    for number in 0..<count {
                        let commit = StubCommit()
                        #expect(
                            try await gateway.client.push([commit], repository: "octo/\(number % 40)").status == 202)
                        accepted.append(commit.id)
                    }
                }
                try await push(first, 50)
                // It joins while the first works, and leaves again.
                try await withGateway(in: directories[1], grafana: grafana) {
                    kafka.use(in: &$0, commitInterval: .seconds(3_600))
                } _: { second in
                    let acked = ["handler_name": "log-to-grafana", "outcome": "acked"]
                    var both = false
                    let end = ContinuousClock.now + .seconds(60)
                    while !both, ContinuousClock.now < end {
                        try await push(first, 5)
                        try await push(second, 5)
                        let counts = [
                            try await first.client.metric("sluice_deliveries_total", acked) ?? 0,
                            try await second.client.metric("sluice_deliveries_total", acked) ?? 0,
                        ]
                        both = counts.allSatisfy { $0 > 20 }
                        // Shared: what one has, the other has not.
                        #expect(
                            counts.reduce(0, +) <= Double(accepted.count),
                            "\(counts) of \(accepted.count); \(first.log.suffix(4_000))")
                    }
                    #expect(both, "both gateways deliver annotations")
                }
                try await push(first, 50)
                try await eventually("every commit is annotated") {
                    let pushes = grafana.pushes
                    return accepted.allSatisfy { pushes[$0] != nil }
                }
                #expect(grafana.pushes.values.allSatisfy { $0 == 1 })
            }
        }

        /// What the other had delivered when it was killed, no commit says, and this one has not handled it.
        @Test(.timeLimit(.minutes(10)))
        func aGatewayTakesOverFromAnotherThatWasKilledAndDoublesNothing() async throws {
            let (grafana, directories) = (try FakeGrafana(), [try TemporaryDirectory(), try TemporaryDirectory()])
            let kafka = try KafkaForTests()
            let load = PushLoad(pace: .milliseconds(200)) { grafana.pushes.count }
            try await withGateway(in: directories[0], grafana: grafana) {
                kafka.use(in: &$0)
            } _: { first in
                let environment = sinkEnvironment(grafana, nil).merging(kafka.environment) { $1 }
                let second = try SluiceProcess(environment, in: directories[1])
                let client = try await second.client()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<6 { group.addTask { await load.run(number) } }
                    defer { load.end() }
                    load.send(to: first.client)
                    let acked = ["handler_name": "log-to-grafana", "outcome": "acked"]
                    try await eventually("the second delivers annotations") {
                        try await client.metric("sluice_deliveries_total", acked) ?? 0 > 40
                    }
                    second.signal(SIGKILL)
                    #expect(try await second.exitStatus() == -SIGKILL)
                    let annotated = grafana.annotations.count
                    try await eventually("the first goes on") {
                        grafana.annotations.count > annotated + 50
                    }
                    load.send(to: nil)
                }
                try await eventually("everything accepted is annotated") {
                    let annotations = grafana.pushes
                    return load.accepted.allSatisfy { annotations[$0] != nil }
                }
            }
            #expect(grafana.pushes.values.allSatisfy { $0 == 1 })
        }

        @Test(.timeLimit(.minutes(10)))
        func whatWasAnswered202ArrivesHoweverOftenTheProgramIsKilledOrBrokersGo() async throws {
            let grafana = try FakeGrafana()
            // Who takes over does not know what the one before has handled.
            let directories = try (0..<4).map { _ in try TemporaryDirectory() }
            let kafka = try KafkaForTests()
            // Every annotation is looked for before it is made: what is pushed has to be delivered within the test.
            let load = PushLoad(pace: .milliseconds(200)) { grafana.pushes.count }
            let environment = sinkEnvironment(grafana, nil).merging(kafka.environment) { $1 }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<6 { group.addTask { await load.run(number) } }
                defer { load.end() }
                for kill in 0..<3 {
                    let process = try SluiceProcess(environment, in: directories[kill])
                    let client = try await process.client()
                    let before = load.count
                    let annotated = grafana.annotations.count
                    load.send(to: client)
                    if kill == 1, let mock = kafka.mock {
                        try await eventually("load") { load.count > before + 30 }
                        try mock.takeDown()
                        try await Task.sleep(for: .seconds(1))
                        try mock.bringUp()
                    }
                    try await eventually("load") {
                        load.count > before + 100 && grafana.annotations.count > annotated + 20
                    }
                    process.signal(SIGKILL)
                    #expect(try await process.exitStatus() == -SIGKILL)
                    load.send(to: nil)
                }
            }
            let accepted = load.accepted
            try await withGateway(in: directories[3], grafana: grafana) {
                kafka.use(in: &$0)
            } _: { gateway in
                func missing() -> Int {
                    let annotations = grafana.pushes
                    return accepted.count { annotations[$0] == nil }
                }
                try await eventually(
                    "everything accepted is annotated; the log ends \(gateway.log.suffix(2_000))", within: .seconds(60)
                ) { missing() == 0 }
            }
            let doubled = grafana.pushes.values.count { $0 > 1 }
            print("kill -9 on Kafka, 3 times: \(accepted.count) accepted, \(doubled) doubled annotations")
            #expect(doubled == 0)
        }
    }
}
