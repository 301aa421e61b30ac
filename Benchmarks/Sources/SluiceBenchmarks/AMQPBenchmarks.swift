import Foundation
import Logging
import Sluice
import SluiceAMQP
import SluiceTestBrokers

/// Publishing to RabbitMQ and consuming from it, with a loop of librabbitmq's own functions beside each: the same
/// messages, the same broker on the same processors, taking turns.
enum AMQPBenchmarks {
    private static let payload = [UInt8](repeating: 0x61, count: 256)
    private static let rounds = 3
    private static let logger = Logger(label: "amqp") { _ in SwiftLogNoOpLogHandler() }

    static func run(scale: Double) async throws {
        guard RabbitMQBroker.isInstalled else { return print("\n(rabbitmq-server is not installed)") }
        let scratch = try Scratch()
        var configuration = RabbitMQBroker.Configuration()
        configuration.parent = scratch.url
        let broker = try RabbitMQBroker(configuration)
        try await broker.start()
        let count = max(2_000, Int(60_000 * scale))
        var publishing: [[Double]] = [[], [], []]
        var consuming: [[Double]] = [[], []]
        for round in 0..<rounds {
            let (bare, ours) = ("bare-\(round)", "ours-\(round)")
            publishing[0].append(try await LibrabbitmqLoop(port: broker.port).publish(payload, count, to: bare))
            publishing[1].append(try await publish(broker, count, to: ours, tasks: 1, each: count))
            // Each of the readers finds the same in its queue: as many messages, by the same publisher.
            try LibrabbitmqLoop(port: broker.port).empty(bare)
            _ = try await publish(broker, count, to: bare, tasks: 1, each: count)
            consuming[0].append(try await LibrabbitmqLoop(port: broker.port).consume(count, from: bare))
            consuming[1].append(try await route(broker, count, from: ours))
            publishing[2].append(try await publish(broker, count, to: bare, tasks: 512, each: 1))
            for queue in [bare, ours] { try LibrabbitmqLoop(port: broker.port).delete(queue) }
        }
        report(
            "Publishing to RabbitMQ with confirms, 256 B, persistent", count, publishing,
            ["librabbitmq's own loop, 500 in flight", "one call with all of them", "512 tasks, one a call"])
        report(
            "Consuming from RabbitMQ, 256 B", count, consuming,
            ["librabbitmq's own loop, prefetch 500, an acknowledgement each 100", "through a route, prefetch 500"])
        try await broker.stop()
    }

    private static func report(_ title: String, _ count: Int, _ seconds: [[Double]], _ names: [String]) {
        Report.subject(title, columns: ["what", "messages/s", "of the loop"])
        let medians = seconds.map { $0.sorted()[rounds / 2] }
        for (name, median) in zip(names, medians) {
            Report.row(name, Report.rate(count, median), String(format: "%.0f %%", 100 * medians[0] / median))
        }
    }

    private static func publish(
        _ broker: RabbitMQBroker, _ count: Int, to queue: String, tasks: Int, each: Int
    ) async throws -> Double {
        let publisher = try AMQPPublisher(try AMQPConfiguration(uri: broker.uri()), logger: logger)
        // Connects, and declares the queue.
        try await publisher.publish([Message(payload: payload)], to: Topic(queue))
        let calls = max(1, count / tasks / each)
        let seconds = try await timed {
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<tasks {
                    group.addTask {
                        for _ in 0..<calls {
                            try await publisher.publish(
                                (0..<each).map { _ in Message(payload: payload) }, to: Topic(queue))
                        }
                    }
                }
            }
        }
        await publisher.close()
        return seconds * Double(count) / Double(tasks * calls * each)
    }

    private static func route(_ broker: RabbitMQBroker, _ count: Int, from queue: String) async throws -> Double {
        var options = AMQPSubscriber.Options()
        options.prefetch = 500
        let subscriber = try AMQPSubscriber(
            try AMQPConfiguration(uri: broker.uri()), options: options, logger: logger)
        let finished = AsyncStream<Void>.makeStream()
        let router = Router(logger: logger)
        let seen = Counted()
        try router.add(
            Route("read", from: subscriber, Topic(queue)) { _, _ in
                if seen.add() == count { finished.continuation.finish() }
            })
        var running: Task<Void, any Error>?
        let seconds = try await timed {
            running = Task { try await router.run() }
            for await _ in finished.stream {}
        }
        router.drain()
        try await running?.value
        await subscriber.close()
        return seconds
    }
}
