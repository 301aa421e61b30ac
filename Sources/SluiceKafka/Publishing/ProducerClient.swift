import CRDKafka
import Sluice
import Synchronization

/// One native producer and the publishes that use it, from its start to its end.
///
/// Publishes enter before they use it and leave with their last report; its thread ends it when it is retired and the
/// last of them has left.
final class ProducerClient: Sendable {
    let native: NativeClient
    let room = Room()
    /// Runs on its thread what puts many messages into its queue.
    let executor: ProducerExecutor
    /// How many bytes a record of a batch may have: larger ones gain nothing by it. librdkafka measures those of a batch
    /// without their headers, so that they also have to be far from its limit.
    let largestInBatch: Int

    private struct State {
        var users = 0
        /// Why no call may enter.
        var retirement: (any Error)?
        /// Why what is queued was given up.
        var abortion: (any Error)?
    }

    /// Whether transactions may begin. The holder of the turn for transactions reads and writes it.
    let isTransactional = Atomic<Bool>(false)
    private let state = Mutex(State())
    private let topics = Mutex<[String: TopicHandle]>([:])

    init(_ native: NativeClient) {
        self.native = native
        executor = ProducerExecutor { native.wake() }
        largestInBatch = min(2 << 10, (native.number("message.max.bytes") ?? 0) / 8)
    }

    // MARK: For publishes

    func enter() throws {
        try state.withLock { state in
            if let retirement = state.retirement { throw retirement }
            state.users += 1
        }
    }

    func leave() {
        state.withLock { state in
            state.users -= 1
            // Under the lock: the thread takes it before it ends the client.
            if state.users == 0, state.retirement != nil { native.wake() }
        }
    }

    /// librdkafka's topic of this name, lent until the caller leaves.
    func topic(_ name: String) throws(KafkaError) -> TopicHandle {
        if let known = topics.withLock({ $0[name] }) { return known }
        guard let pointer = rd_kafka_topic_new(native.handle, name, nil) else {
            throw KafkaError(rd_kafka_last_error())
        }
        let topic = TopicHandle(pointer: pointer)
        let earlier = topics.withLock { topics in
            defer { if topics[name] == nil { topics[name] = topic } }
            return topics[name]
        }
        guard let earlier else { return topic }
        // Another publish was faster. Each call of `rd_kafka_topic_new` counts, even where it gives the same pointer.
        rd_kafka_topic_destroy(pointer)
        return earlier
    }

    /// Why what is queued was given up; nil where it was not.
    var abortion: (any Error)? { state.withLock(\.abortion) }

    // MARK: For its thread

    /// Lets no call enter any more.
    func retire(_ reason: any Error) {
        state.withLock { if $0.retirement == nil { $0.retirement = reason } }
    }

    /// Gives up what is queued: the reports of failure come at once.
    func abort(_ reason: any Error) {
        state.withLock { state in
            if state.retirement == nil { state.retirement = reason }
            if state.abortion == nil { state.abortion = reason }
        }
        room.close()
        rd_kafka_purge(
            native.handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING)
    }

    /// Whether no call uses it, and none will.
    var isDone: Bool { state.withLock { $0.users == 0 && $0.retirement != nil } }

    /// Blocks until the native client has ended.
    /// - Parameter reason: why there is no connection from now on.
    func end(because reason: String = "closed") {
        let topics = topics.withLock { topics in
            defer { topics.removeAll() }
            return topics
        }
        for topic in topics.values { rd_kafka_topic_destroy(topic.pointer) }
        native.destroy(because: reason)
    }
}

/// librdkafka's handle of a topic, which its client owns and lends between entering and leaving: it must go before the
/// client is destroyed, even where a copy is left. It may be used from any thread: hence `@unchecked`.
struct TopicHandle: @unchecked Sendable {
    let pointer: OpaquePointer
}
