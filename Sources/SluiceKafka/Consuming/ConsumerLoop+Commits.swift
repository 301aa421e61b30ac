import CRDKafka
import Glibc
import Logging
import Sluice
import Synchronization

extension ConsumerLoop {
    /// Commits what was settled since the last time.
    func sendCommit(_ now: MonotonicTime) {
        guard let client, let events else { return }
        let list = PartitionList(capacity: readers.count)
        for reader in readers {
            guard let settled = reader.feed.ledger.withLock({ $0.takeCommit() }) else { continue }
            list.append(
                topic.name, reader.feed.partition, offset: settled.settled.through,
                metadata: settled.metadata(limit: course.commit.metadataLimit))
            inCommit.append(reader.feed)
        }
        guard !inCommit.isEmpty else { return course.take(.nothingToCommit, now) }
        let code = rd_kafka_commit_queue(client.handle, list.handle, events, nil, nil)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { noteFailed(commit: code, now) }
    }

    func handle(commit event: borrowing NativeEvent, _ now: MonotonicTime) {
        var code = event.error
        if code == RD_KAFKA_RESP_ERR_NO_ERROR, let list = rd_kafka_event_topic_partition_list(event.handle) {
            code = list.elements.first { $0.err != RD_KAFKA_RESP_ERR_NO_ERROR }?.err ?? code
        }
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { return noteFailed(commit: code, now) }
        for feed in inCommit { feed.ledger.withLock { $0.committed() } }
        inCommit = []
        if course.hasFailedToCommit { diary.logEnd("commits succeed again", of: "commits", to: logger) }
        course.take(.committed, now)
        monitor.brokerAnswered()
    }

    private func noteFailed(commit code: rd_kafka_resp_err_t, _ now: MonotonicTime) {
        forgetCommit()
        let (failure, error) = (CommitCourse.Failure(code), KafkaError(code))
        course.take(.commitFailed(failure), now)
        if failure.cause == .changing {
            logger.debug("committing failed", metadata: ["error": "\(error)"])
        } else {
            diary.log("committing failed", error, of: "commits", to: logger)
        }
    }

    /// What is in no commit that succeeded goes with the next one.
    func forgetCommit() {
        for feed in inCommit { feed.ledger.withLock { $0.markDirty() } }
        inCommit = []
    }
}

extension CommitCourse.Failure {
    fileprivate init(_ code: rd_kafka_resp_err_t) {
        switch code {
        case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS: self.init(cause: .changing)
        case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION: self.init(cause: .changing, isHopeless: true)
        case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE: self.init(cause: .tooLarge)
        case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
            RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__DESTROY, RD_KAFKA_RESP_ERR__STATE:
            self.init(cause: .other, isHopeless: true)
        default: self.init(cause: .other)
        }
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
