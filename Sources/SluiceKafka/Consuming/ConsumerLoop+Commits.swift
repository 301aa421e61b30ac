import CRDKafka
import Glibc
import Logging
import Sluice
import Synchronization

/// The commit that is under way, and when the next is due.
struct CommitState {
    fileprivate var feeds: [PartitionFeed] = []
    fileprivate(set) var isUnderWay = false
    fileprivate var last = MonotonicTime(nanoseconds: 0)
    /// The group is changing: the member is about to learn of it and join anew.
    fileprivate var pause = MonotonicTime(nanoseconds: 0)
    /// How often in a row committing has failed.
    fileprivate var failures = 0
    /// When a last commit that failed is tried again.
    fileprivate var retry = MonotonicTime(nanoseconds: 0)
    /// Whether the last one failed in a way that does not pass.
    fileprivate(set) var isHopeless = false
    /// How long the brokers let the metadata be, as far as is known.
    fileprivate(set) var metadataLimit = SettledOffsets.metadataLimit

    func due(_ options: KafkaSubscriber.Configuration) -> MonotonicTime {
        max(pause, last.advanced(by: options.commitInterval))
    }

    /// The client that was asked is gone.
    mutating func forget() {
        for feed in feeds { feed.ledger.withLock { $0.markDirty() } }
        feeds = []
        isUnderWay = false
    }

    /// What failed before says nothing of the commit that comes.
    mutating func renew() {
        isHopeless = false
        retry = MonotonicTime(nanoseconds: 0)
    }
}

extension ConsumerLoop {
    func commitIfDue(_ now: MonotonicTime) {
        guard plan.group != nil, !commit.isUnderWay, now >= commit.due(options) else { return }
        guard let commitTime, now >= commitTime else { return }
        switch course.phase {
        case .running, .finishing: sendCommit(now)
        case .committing, .leaving, .ended: break
        }
    }

    /// From when on a commit may be made; nil while that depends on an answer.
    var commitTime: MonotonicTime? {
        guard let time = control.traffic.commitTime(isAgreeing: !course.going.isEmpty) else { return nil }
        return course.wantsCommit ? max(time, commit.retry) : time
    }

    /// Whether a last commit may be made now.
    func committing(_ now: MonotonicTime) -> SessionCourse.Committing {
        if commit.isUnderWay { return .underWay }
        if commit.isHopeless { return .hopeless }
        guard let commitTime, now >= commitTime else { return .blocked }
        return .possible
    }

    /// Commits what was settled since the last time. To be called only when it is the time.
    func sendCommit(_ now: MonotonicTime) {
        guard plan.group != nil, let client, let events, !commit.isUnderWay else { return }
        let list = PartitionList(capacity: readers.count)
        var feeds: [PartitionFeed] = []
        for reader in readers {
            guard let settled = reader.feed.ledger.withLock({ $0.takeCommit() }) else { continue }
            list.append(
                topic.name, reader.feed.partition, offset: settled.settled.through,
                metadata: settled.metadata(limit: commit.metadataLimit))
            feeds.append(reader.feed)
        }
        guard !feeds.isEmpty else { return }
        commit.last = now
        commit.feeds = feeds
        commit.isUnderWay = true
        let code = rd_kafka_commit_queue(client.handle, list.handle, events, nil, nil)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { failed(commit: KafkaError(code)) }
    }

    func handle(commit event: borrowing NativeEvent) {
        var code = event.error
        if code == RD_KAFKA_RESP_ERR_NO_ERROR, let list = rd_kafka_event_topic_partition_list(event.handle) {
            code = list.elements.first { $0.err != RD_KAFKA_RESP_ERR_NO_ERROR }?.err ?? code
        }
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else {
            for feed in commit.feeds { feed.ledger.withLock { $0.committed() } }
            commit.feeds = []
            commit.isUnderWay = false
            commit.renew()
            if commit.failures > 0 {
                commit.failures = 0
                diary.logEnd("commits succeed again", of: "commits", to: logger)
            }
            return monitor.brokerAnswered()
        }
        if code == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE {
            commit.metadataLimit = commit.metadataLimit > 64 ? commit.metadataLimit / 2 : 0
        }
        failed(commit: KafkaError(code))
    }

    /// What was to be committed goes with the next one.
    private func failed(commit error: KafkaError) {
        let now = MonotonicTime.now()
        commit.forget()
        let code = error.code.native
        commit.isHopeless = Self.isHopeless(code)
        commit.retry = now.advanced(
            by: code == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE ? .zero : Self.retryDelay)
        // The group is changing: that is no fault, and what is settled is committed afterwards.
        let isExpected = [RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION].contains(code)
        commit.failures += 1
        if isExpected {
            commit.pause = now.advanced(by: options.heartbeatInterval * 2)
            logger.debug("committing failed", metadata: ["error": "\(error)"])
        } else {
            if code != RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE {
                commit.pause = now.advanced(by: Self.commitBackoff.bound(beforeRetry: commit.failures))
            }
            diary.log("committing failed", error, of: "commits", to: logger)
        }
    }

    private static let commitBackoff = Backoff.exponential(from: .milliseconds(250), upTo: .seconds(10), jitter: false)

    private static let retryDelay = Duration.milliseconds(200)

    /// Whether it is of no use to commit the same again: the group has given the member up, or the user may not.
    private static func isHopeless(_ code: rd_kafka_resp_err_t) -> Bool {
        switch code {
        case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
            RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__DESTROY,
            RD_KAFKA_RESP_ERR__STATE:
            true
        default: false
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
