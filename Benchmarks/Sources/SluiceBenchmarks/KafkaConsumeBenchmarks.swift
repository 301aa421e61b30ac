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
    private static let rounds = 5
    /// The mock cluster answers a fetch that finds nothing, as of the partitions that have been read first, only after
    /// this time, and everything else on the connection waits for it.
    private static let patience = [("fetch.wait.max.ms", "10")]
    private static let silent = Logger(label: "kafka") { _ in SwiftLogNoOpLogHandler() }

    static func run(scale: Double) async throws {
        Report.subject(
            "Consuming from Kafka (mock cluster in this process, \(partitions) partitions, reading from the beginning, fetch.wait.max.ms = 10)",
            columns: ["payload", "what", "messages/s", "of the loop", "of one that reads nothing", "CPU a message"])
        for (size, count) in [(16, 1_000_000.0), (256, 600_000), (4_096, 60_000)] {
            try await consume(size, max(20_000, Int(count * scale)))
        }
        try await latency(max(2_000, Int(10_000 * scale)))
    }

    private static func consume(_ size: Int, _ count: Int) async throws {
        let cluster = try MockCluster()
        try cluster.createTopic("consumed", partitions: partitions)
        try await publish(size, count, to: cluster)
        let ways: [(String, (Int) async throws -> Double)] = [
            ("librdkafka's loop", { _ in await bare(cluster, count, reading: true) }),
            ("the same, records thrown away unread", { _ in await bare(cluster, count, reading: false) }),
            ("a serial route", { try await route(cluster, count, .serial, group: "serial-\($0)") }),
            ("a route by key, 16 lanes", { try await route(cluster, count, .perKey(lanes: 16), group: "key-\($0)") }),
        ]
        var seconds = [[Double]](repeating: [], count: ways.count)
        var cpu = seconds
        for round in 0..<rounds {
            for (index, way) in ways.enumerated() {
                let before = cpuSeconds()
                seconds[index].append(try await way.1(round))
                cpu[index].append(cpuSeconds() - before)
            }
        }
        let medians = seconds.map { $0.sorted()[rounds / 2] }
        if size == 256 {
            Goals.note(.kafkaSerial, 100 * medians[0] / medians[2])
            Goals.note(.kafkaByKey, 100 * medians[0] / medians[3])
        }
        for (index, way) in ways.enumerated() {
            Report.row(
                "\(size) B", way.0, Report.rate(count, medians[index]),
                String(format: "%.0f %%", 100 * medians[0] / medians[index]),
                String(format: "%.0f %%", 100 * medians[1] / medians[index]),
                String(format: "%.1f µs", cpu[index].sorted()[rounds / 2] * 1e6 / Double(count)))
        }
    }

    /// In large batches, as brokers hold those of a busy topic: the mock cluster looks for a fetch's through all of the
    /// partition's.
    private static func publish(_ size: Int, _ count: Int, to cluster: MockCluster) async throws {
        var options = KafkaPublisher.Configuration()
        options.linger = .milliseconds(100)
        let publisher = try KafkaPublisher(
            KafkaConfiguration(brokers: cluster.bootstrap), key: .metadata("key"), configuration: options,
            logger: silent)
        let payload = [UInt8](repeating: 0x61, count: size)
        var published = 0
        while published < count {
            let batch = min(100_000, count - published)
            try await publisher.publish(
                (0..<batch).map { Message(metadata: ["key": "\(published + $0)"], payload: payload) }, to: "consumed")
            published += batch
        }
        await publisher.close()
    }

    /// From the first message in a handler to the last: joining the group takes the mock cluster 3 s.
    private static func route(
        _ cluster: MockCluster, _ count: Int, _ ordering: Ordering, group: String
    ) async throws -> Double {
        var configuration = KafkaConfiguration(brokers: cluster.bootstrap)
        for (name, value) in patience { configuration.properties[name] = value }
        let subscriber = try KafkaSubscriber(configuration, group: group, logger: silent)
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

    private static func bare(_ cluster: MockCluster, _ count: Int, reading: Bool) async -> Double {
        let brokers = cluster.bootstrap
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(returning: bareLoop(brokers, count) { reading ? read($0) : $0.pointee.len })
            }
        }
    }

    private static func bareLoop(
        _ brokers: [String], _ count: Int, _ take: (UnsafeMutablePointer<rd_kafka_message_t>) -> Int
    ) -> Double {
        let configuration = rd_kafka_conf_new()
        let properties =
            [
                ("bootstrap.servers", brokers.joined(separator: ",")), ("group.id", "bare"),
                ("enable.auto.commit", "false"),
                // A loop is as fast as its queue is never full: librdkafka looks at a full one only once a second.
                ("queued.min.messages", "1000000"), ("queued.max.messages.kbytes", "1000000"),
            ] + patience
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
                    bytes += take(message)
                }
                rd_kafka_message_destroy(messages[index])
            }
        }
        let seconds = (ContinuousClock.now - (start ?? .now)) / .seconds(1)
        rd_kafka_queue_destroy(queue)
        rd_kafka_destroy(client)
        return bytes > 0 ? seconds : .infinity
    }

    /// What no consumer can do without: its own copy of the record, which librdkafka only lends.
    private static func read(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> Int {
        let key = [UInt8](UnsafeRawBufferPointer(start: message.pointee.key, count: message.pointee.key_len))
        let value = [UInt8](UnsafeRawBufferPointer(start: message.pointee.payload, count: message.pointee.len))
        var bytes = key.count + value.count
        var headers: OpaquePointer?
        guard rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR else { return bytes }
        var (index, size) = (0, 0)
        var name: UnsafePointer<CChar>?
        var pointer: UnsafeRawPointer?
        while rd_kafka_header_get_all(headers, index, &name, &pointer, &size) == RD_KAFKA_RESP_ERR_NO_ERROR {
            bytes += [UInt8](UnsafeRawBufferPointer(start: pointer, count: size)).count
            index += 1
        }
        return bytes
    }

    /// 1,000 messages a second, one publish each.
    private static func latency(_ count: Int) async throws {
        Report.subject(
            "From publish to handler at 1,000 messages/s (defaults, but fetch.wait.max.ms = 1: the mock cluster answers an empty fetch no earlier, brokers as soon as there is something)",
            columns: ["messages", "p50", "p99", "p99.9"])
        let cluster = try MockCluster()
        try cluster.createTopic("timely")
        var configuration = KafkaConfiguration(brokers: cluster.bootstrap)
        configuration.properties["fetch.wait.max.ms"] = "1"
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
