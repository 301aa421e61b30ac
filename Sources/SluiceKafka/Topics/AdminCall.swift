import CRDKafka
import Sluice

/// What one call asks of the cluster, on a thread that may block, until a deadline.
struct AdminCall {
    let client: NativeClient
    private let deadline: MonotonicTime
    private let isUnwanted: @Sendable () -> Bool
    private let onGivingUp: @Sendable () -> Void

    /// - Parameters:
    ///   - isUnwanted: whether the caller has stopped waiting for the answer.
    ///   - onGivingUp: called when a question to a coordinator stays open, with which the client must go.
    init(
        _ client: NativeClient, deadline: MonotonicTime, isUnwanted: @escaping @Sendable () -> Bool = { false },
        onGivingUp: @escaping @Sendable () -> Void = {}
    ) {
        self.client = client
        self.deadline = deadline
        self.isUnwanted = isUnwanted
        self.onGivingUp = onGivingUp
    }

    /// Milliseconds until the deadline; at least 1.
    var patience: Int32 { Int32(clamping: max(1, deadline.nanoseconds(since: .now()) / 1_000_000)) }

    /// The numbers of the topic's partitions; nil where there is no such topic.
    func partitions(of topic: String) throws(KafkaError) -> [Int32]? {
        try layout(of: topic)?.map(\.id)
    }

    /// The topic's partitions, and how many brokers keep each; nil where there is no such topic.
    func layout(of topic: String) throws(KafkaError) -> [(id: Int32, replicas: Int)]? {
        guard let handle = rd_kafka_topic_new(client.handle, topic, nil) else {
            throw KafkaError(rd_kafka_last_error())
        }
        defer { rd_kafka_topic_destroy(handle) }
        var metadata: UnsafePointer<rd_kafka_metadata>?
        // It cannot be interrupted: while no broker answers it is asked again and again, each time for longer.
        var limit: Int32 = 1_000
        var code = rd_kafka_metadata(client.handle, 0, handle, &metadata, min(patience, limit))
        while code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT, patience > 1 {
            try checkWanted()
            limit = min(limit * 2, 30_000)
            code = rd_kafka_metadata(client.handle, 0, handle, &metadata, min(patience, limit))
        }
        try check(code)
        guard let metadata else { return nil }
        defer { rd_kafka_metadata_destroy(metadata) }
        client.monitor.brokerAnswered()
        let topics = UnsafeBufferPointer(start: metadata.pointee.topics, count: Int(metadata.pointee.topic_cnt))
        guard let found = topics.first else { return nil }
        if found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART { return nil }
        try check(found.err)
        return UnsafeBufferPointer(start: found.partitions, count: Int(found.partition_cnt)).map {
            ($0.id, Int($0.replica_cnt))
        }
    }

    /// Sends an admin request by `start`, waits for its answer, and reads it.
    func request<Value>(
        _ operation: rd_kafka_admin_op_t, _ start: (_ options: OpaquePointer, _ answers: OpaquePointer) -> Void,
        _ read: (borrowing NativeEvent) throws(KafkaError) -> Value
    ) throws(KafkaError) -> Value {
        guard let options = rd_kafka_AdminOptions_new(client.handle, operation),
            let answers = rd_kafka_queue_new(client.handle)
        else { throw KafkaError(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE) }
        defer {
            rd_kafka_queue_destroy(answers)
            rd_kafka_AdminOptions_destroy(options)
        }
        let patience = patience
        let isForCoordinator =
            switch operation {
            case RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS,
                RD_KAFKA_ADMIN_OP_DELETEGROUPS:
                true
            default: false
            }
        let timeout = isForCoordinator ? AdminClient.longestRequest : patience
        var text = ErrorText()
        try check(
            text.withBuffer {
                rd_kafka_AdminOptions_set_request_timeout(options, timeout, $0.baseAddress, $0.count)
            })
        if operation == RD_KAFKA_ADMIN_OP_CREATETOPICS {
            // The answer comes when the other brokers know the topic too.
            try check(
                text.withBuffer {
                    rd_kafka_AdminOptions_set_operation_timeout(options, patience, $0.baseAddress, $0.count)
                })
        }
        start(options, answers)
        let event = NativeEvent(handle: try answer(answers, isForCoordinator))
        try check(event.error, event.errorText)
        client.monitor.brokerAnswered()
        return try read(event)
    }

    /// - Parameter isForCoordinator: otherwise librdkafka answers in any case, and times out by itself.
    private func answer(_ answers: OpaquePointer, _ isForCoordinator: Bool) throws(KafkaError) -> OpaquePointer {
        guard isForCoordinator else {
            guard let answer = rd_kafka_queue_poll(answers, patience &+ 1_000) else {
                throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT)
            }
            return answer
        }
        while patience > 1, !isUnwanted() {
            if let answer = rd_kafka_queue_poll(answers, min(patience, 1_000)) { return answer }
        }
        onGivingUp()
        try checkWanted()
        throw KafkaError(.timedOut, detail: "the group's coordinator did not answer in time")
    }

    func checkWanted() throws(KafkaError) {
        if isUnwanted() { throw KafkaError(.closed, detail: "the caller has stopped waiting for the answer") }
    }

    func check(_ code: rd_kafka_resp_err_t, _ text: String? = nil) throws(KafkaError) {
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        guard let text else { throw KafkaError(code) }
        throw KafkaError(.init(code), detail: client.monitor.secrets.redact(text))
    }
}
