import CRDKafka
import Foundation
import Logging
import Sluice
import SluiceKafka
import SluiceTestBrokers

/// Publishing to Kafka, with a loop of librdkafka's own functions beside it: the same records, the same properties, the
/// same mock cluster, taking turns.
enum KafkaPublishBenchmarks {
    private static let topic = "published"
    private static let rounds = 3

    static func run(scale: Double) async throws {
        Report.subject(
            "Publishing to Kafka (mock cluster in this process)",
            columns: ["payload", "what", "messages/s", "of librdkafka's own", "CPU a message"])
        for (size, count) in [(16, 2_000_000.0), (256, 2_000_000), (4_096, 200_000)] {
            try await compare([UInt8](repeating: 0x61, count: size), max(100_000, Int(count * scale)))
        }
        Report.subject(
            "Publishing to Kafka, 1,000 messages/s, one a call", columns: ["payload", "p50", "p99", "longest"])
        try await latency([UInt8](repeating: 0x61, count: 256), max(1_000, Int(5_000 * scale)))
    }

    private static func compare(_ payload: [UInt8], _ count: Int) async throws {
        let ways: [(String, () async throws -> Double)] = [
            ("a loop of librdkafka's functions", { try await bare(payload, count) }),
            // As many in flight as the queue takes.
            ("100 tasks, 1,000 messages a call", { try await publish(payload, count, tasks: 100, each: 1_000) }),
            ("1,024 tasks, 1 message a call", { try await publish(payload, count, tasks: 1_024, each: 1) }),
        ]
        var seconds = [[Double]](repeating: [], count: ways.count)
        var cpu = [[Double]](repeating: [], count: ways.count)
        for _ in 0..<rounds {
            for (index, way) in ways.enumerated() {
                let before = cpuSeconds()
                seconds[index].append(try await way.1())
                cpu[index].append(cpuSeconds() - before)
            }
        }
        let medians = seconds.map { $0.sorted()[rounds / 2] }
        if payload.count == 256 { Goals.note(.kafkaPublish, 100 * medians[0] / medians[2]) }
        for (index, way) in ways.enumerated() {
            Report.row(
                "\(payload.count) B", way.0, Report.rate(count, medians[index]),
                String(format: "%.0f %%", 100 * medians[0] / medians[index]),
                String(format: "%.1f µs", cpu[index].sorted()[rounds / 2] * 1e6 / Double(count)))
        }
    }

    /// From the call of `publish` to its return, whether or not earlier ones have returned.
    private static func latency(_ payload: [UInt8], _ count: Int) async throws {
        let cluster = try MockCluster()
        try cluster.createTopic(topic)
        let publisher = try KafkaPublisher(KafkaConfiguration(brokers: cluster.bootstrap), logger: silent)
        try await publisher.publish([Message(payload: payload)], to: Topic(topic))
        var milliseconds = try await withThrowingTaskGroup(of: Double.self) { group in
            let start = ContinuousClock.now
            for index in 0..<count {
                try await Task.sleep(until: start + .milliseconds(index), tolerance: .zero)
                group.addTask {
                    try await timed { try await publisher.publish([Message(payload: payload)], to: Topic(topic)) }
                        * 1_000
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        await publisher.close()
        withExtendedLifetime(cluster) {}
        milliseconds.sort()
        func text(_ share: Double) -> String {
            String(format: "%.2f ms", milliseconds[min(count - 1, Int(Double(count) * share))])
        }
        Report.row("\(payload.count) B", text(0.5), text(0.99), text(1))
    }

    private static let silent = Logger(label: "kafka") { _ in SwiftLogNoOpLogHandler() }

    private static func publish(_ payload: [UInt8], _ count: Int, tasks: Int, each: Int) async throws -> Double {
        let cluster = try MockCluster()
        try cluster.createTopic(topic)
        let publisher = try KafkaPublisher(KafkaConfiguration(brokers: cluster.bootstrap), logger: silent)
        try await publisher.publish([Message(payload: payload)], to: Topic(topic))
        let seconds = try await publishing(payload, count, by: publisher, to: Topic(topic), tasks: tasks, each: each)
        await publisher.close()
        // The cluster is needed until here.
        return withExtendedLifetime(cluster) { seconds }
    }

    /// One thread that produces and polls, as librdkafka's own benchmark does.
    private static func bare(_ payload: [UInt8], _ count: Int) async throws -> Double {
        let cluster = try MockCluster()
        try cluster.createTopic(topic)
        let brokers = cluster.bootstrap
        let seconds = await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: Bare.run(brokers, payload, count)) }
        }
        return withExtendedLifetime(cluster) { seconds }
    }
}

/// The minimal loop: `producev`, `poll`, and a counter of delivery reports, all on one thread.
private enum Bare {
    final class Tally {
        var delivered = 0
    }

    static func run(_ brokers: [String], _ payload: [UInt8], _ count: Int) -> Double {
        let tally = Tally()
        let configuration = rd_kafka_conf_new()
        let properties = [
            ("bootstrap.servers", brokers.joined(separator: ",")), ("client.id", "sluice"),
            ("enable.idempotence", "true"), ("acks", "all"), ("linger.ms", "2"), ("delivery.timeout.ms", "30000"),
            ("partitioner", "fnv1a_random"), ("queue.buffering.max.messages", "100000"),
            ("queue.buffering.max.kbytes", "65536"), ("socket.nagle.disable", "true"),
        ]
        for (name, value) in properties { rd_kafka_conf_set(configuration, name, value, nil, 0) }
        rd_kafka_conf_set_opaque(configuration, Unmanaged.passUnretained(tally).toOpaque())
        rd_kafka_conf_set_dr_msg_cb(configuration) { _, message, opaque in
            guard let message, let opaque, message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else { return }
            Unmanaged<Tally>.fromOpaque(opaque).takeUnretainedValue().delivered += 1
        }
        guard let client = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, nil, 0),
            let topic = rd_kafka_topic_new(client, "published", nil)
        else { return .infinity }
        defer {
            rd_kafka_topic_destroy(topic)
            rd_kafka_destroy(client)
        }
        // The first message brings up connections and metadata, before the clock runs.
        produce(client, topic, payload)
        while tally.delivered < 1 { rd_kafka_poll(client, 10) }
        let start = ContinuousClock.now
        for _ in 0..<count {
            produce(client, topic, payload)
            rd_kafka_poll(client, 0)
        }
        while tally.delivered < count + 1 { rd_kafka_poll(client, 10) }
        return (ContinuousClock.now - start) / .seconds(1)
    }

    /// With the one header that Watermill's form needs.
    private static func produce(_ client: OpaquePointer, _ topic: OpaquePointer, _ payload: [UInt8]) {
        while true {
            let headers = rd_kafka_headers_new(1)
            rd_kafka_header_add(
                headers, "_watermill_message_uuid", -1, "01936f2e-7d3a-7000-8000-000000000000", 36)
            let code = payload.withUnsafeBytes {
                sluice_kafka_produce(
                    client, topic, RD_KAFKA_PARTITION_UA, $0.baseAddress, $0.count, nil, 0, 0, headers, nil)
            }
            if code == RD_KAFKA_RESP_ERR_NO_ERROR { return }
            rd_kafka_headers_destroy(headers)
            rd_kafka_poll(client, 10)
        }
    }
}
