import CRDKafka
import Logging
import Sluice

/// Where new partitions are read from: what their group has committed, or else what the options say.
extension ConsumerLoop {
    private static let retryDelay = Duration.milliseconds(250)

    /// Asks where the partitions that come go on.
    func lookUp(_ partitions: [Int32], question: UInt) {
        guard let client, let events, let group = plan.group else { return }
        let list = PartitionList(capacity: partitions.count)
        for partition in partitions { list.append(topic.name, partition) }
        var request = rd_kafka_ListConsumerGroupOffsets_new(group, list.handle)
        let asked = rd_kafka_AdminOptions_new(client.handle, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS)
        var text = ErrorText()
        text.withBuffer {
            _ = rd_kafka_AdminOptions_set_request_timeout(asked, AdminClient.longestRequest, $0.baseAddress, $0.count)
        }
        if options.readsCommittedOnly {
            _ = KafkaError(
                consuming: rd_kafka_AdminOptions_set_require_stable_offsets(asked, 1), redacting: monitor.secrets)
        }
        rd_kafka_AdminOptions_set_opaque(asked, UnsafeMutableRawPointer(bitPattern: question))
        rd_kafka_ListConsumerGroupOffsets(client.handle, &request, 1, asked, events)
        rd_kafka_AdminOptions_destroy(asked)
        rd_kafka_ListConsumerGroupOffsets_destroy(request)
    }

    func handle(lookup event: borrowing NativeEvent, _ now: MonotonicTime) {
        let commits = commits(event)
        if commits != nil {
            monitor.brokerAnswered()
            diary.logEnd("the group's offsets are read again", of: "offsets", to: logger)
        }
        course.take(.offsets(UInt(bitPattern: rd_kafka_event_opaque(event.handle)), commits), now)
    }

    /// What the group has committed; nil when that is not known yet.
    private func commits(_ event: borrowing NativeEvent) -> [Int32: SettledOffsets]? {
        var failure = event.error
        var commits: [Int32: SettledOffsets] = [:]
        var count = 0
        if failure == RD_KAFKA_RESP_ERR_NO_ERROR,
            let groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
                rd_kafka_event_ListConsumerGroupOffsets_result(event.handle), &count), count > 0, let group = groups[0]
        {
            if let error = rd_kafka_group_result_error(group) { failure = rd_kafka_error_code(error) }
            if let list = rd_kafka_group_result_partitions(group) {
                for element in UnsafeMutablePointer(mutating: list).elements {
                    if element.err != RD_KAFKA_RESP_ERR_NO_ERROR { failure = element.err }
                    guard element.offset >= 0 else { continue }
                    let bytes = UnsafeRawBufferPointer(start: element.metadata, count: element.metadata_size)
                    commits[element.partition] = SettledOffsets(
                        offset: element.offset, metadata: String(decoding: bytes, as: UTF8.self))
                }
            }
        }
        guard failure != RD_KAFKA_RESP_ERR_NO_ERROR else { return commits }
        diary.log(
            "the group's offsets cannot be read; trying again", KafkaError(failure), of: "offsets", to: logger)
        return nil
    }

    /// Takes up partitions where their commits, or the options, say.
    func takeUp(_ partitions: [Int32], _ commits: [Int32: SettledOffsets], _ now: MonotonicTime) {
        let fresh = partitions.filter { commits[$0] == nil }
        guard let starts = starts(of: fresh) else { return course.take(.startsUnknown, now) }
        start(partitions, commits, starts)
        monitor.count("assigned")
        course.take(.tookUp, now)
    }

    private func start(_ partitions: [Int32], _ commits: [Int32: SettledOffsets], _ starts: [Int32: Int64]) {
        guard let client else { return }
        abandon { partitions.contains($0) }
        let list = PartitionList(capacity: partitions.count)
        for partition in partitions {
            let start = commits[partition]
            list.append(
                topic.name, partition,
                offset: start?.settled.through ?? starts[partition] ?? Int64(RD_KAFKA_OFFSET_BEGINNING))
            let feed = PartitionFeed(partition, from: start, load: load)
            if let reader = PartitionReader(client, topic, feed) { readers.append(reader) }
        }
        publishFeeds()
        assign(list)
    }

    /// Where partitions begin of which nothing was committed; nil when that cannot be told now.
    private func starts(of partitions: [Int32]) -> [Int32: Int64]? {
        let time: Timestamp
        switch options.start.kind {
        case .beginning: return [:]
        case .end: return Dictionary(partitions.map { ($0, Int64(RD_KAFKA_OFFSET_END)) }) { first, _ in first }
        case .time(let value): time = value
        }
        guard let client, !partitions.isEmpty else { return [:] }
        let list = PartitionList(capacity: partitions.count)
        for partition in partitions {
            list.append(topic.name, partition, offset: max(0, time.millisecondsSince1970))
        }
        // There is no other way to ask than to wait. Nothing is read of other partitions meanwhile anyway.
        let code = rd_kafka_offsets_for_times(client.handle, list.handle, 5_000)
        load.noteTurn(.now())
        var starts: [Int32: Int64] = [:]
        var failure = code
        for element in list.handle.elements {
            if element.err != RD_KAFKA_RESP_ERR_NO_ERROR { failure = element.err }
            starts[element.partition] = element.offset
        }
        guard failure == RD_KAFKA_RESP_ERR_NO_ERROR else {
            diary.log(
                "offsets cannot be looked up by time; trying again", KafkaError(failure), of: "times", to: logger)
            return nil
        }
        diary.logEnd("offsets are looked up by time again", of: "times", to: logger)
        return starts
    }

    /// Takes up every partition of the topic, also those that are added later.
    func discover(_ now: MonotonicTime) {
        guard let client, course.isRunning else { return }
        let known = monitor.statistics?.topics[topic.name]?.count ?? 0
        guard readers.isEmpty || known > readers.count, now >= nextDiscovery else { return }
        nextDiscovery = now.advanced(by: Self.retryDelay)
        let handle = rd_kafka_topic_new(client.handle, topic.name, nil)
        defer { rd_kafka_topic_destroy(handle) }
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(client.handle, 0, handle, &metadata, 1_000)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else {
            return logger.debug("the topic's partitions are not known", metadata: ["error": "\(KafkaError(code))"])
        }
        defer { rd_kafka_metadata_destroy(metadata) }
        guard metadata.pointee.topic_cnt == 1, let found = metadata.pointee.topics?.pointee else { return }
        guard found.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
            if found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, !hasMissedTopic {
                hasMissedTopic = true
                logger.warning("there is no such topic yet")
            }
            return
        }
        let partitions = UnsafeBufferPointer(start: found.partitions, count: Int(found.partition_cnt)).map(\.id)
        let added = partitions.filter { id in !readers.contains { $0.feed.partition == id } }
        // What is added later is read from its beginning.
        guard !added.isEmpty, let starts = readers.isEmpty ? starts(of: added) : [:] else { return }
        start(added, [:], starts)
    }
}
