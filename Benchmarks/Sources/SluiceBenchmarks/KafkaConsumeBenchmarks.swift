import CRDKafka
import Foundation
import Logging
import Sluice
import SluiceKafka
import SluiceTestBrokers
import Synchronization

/// Consuming from Kafka through a route, with a loop over `rd_kafka_consume_batch_queue` beside it: the same records on
/// the same mock cluster, taking turns. And the time from publish to handler.
enum KafkaConsumeBenchmarks {
    /// The mock cluster keeps about 5 MiB of a partition.
    private static let partitions = 64
    private static let rounds = 3
    private static let silent = Logger(label: "kafka") { _ in SwiftLogNoOpLogHandler() }

    static func run(scale: Double) async throws {
        Report.subject(
            "Consuming from Kafka (mock cluster in this process, \(partitions) partitions, reading from the beginning)",
            columns: ["payload", "librdkafka's own loop", "a serial route", "ratio", "a route by key", "ratio"])
        for (size, count) in [(16, 1_000_000.0), (256, 600_000), (4_096, 60_000)] {
            try await consume(size, max(20_000, Int(count * scale)))
        }
        try await latency(max(2_000, Int(10_000 * scale)))
    }

    private static func consume(_ size: Int, _ count: Int) async throws {
        let cluster = try MockCluster()
        try cluster.createTopic("consumed", partitions: partitions)
        let publisher = try KafkaPublisher(
            KafkaConfiguration(brokers: cluster.bootstrap), key: .metadata("key"), logger: silent)
        let payload = [UInt8](repeating: 0x61, count: size)
        var published = 0
        while published < count {
            let batch = min(5_000, count - published)
            try await publisher.publish(
                (0..<batch).map { Message(metadata: ["key": "\(published + $0)"], payload: payload) }, to: "consumed")
            published += batch
        }
        await publisher.close()
        var seconds: [[Double]] = [[], [], []]
        for round in 0..<rounds {
            seconds[0].append(await bare(cluster, count))
            for (index, ordering) in [Ordering.serial, .perKey(lanes: 16)].enumerated() {
                seconds[index + 1].append(try await route(cluster, count, ordering, group: "\(index)-\(round)"))
            }
        }
        let medians = seconds.map { $0.sorted()[rounds / 2] }
        Report.row(
            "\(size) B", Report.rate(count, medians[0]), Report.rate(count, medians[1]),
            String(format: "%.0f %%", 100 * medians[0] / medians[1]), Report.rate(count, medians[2]),
            String(format: "%.0f %%", 100 * medians[0] / medians[2]))
    }

    /// From the first message in a handler to the last: joining the group takes the mock cluster 3 s.
    private static func route(
        _ cluster: MockCluster, _ count: Int, _ ordering: Ordering, group: String
    ) async throws -> Double {
        let subscriber = try KafkaSubscriber(
            KafkaConfiguration(brokers: cluster.bootstrap), group: group, logger: silent)
        let router = Router(logger: silent)
        let clock = Clock(count)
        try router.add(Route("r", from: subscriber, "consumed", ordering: ordering) { _, _ in clock.tick() })
        let running = Task { try await router.run() }
        let seconds = await clock.wait()
        router.drain()
        try await running.value
        await subscriber.close()
        return seconds
    }

