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
    }

    private static func lent(_ opaque: UnsafeMutableRawPointer?) -> CallbackContext? {
        opaque.map { Unmanaged<CallbackContext>.fromOpaque($0).takeUnretainedValue() }
    }
}
