import Foundation
import Logging
import Sluice
import SluiceAMQP
import SluiceTestBrokers

/// Publishing to RabbitMQ and consuming from it, with a loop of librabbitmq's own functions beside each: the same
/// messages, the same broker on the same processors, taking turns.
enum AMQPBenchmarks {
    private static let payload = [UInt8](repeating: 0x61, count: 256)
    private static let rounds = 7
    private static let logger = Logger(label: "amqp") { _ in SwiftLogNoOpLogHandler() }

    /// What was measured of one way to do it, a value each round.
    private struct Way {
        let name: String
        var seconds: [Double] = []
        var ownCPU: [Double] = []
        var brokerCPU: [Double] = []

        init(_ name: String) {
            self.name = name
        }

        mutating func measure(_ broker: RabbitMQBroker, _ body: () async throws -> Double) async throws {
            let before = (own: cpuSeconds(), broker: cpuSeconds(of: broker.processIdentifier))
            seconds.append(try await body())
            ownCPU.append(cpuSeconds() - before.own)
            brokerCPU.append(cpuSeconds(of: broker.processIdentifier) - before.broker)
        }

        func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    }

    static func run(scale: Double) async throws {
        let scratch = try Scratch()
        guard let broker = try await broker(in: scratch) else { return }
        let port = broker.port
        let count = max(2_000, Int(60_000 * scale))
        var publishing = [
            Way("librabbitmq's own loop, 500 in flight"), Way("one call with all of them"),
            Way("512 tasks, one a call"),
        ]
        var consuming = [
            Way("librabbitmq's own loop, prefetch 500, an acknowledgement each 100"),
            Way("through a route, prefetch 500"),
        ]
        for round in 0..<rounds {
            let (bare, ours) = ("bare-\(round)", "ours-\(round)")
            try await publishing[0].measure(broker) {
                try await LibrabbitmqLoop(port: port).publish(payload, count, to: bare)
            }
            try await publishing[1].measure(broker) {
                try await publish(broker, count, to: ours, tasks: 1, each: count)
            }
            // Each of the readers finds the same in its queue: as many messages, by the same publisher.
            try LibrabbitmqLoop(port: port).empty(bare)
            _ = try await publish(broker, count, to: bare, tasks: 1, each: count)
            try await consuming[0].measure(broker) { try await LibrabbitmqLoop(port: port).consume(count, from: bare) }
            try await consuming[1].measure(broker) { try await route(broker, count, from: ours) }
            try await publishing[2].measure(broker) { try await publish(broker, count, to: bare, tasks: 512, each: 1) }
            for queue in [bare, ours] { try LibrabbitmqLoop(port: port).delete(queue) }
        }
        report("Publishing to RabbitMQ with confirms, 256 B, persistent", count, publishing)
        report("Consuming from RabbitMQ, 256 B", count, consuming)
        Goals.note(
            .amqpConsume, 100 * consuming[0].median(consuming[0].seconds) / consuming[1].median(consuming[1].seconds))
        try await broker.stop()
    }

    /// A broker that writes to a disk.
    static func broker(in scratch: Scratch) async throws -> RabbitMQBroker? {
        guard RabbitMQBroker.isInstalled else {
            print("\n(rabbitmq-server is not installed)")
            return nil
        }
        var configuration = RabbitMQBroker.Configuration()
        configuration.parent = scratch.url
        let broker = try RabbitMQBroker(configuration)
        try await broker.start()
        return broker
    }

    private static func report(_ title: String, _ count: Int, _ ways: [Way]) {
        Report.subject(title, columns: ["what", "messages/s", "of the loop", "own CPU", "the broker's"])
        guard let loop = ways.first.map({ $0.median($0.seconds) }) else { return }
        for way in ways {
            let seconds = way.median(way.seconds)
            Report.row(
                way.name, Report.rate(count, seconds), String(format: "%.0f %%", 100 * loop / seconds),
                String(format: "%.1f µs", way.median(way.ownCPU) * 1e6 / Double(count)),
                String(format: "%.1f µs", way.median(way.brokerCPU) * 1e6 / Double(count)))
        }
    }

    private static func publish(
        _ broker: RabbitMQBroker, _ count: Int, to queue: String, tasks: Int, each: Int
    ) async throws -> Double {
        let publisher = try AMQPPublisher(try AMQPConfiguration(uri: broker.uri()), logger: logger)
        // Connects, and declares the queue.
        try await publisher.publish([Message(payload: payload)], to: Topic(queue))
        let seconds = try await publishing(payload, count, by: publisher, to: Topic(queue), tasks: tasks, each: each)
        await publisher.close()
        return seconds
    }

    private static func route(_ broker: RabbitMQBroker, _ count: Int, from queue: String) async throws -> Double {
        var options = AMQPSubscriber.Configuration()
        options.prefetch = 500
        let subscriber = try AMQPSubscriber(
            try AMQPConfiguration(uri: broker.uri()), configuration: options, logger: logger)
        let finished = AsyncStream<Void>.makeStream()
        let router = Router(logger: logger)
        let seen = Counted()
        try router.add(
            Route("read", from: subscriber, Topic(queue)) { _, _ in
                if seen.add() == count { finished.continuation.finish() }
            })
        var running: Task<Void, any Error>?
        let seconds = await timed {
            running = Task { try await router.run() }
            for await _ in finished.stream {}
        }
        router.drain()
        try await running?.value
        await subscriber.close()
        return seconds
    }
}
