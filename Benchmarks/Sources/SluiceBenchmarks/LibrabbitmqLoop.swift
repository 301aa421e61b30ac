import CRabbitMQ

/// The least that a program does with librabbitmq: what is built on it is measured by that.
final class LibrabbitmqLoop {
    struct Failed: Error {}

    /// How many messages are out and not confirmed, or not acknowledged.
    private static let window = 500
    private let connection: amqp_connection_state_t

    /// Connects as `guest`, and opens channel 1.
    init(port: UInt16) throws {
        guard let connection = amqp_new_connection() else { throw Failed() }
        self.connection = connection
        guard let socket = amqp_tcp_socket_new(connection), amqp_socket_open(socket, "127.0.0.1", Int32(port)) == 0
        else { throw Failed() }
        let reply = sluice_amqp_login(connection, "/", 0, 131_072, 0, "guest", "guest")
        guard reply.reply_type == AMQP_RESPONSE_NORMAL else { throw Failed() }
        amqp_channel_open(connection, 1)
        try check()
    }

    deinit {
        amqp_connection_close(connection, AMQP_REPLY_SUCCESS)
        amqp_destroy_connection(connection)
    }

    /// - Returns: how many seconds it took until the last message was confirmed.
    func publish(_ payload: [UInt8], _ count: Int, to queue: String) async throws -> Double {
        try withBytes(queue) { queue in
            amqp_queue_declare(connection, 1, queue, 0, 1, 0, 0, amqp_empty_table)
            try check()
        }
        amqp_confirm_select(connection, 1)
        try check()
        return try await timed {
            try withBytes(queue) { queue in
                try withProperties { properties in
                    try payload.withUnsafeBytes { payload in
                        let body = amqp_bytes_t(
                            len: payload.count, bytes: UnsafeMutableRawPointer(mutating: payload.baseAddress))
                        var (sent, confirmed) = (0, 0)
                        while confirmed < count {
                            while sent < count, sent - confirmed < Self.window {
                                let status = amqp_basic_publish(
                                    connection, 1, amqp_empty_bytes, queue, 1, 0, properties, body)
                                guard status == 0 else { throw Failed() }
                                sent += 1
                            }
                            confirmed = try takeConfirm(confirmed)
                        }
                    }
                }
            }
        }
    }

    /// A persistent message with the one header that Watermill's form needs: the broker reads it, and writes it to disk.
    private func withProperties(_ body: (UnsafePointer<amqp_basic_properties_t>) throws -> Void) throws {
        try withBytes("_watermill_message_uuid") { name in
            try withBytes("01936f2e-7d3a-7000-8000-000000000000") { id in
                var header = amqp_table_entry_t()
                header.key = name
                header.value.kind = UInt8(truncatingIfNeeded: AMQP_FIELD_KIND_UTF8.rawValue)
                header.value.value.bytes = id
                try withUnsafeMutablePointer(to: &header) { header in
                    var properties = amqp_basic_properties_t()
                    properties._flags = amqp_flags_t(AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG)
                    properties.delivery_mode = 2
                    properties.headers = amqp_table_t(num_entries: 1, entries: header)
                    try body(&properties)
                }
            }
        }
    }

    /// Confirms come in any order; how many are settled is counted as if each stood for all before it, which no more
    /// than reorders the window.
    private func takeConfirm(_ confirmed: Int) throws -> Int {
        amqp_maybe_release_buffers(connection)
        var frame = amqp_frame_t()
        guard amqp_simple_wait_frame(connection, &frame) == 0, Int32(frame.frame_type) == AMQP_FRAME_METHOD,
            frame.payload.method.id == UInt32(60 << 16 | 80), let decoded = frame.payload.method.decoded
        else { throw Failed() }
        return max(confirmed, Int(decoded.assumingMemoryBound(to: amqp_basic_ack_t.self).pointee.delivery_tag))
    }

    /// - Returns: how many seconds it took to read the queue and acknowledge what was in it.
    func consume(_ count: Int, from queue: String) async throws -> Double {
        amqp_basic_qos(connection, 1, 0, UInt16(Self.window), 0)
        try check()
        return try await timed {
            try withBytes(queue) { queue in
                amqp_basic_consume(connection, 1, queue, amqp_empty_bytes, 0, 0, 0, amqp_empty_table)
                try check()
                for number in 1...count {
                    amqp_maybe_release_buffers(connection)
                    var envelope = amqp_envelope_t()
                    guard amqp_consume_message(connection, &envelope, nil, 0).reply_type == AMQP_RESPONSE_NORMAL else {
                        throw Failed()
                    }
                    if number % 100 == 0 || number == count {
                        amqp_basic_ack(connection, 1, envelope.delivery_tag, 1)
                    }
                    amqp_destroy_envelope(&envelope)
                }
            }
        }
    }

    func empty(_ queue: String) throws {
        try withBytes(queue) { queue in
            amqp_queue_purge(connection, 1, queue)
            try check()
        }
    }

    func delete(_ queue: String) throws {
        try withBytes(queue) { queue in
            amqp_queue_delete(connection, 1, queue, 0, 0)
            try check()
        }
    }

    private func check() throws {
        guard amqp_get_rpc_reply(connection).reply_type == AMQP_RESPONSE_NORMAL else { throw Failed() }
    }

    private func withBytes<Result>(_ text: String, _ body: (amqp_bytes_t) throws -> Result) rethrows -> Result {
        var text = text
        return try text.withUTF8 { bytes in
            try body(
                amqp_bytes_t(len: bytes.count, bytes: UnsafeMutableRawPointer(mutating: bytes.baseAddress)))
        }
    }
}
