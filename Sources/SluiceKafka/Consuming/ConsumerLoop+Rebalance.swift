import CRDKafka
import Logging
import Sluice
import Synchronization

/// Takes part in the group's changes, and ends, as the consumer's course says.
extension ConsumerLoop {
    func handle(rebalance event: borrowing NativeEvent, _ now: MonotonicTime) {
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
            lookup.begin(now)
            course.assign(partitions)
        case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
            let isLost = rd_kafka_assignment_lost(client.handle) != 0
            monitor.count(isLost ? "lost" : "revoked")
            if isLost {
                logger.warning(
                    "partitions were lost: the group has given this consumer up, and what it held comes again",
                    metadata: [
                        "partitions": "\(partitions)", "settled": "\(share(of: readers(of: partitions)).uncommitted)",
                    ])
            }
            commit.renew()
            course.revoke(partitions, now: now)
            withdraw(partitions)
            load.setDraining(true)
        default:
            logger.error("a change of the group failed", metadata: ["error": "\(KafkaError(event.error))"])
            abandonAll()
            course.lostClient()
            rd_kafka_assign(client.handle, nil)
        }
    }

    /// Does what the course says, until it waits for something.
    func followCourse(_ now: MonotonicTime) {
        let request = control.request
        guard !course.isIdle || request != .none || subscription.isEnded else { return }
        while perform(course.next(facts(now, request)), now) {}
    }

    private func facts(_ now: MonotonicTime, _ request: ConsumerInbox.Request) -> MemberCourse.Facts {
        var facts = MemberCourse.Facts(now: now)
        facts.request = request
        facts.isCancelled = subscription.isEnded
        facts.isHalfJoined = isHalfJoined
        facts.hasClient = client != nil
        if let client {
            if case .leaving = course.phase { facts.hasLeft = rd_kafka_consumer_closed(client.handle) != 0 }
            let going = course.going
            if !going.isEmpty { facts.isLost = rd_kafka_assignment_lost(client.handle) != 0 }
            facts.going = share(of: readers(of: going))
        }
        facts.all = share(of: readers)
        facts.committing = commit.verdict(from: commitTime, now: now)
        return facts
    }

    private func readers(of partitions: [Int32]) -> [PartitionReader] {
        readers.filter { partitions.contains($0.feed.partition) }
    }

    private func share(of readers: [PartitionReader]) -> MemberCourse.Share {
        var share = MemberCourse.Share()
        for reader in readers {
            reader.feed.ledger.withLock { ledger in
                share.inHand += ledger.inHand
                guard plan.group != nil else { return }
                share.hasNews = share.hasNews || ledger.hasNews
                share.uncommitted += ledger.uncommitted
            }
        }
        return share
    }

    /// - Returns: whether there is more to decide.
    private func perform(_ action: MemberCourse.Action, _ now: MonotonicTime) -> Bool {
        switch action {
        case .wait: return false
        case .awaitHandlers: load.setDraining(true)
        case .revoke(let partitions):
            if partitions == nil { commit.renew() }
            for reader in readers where partitions?.contains(reader.feed.partition) ?? true { reader.feed.revoke() }
        case .commit: sendCommit(now)
        case .accept(let partitions): assign(list(partitions))
        case .release(let partitions, let uncommitted):
            if uncommitted > 0 {
                logger.warning(
                    "partitions are given up without the last commit: what was settled since the one before comes again",
                    metadata: ["partitions": "\(partitions)", "settled": "\(uncommitted)"])
            }
            abandon { partitions.contains($0) }
            release(list(partitions))
        case .leave(let uncommitted): leave(uncommitted)
        case .end(let leaving):
            shut(leaving: leaving)
            return false
        }
        if course.isIdle { load.setDraining(false) }
        return true
    }

    private func leave(_ uncommitted: Int) {
        guard let client, let events else { return }
        if uncommitted > 0 {
            logger.warning(
                "the group is left without the last commit: what was settled since the one before comes again",
                metadata: ["settled": "\(uncommitted)"])
        }
        abandonAll()
        control.membership = nil
        if let error = KafkaError(
            consuming: rd_kafka_consumer_close_queue(client.handle, events), redacting: monitor.secrets)
        {
            logger.debug("leaving failed", metadata: ["error": "\(error)"])
            shut(leaving: false)
            course.end()
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

    private func list(_ partitions: [Int32]) -> PartitionList {
        let list = PartitionList(capacity: partitions.count)
        for partition in partitions { list.append(topic.name, partition) }
        return list
    }

    /// Agrees that the partitions come.
    func assign(_ list: borrowing PartitionList) {
        guard let client else { return }
        agree(
            isIncremental(client)
                ? KafkaError(
                    consuming: rd_kafka_incremental_assign(client.handle, list.handle), redacting: monitor.secrets)
                : KafkaError(failing: rd_kafka_assign(client.handle, list.handle)), client)
    }

    /// Agrees that the partitions go.
    private func release(_ list: borrowing PartitionList) {
        guard let client else { return }
        agree(
            isIncremental(client)
                ? KafkaError(
                    consuming: rd_kafka_incremental_unassign(client.handle, list.handle),
                    redacting: monitor.secrets)
                : KafkaError(failing: rd_kafka_assign(client.handle, nil)), client)
    }

    private func isIncremental(_ client: NativeClient) -> Bool {
        rd_kafka_rebalance_protocol(client.handle).map { String(cString: $0) } != "EAGER"
    }

    private func agree(_ failure: KafkaError?, _ client: NativeClient) {
        if let failure {
            logger.error("librdkafka refused a change of the group", metadata: ["error": "\(failure)"])
        }
        // librdkafka may drop a question, and then never answer it, once the client leaves: with its last partitions its
        // group is gone (`rd_kafka_cgrp_terminated`).
        if case .leaving = course.phase { return }
        if plan.group != nil { control.membership = KafkaGroupMetadata(of: client) }
    }
}

extension KafkaError {
    /// Nil for no error.
    fileprivate init?(failing code: rd_kafka_resp_err_t) {
        if code == RD_KAFKA_RESP_ERR_NO_ERROR { return nil }
        self.init(code)
    }
}
