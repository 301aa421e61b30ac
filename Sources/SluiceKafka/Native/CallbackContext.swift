import CRDKafka

/// What librdkafka's callbacks find behind their opaque pointer. A client keeps it alive for as long as its own threads
/// run.
final class CallbackContext: Sendable {
    private let monitor: ClientMonitor
    private let callbacks: NativeClient.Callbacks

    init(_ monitor: ClientMonitor, _ callbacks: NativeClient.Callbacks) {
        self.monitor = monitor
        self.callbacks = callbacks
    }

    func install(in configuration: OpaquePointer) {
        rd_kafka_conf_set_opaque(configuration, Unmanaged.passUnretained(self).toOpaque())
        rd_kafka_conf_set_error_cb(configuration) { client, code, text, opaque in
            CallbackContext.lent(opaque)?.monitor.report(rd_kafka_resp_err_t(rawValue: code), text, of: client)
        }
        rd_kafka_conf_set_log_cb(configuration) { client, level, facility, text in
            guard let client else { return }
            CallbackContext.lent(rd_kafka_opaque(client))?.monitor.log(level, facility, text)
        }
        rd_kafka_conf_set_stats_cb(configuration) { _, json, count, opaque in
            CallbackContext.lent(opaque)?.monitor.takeStatistics(UnsafeRawBufferPointer(start: json, count: count))
            // librdkafka keeps and frees the text.
            return 0
        }
        if callbacks.onRebalance != nil {
            rd_kafka_conf_set_rebalance_cb(configuration) { _, code, partitions, opaque in
                CallbackContext.lent(opaque)?.callbacks.onRebalance?(code, partitions)
            }
        }
        if callbacks.onCommit != nil {
            rd_kafka_conf_set_offset_commit_cb(configuration) { _, code, partitions, opaque in
                CallbackContext.lent(opaque)?.callbacks.onCommit?(code, partitions)
            }
        }
        if callbacks.onJoining != nil { watchJoining(configuration) }
    }

    /// Nothing but an interceptor tells that a client joins its group anew: an event comes only when it has.
    private func watchJoining(_ configuration: OpaquePointer) {
        let opaque = Unmanaged.passUnretained(self).toOpaque()
        rd_kafka_conf_interceptor_add_on_new(
            configuration, "sluice",
            { client, _, opaque, _, _ in
                let code = rd_kafka_interceptor_add_on_request_sent(
                    client, "sluice",
                    { _, _, _, _, request, _, _, _, opaque in
                        if request == GroupRequest.join { CallbackContext.lent(opaque)?.callbacks.onJoining?(true) }
                        return RD_KAFKA_RESP_ERR_NO_ERROR
                    }, opaque)
                guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { return code }
                return rd_kafka_interceptor_add_on_response_received(
                    client, "sluice",
                    { _, _, _, _, request, _, _, _, _, _, opaque in
                        if request == GroupRequest.sync { CallbackContext.lent(opaque)?.callbacks.onJoining?(false) }
                        return RD_KAFKA_RESP_ERR_NO_ERROR
                    }, opaque)
            }, opaque)
    }

    /// The protocol's numbers (<https://kafka.apache.org/protocol#protocol_api_keys>).
    private enum GroupRequest {
        static let join: Int16 = 11
        static let sync: Int16 = 14
    }

    private static func lent(_ opaque: UnsafeMutableRawPointer?) -> CallbackContext? {
        opaque.map { Unmanaged<CallbackContext>.fromOpaque($0).takeUnretainedValue() }
    }
}
