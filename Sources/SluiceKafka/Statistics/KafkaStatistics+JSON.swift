import FoundationEssentials
import Sluice

extension KafkaStatistics {
    /// Nil where the text is not what librdkafka writes.
    init?(json bytes: UnsafeRawBufferPointer) {
        guard let report = try? JSONDecoder().decode(Report.self, from: Data(bytes)) else { return nil }
        // The client's own broker stands for no machine.
        for (name, broker) in report.brokers ?? [:] where broker.source != "internal" {
            brokers[name] = Broker(
                id: broker.nodeid, state: broker.state, roundTrip: .microseconds(broker.rtt?.p99 ?? 0),
                errors: broker.txerrs.addingSaturated(broker.req_timeouts))
        }
        queuedMessages = report.msg_cnt ?? 0
        queuedBytes = report.msg_size ?? 0
        for (name, topic) in report.topics ?? [:] {
            var partitions: [Int32: Partition] = [:]
            // Partition -1 holds messages that have not been given one.
            for partition in topic.partitions.values where partition.partition >= 0 {
                partitions[partition.partition] = Partition(
                    leader: partition.leader, fetchedMessages: partition.fetchq_cnt,
                    fetchedBytes: partition.fetchq_size, low: partition.lo_offset, high: partition.hi_offset,
                    committed: partition.committed_offset, position: partition.app_offset)
            }
            topics[name] = partitions
        }
        group = report.cgrp.map {
            Group(
                state: $0.join_state, rebalances: $0.rebalance_cnt, lastRebalanceReason: $0.rebalance_reason,
                assignedPartitions: $0.assignment_size)
        }
    }

    // The names of librdkafka's own document.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Report: Decodable {
        var msg_cnt: Int?
        var msg_size: Int?
        var brokers: [String: Broker]?
        var topics: [String: Topic]?
        var cgrp: Group?

        struct Broker: Decodable {
            var nodeid: Int32
            var source: String
            var state: String
            var txerrs: Int
            var req_timeouts: Int
            var rtt: Window?
        }

        struct Window: Decodable {
            var p99: Int64
        }

        struct Topic: Decodable {
            var partitions: [String: Partition]
        }

        struct Partition: Decodable {
            var partition: Int32
            var leader: Int32
            var fetchq_cnt: Int
            var fetchq_size: Int
            var lo_offset: Int64
            var hi_offset: Int64
            var committed_offset: Int64
            var app_offset: Int64
        }

        struct Group: Decodable {
            var join_state: String
            var rebalance_cnt: Int
            var rebalance_reason: String
            var assignment_size: Int
        }
    }
}
