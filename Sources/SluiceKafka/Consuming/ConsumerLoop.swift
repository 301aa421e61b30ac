import CRDKafka
import Logging
import Sluice
import Synchronization

/// What a consumer's thread does: it serves the client's events, feeds the subscription, takes part in the group's
/// changes, commits. Everything here belongs to that thread.
///
/// The thread sleeps on one signal, which librdkafka's queues, settlements and requests from outside raise, and is
/// never kept from polling by a full subscription or a slow handler.
final class ConsumerLoop {
    let topic: Topic
    let plan: TopicConsumer.Plan
    let subscription: Subscription
    let control: ConsumerInbox
    let monitor: ClientMonitor
    let logger: Logger
    var options: KafkaSubscriber.Configuration { plan.options }
    var load: ConsumerLoad { control.load }

    var client: NativeClient?
    /// Where everything of the client arrives but records.
    var events: OpaquePointer?
    /// librdkafka's own object of the topic, where a group reads it.
    var known: OpaquePointer?
    /// Decides what is done with the client, the group and commits.
    var course: ConsumerCourse
    var readers: [PartitionReader] = []
    /// What the commit that is under way is of.
    var inCommit: [PartitionFeed] = []
    /// What was logged of what is tried again.
    let diary = FailureDiary()
    let records: RecordReader
    var copier = RecordCopier()
    let buffer: UnsafeMutableBufferPointer<UnsafeMutablePointer<rd_kafka_message_t>?>
    /// About how many bytes a message takes up, going by the last ones: how many are asked for at once.
    var typicalSize = 4_096
    var admissions: [PartitionLedger.Admission] = []
    /// Whether the subscription had any left when it was last fed.
    var hasRoom = false
    /// Which partition is read first, so that each has its turn.
    var turn = 0
    private var nextRefresh = MonotonicTime(nanoseconds: 0)
    /// When a consumer without a group looks for partitions again.
    var nextDiscovery = MonotonicTime(nanoseconds: 0)
    /// Whether it was told that the topic is not there.
    var hasMissedTopic = false

    /// How long an unreachable cluster may hold up leaving the group.
    private static let leaveTimeout = Duration.seconds(5)
    /// How many records are taken at once.
    private static let batchSize = 512

    init(
        _ topic: Topic, _ plan: TopicConsumer.Plan, _ client: NativeClient, subscription: Subscription,
        control: ConsumerInbox, monitor: ClientMonitor, logger: Logger
    ) {
        self.topic = topic
        self.plan = plan
        self.client = client
        self.subscription = subscription
        self.control = control
        self.monitor = monitor
        self.logger = logger
        course = ConsumerCourse(
            hasGroup: plan.group != nil,
            MemberCourse(
                MemberCourse.Limits(
                    drain: plan.options.drainTimeout, commit: plan.options.commitTimeout, leave: Self.leaveTimeout)),
            CommitCourse(
                interval: plan.options.commitInterval, heartbeatInterval: plan.options.heartbeatInterval))
        records = RecordReader(topic: topic, marshaler: plan.options.marshaler, logger: logger)
        buffer = .allocate(capacity: Self.batchSize)
        buffer.initialize(repeating: nil)
    }

    deinit {
        buffer.deallocate()
    }

    func run() {
        open()
        while true {
            let now = MonotonicTime.now()
            noticeAbsence(now)
            noticeFailure(now)
            followCourse(now)
            serveEvents(now)
            if course.hasEnded { break }
            if plan.group == nil { discover(now) }
            hasRoom = false
            let isBusy = course.isRunning && feed(now)
            refreshWatermarks(now)
            followCourse(now)
            if course.hasEnded { break }
            if !isBusy { load.signal.wait(until: deadline(now)) }
        }
        control.end()
        subscription.finish()
    }

    /// Until when the thread may sleep.
    private func deadline(_ now: MonotonicTime) -> MonotonicTime {
        let facts = facts(now)
        // librdkafka wants to be polled also when it has nothing to say.
        var deadline = min(now.advanced(by: min(.seconds(1), options.maxPollInterval / 4)), course.deadline(facts))
        if plan.group == nil, readers.isEmpty { deadline = min(deadline, nextDiscovery) }
        return min(deadline, feedDeadline(facts))
    }

    /// When something is due again, or a commit.
    private func feedDeadline(_ facts: ConsumerCourse.Facts) -> MonotonicTime {
        guard !course.isLeaving else { return MonotonicTime(nanoseconds: .max) }
        var deadline = MonotonicTime(nanoseconds: .max)
        var hasNews = false
        let going = course.going
        for reader in readers where !going.contains(reader.feed.partition) {
            let (due, news) = reader.feed.ledger.withLock { ($0.nextDue, $0.hasNews) }
            // A full subscription calls when it has room.
            if let due, hasRoom { deadline = min(deadline, due) }
            hasNews = hasNews || news
        }
        guard hasNews, let due = course.commitDue(facts) else { return deadline }
        return min(deadline, due)
    }

    private func serveEvents(_ now: MonotonicTime) {
        while let client, let events, let pointer = rd_kafka_queue_poll(events, 0) {
            serve(NativeEvent(handle: pointer), of: client, now)
            // The event has gone: what is done now may end the client.
            followCourse(now)
        }
    }

    private func serve(_ event: consuming NativeEvent, of client: NativeClient, _ now: MonotonicTime) {
        if monitor.take(event, of: client) { return }
        switch event.type {
        case RD_KAFKA_EVENT_REBALANCE: handle(rebalance: event, of: client, now)
        case RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT: handle(lookup: event, now)
        case RD_KAFKA_EVENT_OFFSET_COMMIT: handle(commit: event, now)
        default: logger.debug("unexpected event", metadata: ["type": "\(event.type)"])
        }
    }

    /// Asks the client how far each partition goes, which costs no request.
    private func refreshWatermarks(_ now: MonotonicTime) {
        guard let client, now >= nextRefresh else { return }
        nextRefresh = now.advanced(by: .milliseconds(200))
        for reader in readers {
            var (low, high): (Int64, Int64) = (0, 0)
            let code = rd_kafka_get_watermark_offsets(
                client.handle, topic.name, reader.feed.partition, &low, &high)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR, high >= 0 else { continue }
            reader.feed.ledger.withLock { $0.note(high: high) }
        }
    }
}
