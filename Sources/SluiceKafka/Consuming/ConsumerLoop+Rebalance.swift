import CRDKafka
internal import Logging
internal import Sluice
import Synchronization

/// A change of the group that this member has to agree to. Until it does, librdkafka delivers nothing, and the group
/// waits.
enum Rebalance {
    case none
    /// It is looked up where the partitions go on.
    /// - id: of the request that is out; nil when the next one is due at `retry`.
    case looking([Int32], id: UInt?, retry: MonotonicTime)
    /// Handlers finish with what they hold of the partitions.
    case draining([Int32], until: MonotonicTime)
    /// What was settled is committed.
    case committing([Int32], until: MonotonicTime)

    var deadline: MonotonicTime? {
        switch self {
        case .none: nil
        case .looking(_, let id, let retry): id == nil ? retry : nil
        case .draining(_, let until), .committing(_, let until): until
        }
    }

    /// Whether the partition is about to go.
    func isTaking(_ partition: Int32) -> Bool {
        switch self {
        case .none, .looking: false
        case .draining(let partitions, _), .committing(let partitions, _): partitions.contains(partition)
        }
    }
}

extension ConsumerLoop {
    private static let commitPatience = Duration.seconds(5)

    private var isLeaving: Bool {
        switch phase {
        case .committing, .leaving: true
        case .running, .finishing, .ended: false
        }
    }

    func take(rebalance event: borrowing NativeEvent, _ now: MonotonicTime) {
        guard let client else { return }
        let list = rd_kafka_event_topic_partition_list(event.handle)
        var partitions: [Int32] = []
        if let list {
            partitions = list.elements.filter { String(cString: $0.topic) == topic.name }.map(\.partition)
        }
        switch event.error {
        case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
            // A loss comes without any broker.
            monitor.brokerAnswered()
            hasBeenAssigned = true
            rebalance = .looking(partitions, id: nil, retry: now)
            if isLeaving || partitions.isEmpty { finishRebalance() }
        case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
            let isLost = rd_kafka_assignment_lost(client.handle) != 0
            monitor.count(isLost ? "lost" : "revoked")
            if isLost {
                logger.warning(
                    "partitions were lost: the group has given this consumer up, and what it held comes again",
                    metadata: ["partitions": "\(partitions)"])
            }
            rebalance = .draining(partitions, until: now.advanced(by: isLost ? .zero : options.drainTimeout))
            withdraw(partitions)
            load.setDraining(true)
            if isLeaving || isLost { finishRebalance() }
        default:
            logger.error("a change of the group failed", metadata: ["error": "\(KafkaError(event.error))"])
            abandonAll()
            rebalance = .none
            rd_kafka_assign(client.handle, nil)
        }
    }

    /// Goes on with a change of the group that waits for something.
    func proceed(_ now: MonotonicTime) {
        switch rebalance {
        case .none:
            if plan.group == nil { discover(now) }
        case .looking(let partitions, nil, let retry):
            if now >= retry { lookUp(partitions) }
        case .looking: break
        case .draining(let partitions, let until):
            guard let client else { return }
            if rd_kafka_assignment_lost(client.handle) != 0 { return finishRebalance() }
            let going = readers.filter { partitions.contains($0.feed.partition) }
            guard now >= until || inHand(going) == 0 else { return }
            // Before the last commit is made: what would be attempted from now on is not in it.
            for reader in going { reader.feed.revoke() }
            guard !commit.isUnderWay else { return }
            guard sendCommit(now) else { return finishRebalance() }
            rebalance = .committing(partitions, until: now.advanced(by: Self.commitPatience))
        case .committing(let partitions, let until):
            guard !commit.isUnderWay || now >= until else { return }
            if commit.isUnderWay || commit.hasFailed {
                logger.notice(
                    "partitions are given up without the last commit: what was settled since the one before comes again",
                    metadata: ["partitions": "\(partitions)"])
            }
            finishRebalance()
        }
    }

    /// Agrees to the change, whatever is still open.
    func finishRebalance() {
        defer {
            rebalance = .none
            if case .running = phase { load.setDraining(false) }
        }
        switch rebalance {
        case .none: break
        case .looking(let partitions, _, _):
            // Only where there is nothing to begin with, or no time to.
            let list = PartitionList(capacity: partitions.count)
            for partition in partitions { list.append(topic.name, partition) }
            tell(list, assigning: true)
        case .draining(let partitions, _), .committing(let partitions, _):
            abandon { partitions.contains($0) }
            let list = PartitionList(capacity: partitions.count)
            for partition in partitions { list.append(topic.name, partition) }
            tell(list, assigning: false)
        }
    }

    func abandonAll() {
        abandon { _ in true }
    }

    func abandon(_ isGone: (Int32) -> Bool) {
        for reader in readers where isGone(reader.feed.partition) { reader.close() }
        readers.removeAll { isGone($0.feed.partition) }
        publishFeeds()
    }

    func publishFeeds() {
        control.feeds = readers.map(\.feed)
    }

    func tell(_ list: borrowing PartitionList, assigning: Bool) {
        guard let client else { return }
        let isIncremental = rd_kafka_rebalance_protocol(client.handle).map { String(cString: $0) } != "EAGER"
        var failure: KafkaError?
        if isIncremental {
            failure = KafkaError(
                consuming: assigning
                    ? rd_kafka_incremental_assign(client.handle, list.handle)
                    : rd_kafka_incremental_unassign(client.handle, list.handle), redacting: monitor.secrets)
        } else {
            let code = rd_kafka_assign(client.handle, assigning ? list.handle : nil)
            if code != RD_KAFKA_RESP_ERR_NO_ERROR { failure = KafkaError(code) }
        }
        if let failure {
            logger.error("librdkafka refused a change of the group", metadata: ["error": "\(failure)"])
        }
        // librdkafka may drop a question, and then never answer it, once the client leaves: with its last partitions its
        // group is gone (`rd_kafka_cgrp_terminated`).
        if case .leaving = phase { return }
        if plan.group != nil { control.membership = KafkaGroupMetadata(of: client) }
    }
}
