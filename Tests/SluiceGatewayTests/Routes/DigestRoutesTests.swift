import Foundation
import Sluice
import SluiceHTTP
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

/// The two routes of a sink with a digest, as the gateway makes them, told in virtual time.
@Suite(.timeLimit(.minutes(5)))
struct DigestRoutesTests {
    private static func push(_ number: Int) -> Event {
        .commitPushed(
            CommitPushed(
                id: String(repeating: "a", count: 37) + "\(100 + number)", message: "Fix", author: "jane",
                occurredOn: Timestamp(millisecondsSince1970: 1_767_323_045_000), repository: "acme/shop",
                ref: "refs/heads/main"))
    }

    private static let deployment = Event.deploymentFailed(
        Deployment(
            id: "bbbb", env: "production", occurredOn: Timestamp(millisecondsSince1970: 1_767_323_045_000),
            repository: "acme/shop"))

    private static func message(_ event: Event, webhook: String = "w") -> Message {
        var message = event.message()
        message.metadata["correlation_id"] = webhook
        return message
    }

    /// Runs a Slack sink with a digest, which answers 503 until `end`.
    @discardableResult
    private static func run(
        _ time: RouterTime, downUntil end: Duration = .zero, _ prepare: (MemoryQueue) async throws -> Void,
        _ body: (MemoryQueue, MetricsRecorder, @Sendable () -> [String]) async throws -> Void
    ) async throws -> MetricsRecorder {
        let (queue, pace, metrics) = (try MemoryQueue(time), GatewayPace(), MetricsRecorder())
        try await prepare(queue)
        var configuration = Router.Configuration()
        configuration.redelivery = pace.redelivery
        let logger = LogRecorder().logger
        let router = Router(configuration: configuration, instruments: metrics.instruments, logger: logger, time: time)
        var gateway = GatewayConfiguration()
        gateway.sinks = [ConfiguredSink("chat", SlackSink(webhook: Secret("http://slack/"), digest: true))]
        let posts = Mutex<[String]>([])
        let sinks = RunningSinks(
            SinkRoutes(queue: queue, startedAt: time.timestamp, time: time), router, logger: logger,
            mustWait: { _ in false },
            makeParts: { name in
                SinkParts(name: name, hold: pace.hold) { request, _ in
                    let isDown = time.now.offset < end
                    if !isDown { posts.withLock { $0.append(String(decoding: request.body ?? [], as: UTF8.self)) } }
                    return HTTPClient.Response(
                        status: isDown ? 503 : 200, headers: .init(), body: Array((isDown ? "" : "ok").utf8),
                        target: name)
                }
            }, onChange: { _ in })
        try sinks.begin(gateway)
        let running = time.task { try await router.run() }
        try await time.eventually { router.status.allSatisfy(\.isRunning) }
        try await body(queue, metrics, { posts.withLock(\.self) })
        router.drain()
        try await running.value
        return metrics
    }

    private static func outcome(_ metrics: MetricsRecorder, _ route: String, _ outcome: String) -> Double? {
        metrics.read().value("sluice_deliveries_total", ["handler_name": route, "outcome": outcome])
    }

    @Test func whatTheSinkHasHandledBeforeIsNotToldAgain() async throws {
        try await VirtualTime.run { time in
            let events = (0..<3).map(Self.push)
            let metrics = try await Self.run(time) { queue in
                // The route that read everything was killed before it had settled this.
                let key = try #require(KeySelector.id(events[1].message()))
                _ = try await queue.handled.reserve(key, scope: "log-to-chat")
                try await queue.handled.commit(key, scope: "log-to-chat", for: .seconds(1_000))
            } _: { queue, _, posts in
                try await queue.publisher.publish(events.map { Self.message($0) }, to: queue.events)
                try await time.eventually(within: .seconds(10)) { posts().count == 1 }
                try await time.sleep(for: .seconds(10))
                #expect(posts().count == 1 && posts()[0].contains("2 commits to"))
                #expect(!posts()[0].contains(events[1].commit))
            }
            #expect(Self.outcome(metrics, "log-to-chat-pushes", "deduplicated") == 1)
            #expect(Self.outcome(metrics, "log-to-chat-pushes", "acked") == 2)
            #expect(Self.outcome(metrics, "log-to-chat", "filtered") == 3)
        }
    }

    @Test func whatIsUrgentIsToldFirstAfterAnOutage() async throws {
        try await VirtualTime.run { time in
            _ = try await Self.run(time, downUntil: .seconds(600)) { _ in
            } _: { queue, metrics, posts in
                for number in 0..<20 {
                    try await queue.publisher.publish(
                        [Self.message(Self.push(number), webhook: "w\(number)")], to: queue.events)
                }
                try await time.sleep(for: .seconds(300))
                try await queue.publisher.publish([Self.message(Self.deployment)], to: queue.events)
                try await time.eventually(within: .seconds(1_000)) { posts().count == 21 }
                #expect(posts()[0].contains("*failed* to deploy"), "\(posts().prefix(3))")
                #expect(posts().dropFirst().allSatisfy { $0.contains("*pushed*") })
                let read = metrics.read()
                #expect(read.value("sluice_unaccounted_messages", ["handler_name": "log-to-chat-pushes"]) == 0)
                #expect((read.value("sluice_destination_attempts_total", ["result": "failure"]) ?? 0) >= 7)
            }
        }
    }

    @Test func whatOneOfTwoGroupsHadHandledIsTheirsAlone() {
        let reader = PartedReader()
        let (push, deployment) = (Self.message(Self.push(0)), Self.message(Self.deployment))
        func has(_ message: Message, _ offset: Int64?, partition: Int32? = nil) -> Bool {
            reader.hasHandled(message, .init(partition: partition, offset: offset))
        }
        #expect(!has(push, 1))
        reader.set([0: .init(urgent: OffsetSet(through: 5), pushes: OffsetSet(through: 2, ranges: [4...4]))])
        #expect(has(push, 2) && !has(push, 3) && has(push, 4) && !has(push, 5))
        #expect(has(deployment, 3) && has(deployment, 5) && !has(deployment, 6))
        #expect(!has(deployment, nil) && !has(deployment, 1, partition: 1) && has(deployment, 1, partition: 0))
        reader.set([:])
        #expect(!has(push, 2))
    }
}
