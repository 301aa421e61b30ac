import CRDKafka
import Sluice
import Synchronization

/// Owns a client of librdkafka: its connections, its threads and its main queue.
///
/// librdkafka's clients and queues may be used from any thread (`INTRODUCTION.md`, "Threads and callbacks"). The
/// client's owner makes sure that no thread uses it after `destroy`; hence `@unchecked`.
///
/// What the client says of itself (errors, logs, statistics) goes to its monitor, whichever way its queue is served:
/// `poll` gives back only events of other kinds, and callbacks of the same content run inside
/// `rd_kafka_consume_batch_queue` and the like.
final class NativeClient: @unchecked Sendable {
    enum Kind {
        case producer, consumer
    }

    /// What librdkafka calls: the first two inside a poll of a consumer that takes its messages in batches rather than as
    /// events.
    struct Callbacks: Sendable {
        /// Partitions come or go.
        var onRebalance:
            (@Sendable (rd_kafka_resp_err_t, UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?) -> Void)?
        /// A commit without a waiting caller has ended.
        var onCommit: (@Sendable (rd_kafka_resp_err_t, UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?) -> Void)?
        /// The client and its group's coordinator have exchanged something. Runs on a thread of librdkafka's.
        var onGroupTraffic: (@Sendable (GroupTraffic.Event) -> Void)?
        /// A producer has made a message of what it was given. Runs within the call that gave it.
        var onSend: OnSend?
    }

    typealias OnSend =
        @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<rd_kafka_message_t>?, UnsafeMutableRawPointer?
        ) -> rd_kafka_resp_err_t

    let handle: OpaquePointer
    /// Where everything arrives that is no record.
    let mainQueue: OpaquePointer
    let monitor: ClientMonitor
    private let context: CallbackContext
    private var isOpen = true

    /// - Parameter events: further kinds of events that `poll` gives back, such as `RD_KAFKA_EVENT_DR`.
    init(
        _ kind: Kind, _ configuration: consuming NativeConfiguration, events: Int32 = 0,
        callbacks: Callbacks = Callbacks(), monitor: ClientMonitor
    ) throws(KafkaError) {
        let context = CallbackContext(monitor, callbacks)
        try configuration.set("log.queue", "true", redacting: SecretTexts())
        let own = RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS | RD_KAFKA_EVENT_LOG
        rd_kafka_conf_set_events(configuration.handle, own | events)
        context.install(in: configuration.handle)
        var text = ErrorText()
        let pointer = configuration.handle
        let type = kind == .producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER
        guard let handle = text.withBuffer({ rd_kafka_new(type, pointer, $0.baseAddress, $0.count) }) else {
            if !context.mayBeDestroyed { _ = configuration.release() }
            throw KafkaError(.invalidConfiguration, detail: monitor.secrets.redact(text.string))
        }
        _ = configuration.release()
        self.handle = handle
        self.context = context
        self.monitor = monitor
        mainQueue = rd_kafka_queue_get_main(handle)
        rd_kafka_set_log_queue(handle, nil)
        if kind == .consumer { rd_kafka_poll_set_consumer(handle) }
    }

    deinit {
        destroy()
    }

    /// Waits for an event that its owner has to handle; nil when the time is over, after `wake`, or after the monitor
    /// took one.
    /// - Parameter milliseconds: how long to wait at most; -1 is for ever.
    func poll(_ queue: OpaquePointer? = nil, milliseconds: Int32) -> NativeEvent? {
        guard let pointer = rd_kafka_queue_poll(queue ?? mainQueue, milliseconds) else { return nil }
        let event = NativeEvent(handle: pointer)
        if monitor.take(event, of: self) { return nil }
        return event
    }

    /// Ends the poll of the main queue that is under way, or the next one.
    func wake() {
        rd_kafka_queue_yield(mainQueue)
    }

    /// The error after which the client can do nothing more; nil as long as there was none.
    var fatalError: KafkaError? {
        var text = ErrorText()
        let code = text.withBuffer { rd_kafka_fatal_error(handle, $0.baseAddress, $0.count) }
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        return KafkaError(.init(code), detail: monitor.secrets.redact(text.string), isFatal: true)
    }

    /// The value of one of its properties that is a whole number; nil where it is none.
    func number(_ property: String) -> Int? {
        rd_kafka_conf(handle).flatMap { NativeConfiguration.text(property, in: $0) }.flatMap { Int($0) }
    }

    /// Gives up the connections and ends the client's threads. It blocks until they have ended; what is still queued
    /// is lost.
    /// - Parameters:
    ///   - leaving: whether a consumer that was not closed leaves its group first, which waits for brokers.
    ///   - reason: why there is no connection from now on.
    ///   - limit: how long it may take; then the client is left to itself. Nil is as long as it takes.
    /// - Returns: false when the client is left to itself.
    @discardableResult
    func destroy(leaving: Bool = true, because reason: String = "closed", within limit: Duration? = nil) -> Bool {
        guard isOpen else { return true }
        isOpen = false
        rd_kafka_queue_destroy(mainQueue)
        let flags = leaving ? 0 : RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE
        defer { monitor.clientEnded(because: reason) }
        guard let limit else {
            rd_kafka_destroy_flags(handle, flags)
            return true
        }
        // It may wait for its own thread for ever where a group was being joined.
        return answer(within: limit) { [self] in rd_kafka_destroy_flags(handle, flags) } != nil
    }

    /// What a call comes back with that librdkafka may leave without an answer for ever: a thread of its own waits for it.
    /// - Returns: nil when nothing came within the limit. The call goes on then, and nothing waits for it any more.
    func answer<Value: Sendable>(within limit: Duration, to call: @escaping @Sendable () -> Value) -> Value? {
        let (signal, deadline) = (ThreadSignal(), MonotonicTime.now().advanced(by: limit))
        let answer = Answer<Value>()
        do {
            _ = try DedicatedThread(name: "kafka-waiting") {
                let value = call()
                answer.value.withLock { $0 = value }
                signal.raise()
            }
        } catch {
            return call()
        }
        while true {
            if let value = answer.value.withLock({ $0 }) { return value }
            guard MonotonicTime.now() < deadline else { return nil }
            signal.wait(until: deadline)
        }
    }

    private final class Answer<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }

    /// Leaves a consumer's group and then leaves the client to itself for good, threads and connections included: for
    /// the one state in which destroying it ends the process.
    func forsake(because reason: String = "closed") {
        guard isOpen else { return }
        isOpen = false
        // Its own queue, since the main queue leads to it: a queue that leads back would be a circle, which librdkafka's
        // threads follow until their stack is full.
        if let own = rd_kafka_queue_get_consumer(handle) {
            if let error = rd_kafka_consumer_close_queue(handle, own) { rd_kafka_error_destroy(error) }
            rd_kafka_queue_destroy(own)
        }
        monitor.clientEnded(because: reason)
        // librdkafka's threads go on calling back.
        _ = Unmanaged.passRetained(self)
    }
}
