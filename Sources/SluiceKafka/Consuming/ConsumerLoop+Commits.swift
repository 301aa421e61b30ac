import CRDKafka
internal import Logging
internal import Sluice
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The commit that is under way, and when the next is due.
struct CommitState {
    fileprivate var feeds: [PartitionFeed] = []
    fileprivate(set) var isUnderWay = false
    fileprivate var last = MonotonicTime(nanoseconds: 0)
    /// The group is changing: the member is about to learn of it and join anew.
    fileprivate var pause = MonotonicTime(nanoseconds: 0)
    /// Whether the last one failed.
    var hasFailed = false
    /// How long the brokers let the metadata be, as far as is known.
    fileprivate var metadataLimit = SettledOffsets.metadataLimit

    func due(_ options: KafkaSubscriber.Options) -> MonotonicTime {
        max(pause, last.advanced(by: options.commitInterval))
    }

    /// The client that was asked is gone.
    mutating func forget() {
        for feed in feeds { feed.ledger.withLock { $0.soil() } }
        feeds = []
        isUnderWay = false
    }
}

extension ConsumerLoop {
    func commitIfDue(_ now: MonotonicTime) {
        guard plan.group != nil, !commit.isUnderWay, now >= commit.due(options) else { return }
        switch phase {
        case .running, .finishing: sendCommit(now)
        case .committing, .leaving, .ended: break
        }
    }

    /// Commits what was settled since the last time.
    /// - Returns: whether a commit is under way now: false where there was nothing, or where it is not the time.
    @discardableResult
    func sendCommit(_ now: MonotonicTime) -> Bool {
        guard plan.group != nil, let client, let events, !commit.isUnderWay, !control.isJoining else { return false }
        let list = PartitionList(capacity: readers.count)
        var feeds: [PartitionFeed] = []
        for reader in readers {
            guard let settled = reader.feed.ledger.withLock({ $0.takeCommit() }) else { continue }
            list.append(
                topic.name, reader.feed.partition, offset: settled.settled.through,
                metadata: settled.metadata(limit: commit.metadataLimit))
            feeds.append(reader.feed)
        }
        guard !feeds.isEmpty else { return false }
        commit.last = now
        commit.feeds = feeds
        commit.isUnderWay = true
        let code = rd_kafka_commit_queue(client.handle, list.handle, events, nil, nil)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR {
            failed(commit: KafkaError(code))
            return false
        }
        return true
    }

    func take(commit event: borrowing NativeEvent) {
        var code = event.error
        if code == RD_KAFKA_RESP_ERR_NO_ERROR, let list = rd_kafka_event_topic_partition_list(event.handle) {
            code = list.elements.first { $0.err != RD_KAFKA_RESP_ERR_NO_ERROR }?.err ?? code
        }
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else {
            commit.feeds = []
            commit.isUnderWay = false
            commit.hasFailed = false
            return monitor.brokerAnswered()
        }
        if code == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE {
            commit.metadataLimit = commit.metadataLimit > 64 ? commit.metadataLimit / 2 : 0
        }
        failed(commit: KafkaError(code))
    }

    /// What was to be committed goes with the next one.
    private func failed(commit error: KafkaError) {
        commit.forget()
        commit.hasFailed = true
        // The group is changing: that is no fault, and what is settled is committed afterwards.
        let isExpected = [RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION].contains(
            error.code.native)
        if isExpected { commit.pause = MonotonicTime.now().advanced(by: options.heartbeatInterval * 2) }
        logger.log(level: isExpected ? .debug : .warning, "committing failed", metadata: ["error": "\(error)"])
    }
}

extension PartitionList {
    /// - Parameter metadata: what a commit says beside the offset.
    func append(_ topic: String, _ partition: Int32, offset: Int64, metadata: String) {
        let element = rd_kafka_topic_partition_list_add(handle, topic, partition)
        element?.pointee.offset = offset
        guard !metadata.isEmpty, let copy = strdup(metadata) else { return }
        // librdkafka frees it with the list.
        element?.pointee.metadata = UnsafeMutableRawPointer(copy)
        element?.pointee.metadata_size = metadata.utf8.count
    }
}
