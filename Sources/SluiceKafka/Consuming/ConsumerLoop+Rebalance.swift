import CRDKafka
import Logging
import Sluice
import Synchronization

/// Tells the course what the group asks for, and does what the course says.
extension ConsumerLoop {
    func handle(rebalance event: borrowing NativeEvent, of client: NativeClient, _ now: MonotonicTime) {
        let list = rd_kafka_event_topic_partition_list(event.handle)
        var partitions: [Int32] = []
        if let list {
            partitions = list.elements.filter { String(cString: $0.topic) == topic.name }.map(\.partition)
        }
        switch event.error {
        case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
            // A loss comes without any broker.
            monitor.brokerAnswered()
            course.take(.assigned(partitions), now)
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
            course.take(.revoked(partitions), now)
        default:
            logger.error("a change of the group failed", metadata: ["error": "\(KafkaError(event.error))"])
            course.take(.changeFailed, now)
        }
    }

    /// Does what the course says, until it waits for something.
    func followCourse(_ now: MonotonicTime) {
        while true {
            let going = course.going
            let action = course.next(facts(now)) {
                (going: share(of: readers(of: going)), all: share(of: readers))
            }
            if action == .wait { return }
            perform(action, now)
        }
    }

    func facts(_ now: MonotonicTime) -> ConsumerCourse.Facts {
        let going = course.going
        var facts = ConsumerCourse.Facts(now: now)
        facts.request = control.request
        facts.isCancelled = subscription.isEnded
        facts.hasAskedToJoin = control.traffic.hasAsked
        if let client {
            if course.isLeaving { facts.hasLeft = rd_kafka_consumer_closed(client.handle) != 0 }
            if !going.isEmpty { facts.isLost = rd_kafka_assignment_lost(client.handle) != 0 }
        }
        facts.commitTime = control.traffic.commitTime(isAgreeing: !going.isEmpty)
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

    private func perform(_ action: ConsumerCourse.Action, _ now: MonotonicTime) {
        switch action {
        case .wait: break
        case .open: reopen(now)
        case .shut(let leaving, let reason): shut(leaving: leaving, because: reason)
        case .watchHandlers(let isWatching): load.setDraining(isWatching)
        case .withdraw(let partitions): withdraw(partitions)
        case .revoke(let partitions):
            for reader in readers where partitions?.contains(reader.feed.partition) ?? true { reader.feed.revoke() }
        case .lookUp(let partitions, let question): lookUp(partitions, question: question)
        case .takeUp(let partitions, let commits): takeUp(partitions, commits, now)
        case .accept(let partitions): assign(PartitionList(topic, partitions))
        case .release(let partitions, let uncommitted):
            if uncommitted > 0 {
                logger.warning(
                    "partitions are given up without the last commit: what was settled since the one before comes again",
                    metadata: ["partitions": "\(partitions)", "settled": "\(uncommitted)"])
            }
            abandon { partitions.contains($0) }
            release(partitions)
        case .giveUpAll:
            abandonAll()
            if let client { rd_kafka_assign(client.handle, nil) }
        case .commit: sendCommit(now)
        case .leave(let uncommitted): leave(uncommitted, now)
        }
    }

    private func leave(_ uncommitted: Int, _ now: MonotonicTime) {
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
            course.take(.leavingFailed, now)
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
    private func release(_ partitions: [Int32]) {
        guard let client else { return }
        guard isIncremental(client) else {
            return agree(KafkaError(failing: rd_kafka_assign(client.handle, nil)), client)
        }
        let unassign: @Sendable () -> KafkaError? = { [topic, secrets = monitor.secrets] in
            let list = PartitionList(topic, partitions)
            return KafkaError(consuming: rd_kafka_incremental_unassign(client.handle, list.handle), redacting: secrets)
        }
        guard course.isLeaving else { return agree(unassign(), client) }
        // As the client leaves, its group's end may drop the question unanswered (`rd_kafka_cgrp_terminated`).
        guard let failure = client.answer(within: Self.endingTime, to: unassign) else {
            return logger.warning("a client that leaves does not answer", metadata: ["partitions": "\(partitions)"])
        }
        agree(failure, client)
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
        if course.isLeaving { return }
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
