import CRDKafka

/// Owns one of librdkafka's events, and what is read from it, until it goes.
struct NativeEvent: ~Copyable {
    let handle: OpaquePointer

    /// One of `RD_KAFKA_EVENT_…`.
    var type: Int32 { rd_kafka_event_type(handle) }

    var error: rd_kafka_resp_err_t { rd_kafka_event_error(handle) }

    var errorText: String { rd_kafka_event_error_string(handle).map { String(cString: $0) } ?? "" }

    deinit {
        rd_kafka_event_destroy(handle)
    }
}
