import CRDKafka
import Sluice
import Synchronization

/// What librdkafka's callbacks find behind their opaque pointer. A client keeps it alive for as long as its own threads
/// run.
final class CallbackContext: Sendable {
    private let monitor: ClientMonitor
    private let callbacks: NativeClient.Callbacks
    /// Whether a client has begun with these callbacks.
    private let isInUse = Atomic<Bool>(false)

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
        rd_kafka_conf_set_ssl_cert_verify_cb(configuration) {
            _, broker, _, error, depth, _, _, _, _, opaque in
            guard let error, error.pointee != 0 else { return 1 }
            // What OpenSSL refuses stays refused: it is only told apart here.
            CallbackContext.lent(opaque)?.monitor.report(
                CertificateFault(code: error.pointee, depth: depth), of: broker.map { String(cString: $0) } ?? "")
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
        if callbacks.onGroupTraffic != nil || callbacks.onSend != nil { intercept(configuration) }
    }

    /// Whether the configuration that these callbacks were installed in may be destroyed although no client was made.
    ///
    /// Where `rd_kafka_new` fails after it has told the interceptors, it frees them, and the configuration, which stays
    /// the caller's, would free them once more (librdkafka 2.0.2 and 2.8).
    var mayBeDestroyed: Bool { !isInUse.load(ordering: .acquiring) }

    /// Adds what only interceptors are told of, which a new client has to be given.
    private func intercept(_ configuration: OpaquePointer) {
        rd_kafka_conf_interceptor_add_on_new(
            configuration, Self.name,
            { client, _, opaque, _, _ in
                guard let context = CallbackContext.lent(opaque) else { return RD_KAFKA_RESP_ERR_NO_ERROR }
                context.isInUse.store(true, ordering: .releasing)
                if let onSend = context.callbacks.onSend {
                    let code = rd_kafka_interceptor_add_on_send(client, CallbackContext.name, onSend, nil)
                    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { return code }
                }
                return context.callbacks.onGroupTraffic == nil
                    ? RD_KAFKA_RESP_ERR_NO_ERROR : context.watchGroup(client, opaque)
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Nothing but an interceptor tells that a client joins its group anew: an event comes only when it has.
    private func watchGroup(_ client: OpaquePointer?, _ opaque: UnsafeMutableRawPointer?) -> rd_kafka_resp_err_t {
        let code = rd_kafka_interceptor_add_on_request_sent(
            client, Self.name,
            { _, _, _, _, request, _, _, _, opaque in
                let event: GroupTraffic.Event
                switch request {
                case GroupRequest.join: event = .asksToJoin
                case GroupRequest.heartbeat: event = .sendsHeartbeat
                default: return RD_KAFKA_RESP_ERR_NO_ERROR
                }
                CallbackContext.lent(opaque)?.callbacks.onGroupTraffic?(event)
                return RD_KAFKA_RESP_ERR_NO_ERROR
            }, opaque)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { return code }
        return rd_kafka_interceptor_add_on_response_received(
            client, Self.name,
            { _, _, _, _, request, _, _, _, _, _, opaque in
                let event: GroupTraffic.Event
                switch request {
                case GroupRequest.join: event = .askedToJoin
                case GroupRequest.sync: event = .hasJoined
                case GroupRequest.heartbeat: event = .heartbeatAnswered
                default: return RD_KAFKA_RESP_ERR_NO_ERROR
                }
                CallbackContext.lent(opaque)?.callbacks.onGroupTraffic?(event)
                return RD_KAFKA_RESP_ERR_NO_ERROR
            }, opaque)
    }

    /// The interceptors' own.
    private static let name = "sluice"

    /// The protocol's numbers (<https://kafka.apache.org/protocol#protocol_api_keys>).
    private enum GroupRequest {
        static let join: Int16 = 11
        static let heartbeat: Int16 = 12
        static let sync: Int16 = 14
    }

    private static func lent(_ opaque: UnsafeMutableRawPointer?) -> CallbackContext? {
        opaque.map { Unmanaged<CallbackContext>.fromOpaque($0).takeUnretainedValue() }
    }
}
