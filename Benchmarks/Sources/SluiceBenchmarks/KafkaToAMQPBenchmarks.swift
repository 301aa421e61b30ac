import Foundation
import Logging
import Sluice
import SluiceAMQP
import SluiceKafka
import SluiceTestBrokers
import Synchronization

/// A gateway's route: from Kafka, message by message through a handler, to RabbitMQ with confirms.
///
/// A message leaves the route when its confirm has come, so that the throughput is that of as many publishes at once as
/// the ordering allows; a serial route waits for one confirm after the other.
enum KafkaToAMQPBenchmarks {
    private static let payload = [UInt8](repeating: 0x61, count: 256)
    /// The mock cluster keeps about 5 MiB of a partition.
    private static let partitions = 32
    private static let rounds = 3
    private static let silent = Logger(label: "route") { _ in SwiftLogNoOpLogHandler() }
    /// Each with the share of the messages that it is given: a slow one need not take all day.
    private static let orderings: [(name: String, ordering: Ordering, share: Double)] = [
        ("serial", .serial, 0.05),
        ("by key, 64 lanes (default)", .perKey(), 1), ("by key, 512 lanes", .perKey(lanes: 512), 1),
        ("unordered, 64 at once (default)", .unordered(), 1),
        ("unordered, 512 at once", .unordered(limit: 512), 1),
    ]

    static func run(scale: Double) async throws {
        let scratch = try Scratch()
        guard let broker = try await AMQPBenchmarks.broker(in: scratch) else { return }
        let count = max(2_000, Int(60_000 * scale))
        let cluster = try MockCluster()
        try await fill(cluster, count)
        var bare: [Double] = []
        var seconds = [[Double]](repeating: [], count: orderings.count)
        for round in 0..<rounds {
            bare.append(try await LibrabbitmqLoop(port: broker.port).publish(payload, count, to: "bare"))
            try LibrabbitmqLoop(port: broker.port).delete("bare")
            for (index, (_, ordering, share)) in orderings.enumerated() {
                let queue = "routed-\(index)-\(round)"
                let own = Int(Double(count) * share)
                seconds[index].append(try await route(cluster, broker, own, ordering, to: queue) / share)
                try LibrabbitmqLoop(port: broker.port).delete(queue)
            }
        }
        Report.subject(
            "A route from Kafka (mock cluster in this process) to RabbitMQ with confirms, 256 B, persistent",
            columns: ["ordering", "messages/s", "of the loop"])
        let median = bare.sorted()[rounds / 2]
        Report.row("(librabbitmq's own loop, 500 in flight)", Report.rate(count, median), "100 %")
        for (index, (name, _, _)) in orderings.enumerated() {
            let own = seconds[index].sorted()[rounds / 2]
            if name.contains("by key, 64") { Goals.note(.kafkaToAMQP, 100 * median / own) }
            Report.row(name, Report.rate(count, own), String(format: "%.0f %%", 100 * median / own))
        }
        try await broker.stop()
        withExtendedLifetime(cluster) {}
    }

    /// A key of its own for every message.
    private static func fill(_ cluster: MockCluster, _ count: Int) async throws {
        try cluster.createTopic("source", partitions: partitions)
        let publisher = try KafkaPublisher(
            KafkaConfiguration(brokers: cluster.bootstrap), key: .metadata("key"), logger: silent)
        for start in stride(from: 0, to: count, by: 5_000) {
            let batch = (start..<min(count, start + 5_000)).map {
                Message(metadata: ["key": "\($0)"], payload: payload)
            }
            try await publisher.publish(batch, to: "source")
        }
        await publisher.close()
    }

    /// - Returns: the seconds for `count` messages, from the first publish to the last confirm.
    private static func route(
        _ cluster: MockCluster, _ broker: RabbitMQBroker, _ count: Int, _ ordering: Ordering, to queue: String
    ) async throws -> Double {
        let subscriber = try KafkaSubscriber(
            KafkaConfiguration(brokers: cluster.bootstrap), group: queue, logger: silent)
        let publisher = try AMQPPublisher(try AMQPConfiguration(uri: broker.uri()), logger: silent)
        // Connects, and declares the queue.
        try await publisher.publish([Message(payload: payload)], to: Topic(queue))
        let confirmed = Confirmed(publisher, count)
        let router = Router(logger: silent)
        try router.add(
            Route("routed", from: subscriber, "source", to: confirmed, Topic(queue), ordering: ordering) {
                message, _ in [message]
            })
        let running = Task { try await router.run() }
        let seconds = await confirmed.seconds()
        router.drain()
        try await running.value
        await subscriber.close()
        await publisher.close()
        return seconds
    }
}

/// Counts what its publisher has published, and measures how long that took.
private final class Confirmed: Publisher {
    private struct State {
        var count = 0
        var start: ContinuousClock.Instant?
        var end: ContinuousClock.Instant?
    }

    let name = "amqp"
    private let publisher: AMQPPublisher
    private let count: Int
    private let state = Mutex(State())
    private let finished = AsyncStream<Void>.makeStream()

    init(_ publisher: AMQPPublisher, _ count: Int) {
        self.publisher = publisher
        self.count = count
    }

    func publish(_ messages: [Message], to topic: Topic) async throws {
        state.withLock { state in
            if state.start == nil { state.start = .now }
        }
        try await publisher.publish(messages, to: topic)
        let isLast = state.withLock { state in
            let isOver = state.count >= count
            state.count += messages.count
            if state.count >= count, !isOver { state.end = .now }
            return state.count >= count && !isOver
        }
        if isLast { finished.continuation.finish() }
    }

    func close() async {}

    /// From the first publish to the last confirm that is waited for.
    func seconds() async -> Double {
        for await _ in finished.stream {}
        return state.withLock { state in
            guard let start = state.start, let end = state.end else { return .infinity }
            return (end - start) / .seconds(1)
        }
    }
}