    private static func bare(_ cluster: MockCluster, _ count: Int) async -> Double {
        let brokers = cluster.bootstrap
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: bareLoop(brokers, count)) }
        }
    }

    private static func bareLoop(_ brokers: [String], _ count: Int) -> Double {
        let configuration = rd_kafka_conf_new()
        let properties = [
            ("bootstrap.servers", brokers.joined(separator: ",")), ("group.id", "bare"),
            ("enable.auto.commit", "false"),
        ]
        for (name, value) in properties { rd_kafka_conf_set(configuration, name, value, nil, 0) }
        guard let client = rd_kafka_new(RD_KAFKA_CONSUMER, configuration, nil, 0) else { return .infinity }
        rd_kafka_poll_set_consumer(client)
        let list = rd_kafka_topic_partition_list_new(Int32(partitions))
        for partition in 0..<Int32(partitions) {
            rd_kafka_topic_partition_list_add(list, "consumed", partition).pointee.offset = Int64(
                RD_KAFKA_OFFSET_BEGINNING)
        }
        rd_kafka_assign(client, list)
        rd_kafka_topic_partition_list_destroy(list)
        let queue = rd_kafka_queue_get_consumer(client)
        var messages = [UnsafeMutablePointer<rd_kafka_message_t>?](repeating: nil, count: 512)
        var start: ContinuousClock.Instant?
        var (seen, bytes) = (0, 0)
        while seen < count {
            let taken = max(0, rd_kafka_consume_batch_queue(queue, 10, &messages, messages.count))
            if taken > 0, start == nil { start = .now }
            for index in 0..<taken {
                if let message = messages[index], message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                    seen += 1
                    bytes += message.pointee.len
                }
                rd_kafka_message_destroy(messages[index])
            }
        }
        let seconds = (ContinuousClock.now - (start ?? .now)) / .seconds(1)
        rd_kafka_queue_destroy(queue)
        rd_kafka_destroy(client)
        return bytes >= 0 ? seconds : 0
    }

    /// 1,000 messages a second, one publish each.
    private static func latency(_ count: Int) async throws {
        Report.subject(
            "From publish to handler at 1,000 messages/s (defaults, but fetch.wait.max.ms = 5: the mock cluster answers an empty fetch no earlier)",
            columns: ["messages", "p50", "p99", "p99.9"])
        let cluster = try MockCluster()
        try cluster.createTopic("timely")
        var configuration = KafkaConfiguration(brokers: cluster.bootstrap)
        configuration.properties["fetch.wait.max.ms"] = "5"
        let publisher = try KafkaPublisher(configuration, logger: silent)
        let subscriber = try KafkaSubscriber(configuration, group: "g", logger: silent)
        let router = Router(logger: silent)
        let times = Mutex<[UInt64]>([])
        let clock = Clock(count + 1)
        try router.add(
            Route("r", from: subscriber, "timely") { message, _ in
                let sent = message.payload.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                let now = DispatchTime.now().uptimeNanoseconds
                if sent > 0 { times.withLock { $0.append(now - sent) } }
                clock.tick()
            })
        let running = Task { try await router.run() }
        // The first one, which waits for the group, does not count.
        try await publisher.publish([Message(payload: [0])], to: "timely")
        while clock.ticks == 0 { try await Task.sleep(for: .milliseconds(10)) }
        let start = ContinuousClock.now
        try await withThrowingDiscardingTaskGroup { group in
            for number in 0..<count {
                try await Task.sleep(until: start + .milliseconds(number), tolerance: .zero, clock: .continuous)
                group.addTask {
                    let now = DispatchTime.now().uptimeNanoseconds
                    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: now >> (56 - 8 * UInt64($0))) }
                    try await publisher.publish([Message(payload: bytes)], to: "timely")
                }
            }
        }
        _ = await clock.wait()
        router.drain()
        try await running.value
        await subscriber.close()
        await publisher.close()
        withExtendedLifetime(cluster) {}
        let sorted = times.withLock { $0.sorted() }
        func at(_ share: Double) -> String {
            String(format: "%.2f ms", Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]) / 1e6)
        }
        Report.row("\(sorted.count)", at(0.5), at(0.99), at(0.999))
    }

    /// Measures from the first tick to the last.
    private final class Clock: Sendable {
        private struct State {
            var start: ContinuousClock.Instant?
            var end: ContinuousClock.Instant?
            var waiter: CheckedContinuation<Void, Never>?
        }

        private let count: Int
        private let ticked = Atomic<Int>(0)
        private let state = Mutex(State())

        init(_ count: Int) {
            self.count = count
        }

        var ticks: Int { ticked.load(ordering: .relaxed) }

        func tick() {
            let number = ticked.add(1, ordering: .relaxed).newValue
            if number == 1 { state.withLock { $0.start = .now } }
            guard number == count else { return }
            state.withLock { state in
                state.end = .now
                state.waiter?.resume()
                state.waiter = nil
            }
        }

        func wait() async -> Double {
            await withCheckedContinuation { continuation in
                state.withLock { state in
                    if state.end == nil { state.waiter = continuation } else { continuation.resume() }
                }
            }
            return state.withLock { state in
                guard let start = state.start, let end = state.end else { return .infinity }
                return (end - start) / .seconds(1)
            }
        }
    }
}
