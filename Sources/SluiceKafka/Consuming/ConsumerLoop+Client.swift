import CRDKafka
import Logging
import Sluice

/// The client's life: it is opened, may fail for good, and is then replaced.
extension ConsumerLoop {
    func open() {
        guard let client else { return }
        course.take(.opened, .now())
        control.traffic.reset()
        events = rd_kafka_queue_get_consumer(client.handle)
        rd_kafka_queue_cb_event_enable(
            events,
            { _, opaque in
                guard let opaque else { return }
                Unmanaged<ConsumerLoad>.fromOpaque(opaque).takeUnretainedValue().signal.raise()
            }, Unmanaged.passUnretained(load).toOpaque())
        guard plan.group != nil else { return }
        // Known from the start, its partitions are with their leaders before they are assigned. A partition that is
        // assigned a moment too early asks for its first offset again only half a second later.
        known = rd_kafka_topic_new(client.handle, topic.name, nil)
        let topics = PartitionList(capacity: 1)
        topics.append(topic.name, RD_KAFKA_PARTITION_UA)
        let code = rd_kafka_subscribe(client.handle, topics.handle)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR {
            diary.log("subscribing failed", KafkaError(code), of: "client", level: .error, to: logger)
            course.take(.failed(KafkaError(code).detail), .now())
        }
    }

    /// Whether ending the client would end the process. librdkafka 2.0.2 aborts it when a client is destroyed that was told
    /// the group's assignor and no assignment yet (<https://github.com/confluentinc/librdkafka/pull/4381>).
    private func isUnendable(_ client: NativeClient) -> Bool {
        guard plan.group != nil, !course.hasBeenAssigned else { return false }
        // From here on an answer that comes is not looked at any more.
        rd_kafka_unsubscribe(client.handle)
        return control.traffic.hasBeenAnswered
    }

    /// How long a client may take to end. One that leaves its group asks brokers, which may be away.
    static let endingTime = Duration.seconds(10)

    func shut(leaving: Bool, because reason: String) {
        abandonAll()
        forgetCommit()
        if let events {
            rd_kafka_queue_cb_event_enable(events, nil, nil)
            rd_kafka_queue_destroy(events)
        }
        events = nil
        if let known { rd_kafka_topic_destroy(known) }
        known = nil
        if let client, isUnendable(client) {
            logger.warning("a client that waits for its first assignment cannot be ended, and is left to itself")
            client.forsake(because: reason)
        } else {
            let hasEnded = client?.destroy(leaving: leaving, because: reason, within: Self.endingTime) ?? true
            if !hasEnded { logger.warning("a client does not end, and is left to itself") }
        }
        client = nil
    }

    func noticeFailure(_ now: MonotonicTime) {
        // One that is given up already has failed for another reason.
        guard course.hasClient, let error = client?.fatalError else { return }
        diary.log(
            "the client failed for good; another one replaces it", error, of: "client", level: .error, to: logger)
        course.take(.failed(error.detail), now)
    }

    /// Makes another client.
    func reopen(_ now: MonotonicTime) {
        do {
            client = try plan.makeClient(monitor, control)
            open()
        } catch {
            diary.log("no client can be made; trying again", error, of: "client", level: .error, to: logger)
            course.take(.failed(error.detail), now)
        }
    }

    /// A process that was paused for longer than its group waits has lost its partitions. The client learns that only
    /// from the broker's next answer.
    func noticeAbsence(_ now: MonotonicTime) {
        defer { load.noteTurn(now) }
        guard !readers.isEmpty, load.wasAbsent(now) else { return }
        logger.warning(
            "this process was paused for longer than its group waits: what it held comes again, to the process that reads it now"
        )
        monitor.count("lost")
        course.take(.failed("a pause"), now)
    }

    /// A client that reads is a good one.
    func noteSuccess() {
        if course.hasFailed {
            course.take(.read, .now())
            diary.logEnd("the client that took over reads", of: "client", to: logger)
        }
        monitor.brokerAnswered()
    }
}
