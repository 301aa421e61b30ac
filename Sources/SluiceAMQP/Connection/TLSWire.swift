import COpenSSL
import CRabbitMQ
import Glibc
import Sluice

/// A connection over TLS, which librabbitmq reads and writes through OpenSSL.
///
/// Its writes wait for the broker to take them, which a broker whose memory is used up does not. Nothing large is begun
/// while the system has no room for it, and a write that lasts for too long ends the connection.
final class TLSWire: Wire {
    private(set) var frameMax = 131_072
    private(set) var socket: Int32 = -1
    private let connection: OpaquePointer
    private let keyPassword: LentText
    private var watch: WriteWatch?
    private let writeTimeout: Duration
    private var isReadable = true
    /// Whether something could not be begun for want of room.
    private var wantsRoom = false

    /// - Parameters:
    ///   - timeout: how long connecting may take.
    ///   - writeTimeout: how long the broker may take to read a frame.
    init(
        _ host: AMQPConfiguration.Host, _ tls: AMQPConfiguration.TLS, timeout: Duration, writeTimeout: Duration
    ) throws(AMQPError) {
        self.writeTimeout = writeTimeout
        guard let connection = amqp_new_connection() else { throw AMQPError(.system, "no memory for a connection") }
        self.connection = connection
        // OpenSSL would ask for a password at the terminal.
        keyPassword = LentText((tls.keyPassword ?? "") + "\0")
        guard let secured = amqp_ssl_socket_new(connection) else {
            throw AMQPError(.tls, "TLS could not be set up")
        }
        guard let authorities = tls.certificateAuthorities ?? (tls.verifiesPeer ? Self.systemAuthorities : "") else {
            throw AMQPError(.tls, "the system's certificate authorities were not found: name a file of them")
        }
        if !authorities.isEmpty, amqp_ssl_socket_set_cacert(secured, authorities) != 0 {
            throw AMQPError(.tls, "the certificate authorities could not be read from \(authorities)")
        }
        if let certificate = tls.certificate, let key = tls.key {
            amqp_ssl_socket_set_key_passwd(secured, keyPassword.bytes.bytes?.assumingMemoryBound(to: CChar.self))
            guard amqp_ssl_socket_set_key(secured, certificate, key) == 0 else {
                throw AMQPError(.tls, "the certificate or the key could not be read")
            }
        }
        // Who is not verified has no name that could be verified either.
        var verification: PeerVerification?
        if tls.verifiesPeer {
            verification = PeerVerification(secured, host: host.name, verifiesHostname: tls.verifiesHostname)
            guard verification != nil else { throw AMQPError(.tls, "\(host) cannot be verified") }
        }
        amqp_ssl_socket_set_verify_peer(secured, tls.verifiesPeer ? 1 : 0)
        amqp_ssl_socket_set_verify_hostname(secured, !tls.verifiesPeer && tls.verifiesHostname ? 1 : 0)
        guard amqp_ssl_socket_set_ssl_versions(secured, AMQP_TLSv1_2, AMQP_TLSvLATEST) == 0 else {
            throw AMQPError(.tls, "TLS 1.2 is not available")
        }
        var time = timeval(timeout)
        ERR_clear_error()
        let status = amqp_socket_open_noblock(secured, host.name, Int32(host.port), &time)
        let fault = withExtendedLifetime(verification) { verification?.fault }
        if let fault { throw AMQPError(.tls, "\(host) could not be reached: \(fault)") }
        guard status == 0 else { throw Self.openingFailure(host, status) }
        socket = amqp_get_sockfd(connection)
        watch = WriteWatch(socket, limit: writeTimeout)
    }

    deinit {
        watch?.end()
        amqp_destroy_connection(connection)
    }

    /// A connection that ends during the handshake says nothing of who the broker is: one that crashes or starts does that.
    private static func openingFailure(_ host: AMQPConfiguration.Host, _ status: Int32) -> AMQPError {
        // Nothing is in OpenSSL's queue when the system ended it.
        let error = ERR_peek_last_error()
        guard status == AMQP_STATUS_SSL_CONNECTION_FAILED.rawValue,
            error == 0 || ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING
        else { return SluiceAMQP.openingFailure(host, status) }
        return AMQPError(.unreachable, "\(host) could not be reached: the connection ended during the TLS handshake")
    }

    /// Where distributions keep the certificates that they trust.
    private static var systemAuthorities: String? {
        [
            "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
            "/etc/ssl/cert.pem",
        ].first { access($0, R_OK) == 0 }
    }

    var hasRoom: Bool {
        var descriptor = pollfd(fd: socket, events: Int16(truncatingIfNeeded: Int(POLLOUT)), revents: 0)
        wantsRoom = poll(&descriptor, 1, 0) == 0
        return !wantsRoom
    }

    var wantsToWrite: Bool { wantsRoom }

    /// librabbitmq's own heartbeats are off: the session keeps them.
    func tune(frameMax: Int, channelMax: UInt16) {
        self.frameMax = frameMax
        _ = amqp_tune_connection(connection, Int32(channelMax), Int32(clamping: frameMax), 0)
    }

    func sendProtocolHeader() throws(AMQPError) {
        try write { amqp_send_header(connection) }
    }

    func send(_ method: UInt32, on channel: UInt16, _ arguments: UnsafeMutableRawPointer) throws(AMQPError) {
        try write { amqp_send_method(connection, channel, method, arguments) }
    }

    func sendContent(
        _ properties: UnsafePointer<amqp_basic_properties_t>, _ body: UnsafeRawBufferPointer, on channel: UInt16
    ) throws(AMQPError) {
        var frame = amqp_frame_t()
        frame.frame_type = UInt8(AMQP_FRAME_HEADER)
        frame.channel = channel
        frame.payload.properties.class_id = Method.basicClass
        frame.payload.properties.body_size = UInt64(body.count)
        frame.payload.properties.decoded = UnsafeMutableRawPointer(mutating: properties)
        try write { amqp_send_frame(connection, &frame) }
        var rest = body
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(frameMax - 8))
            frame.frame_type = UInt8(AMQP_FRAME_BODY)
            frame.payload.body_fragment = amqp_bytes_t(part)
            try write { amqp_send_frame(connection, &frame) }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count))
        }
    }

    func sendHeartbeat() throws(AMQPError) {
        var frame = amqp_frame_t()
        frame.frame_type = UInt8(AMQP_FRAME_HEARTBEAT)
        try write { amqp_send_frame(connection, &frame) }
    }

    func flush() {
        // There is room: no wait is needed.
        if wantsRoom { _ = hasRoom }
    }

    func noteReadable() {
        isReadable = true
    }

    func next() throws(AMQPError) -> Frame? {
        // OpenSSL may hold what `poll` no longer sees: it is asked until it has nothing.
        while isReadable {
            amqp_maybe_release_buffers(connection)
            var frame = amqp_frame_t()
            var time = timeval()
            let status = amqp_simple_wait_frame_noblock(connection, &frame, &time)
            if status == AMQP_STATUS_TIMEOUT.rawValue {
                isReadable = false
                return nil
            }
            guard status == 0 else { throw lost(status, "reading from the broker failed") }
            switch Int32(frame.frame_type) {
            case AMQP_FRAME_METHOD:
                guard let arguments = frame.payload.method.decoded ?? UnsafeMutableRawPointer(keyPassword.bytes.bytes)
                else { continue }
                return .method(channel: frame.channel, id: frame.payload.method.id, arguments: arguments)
            case AMQP_FRAME_HEADER:
                let head = frame.payload.properties
                guard head.class_id == Method.basicClass, let decoded = head.decoded else {
                    throw AMQPError(.malformed, "what the broker sent cannot be read: a message of another class")
                }
                let properties =
                    FieldNesting.isBounded(head.raw.buffer)
                    ? decoded.assumingMemoryBound(to: amqp_basic_properties_t.self) : nil
                return .header(
                    channel: frame.channel, bodySize: head.body_size, properties: UnsafePointer(properties),
                    raw: head.raw.buffer)
            case AMQP_FRAME_BODY:
                return .body(channel: frame.channel, frame.payload.body_fragment.buffer)
            case AMQP_FRAME_HEARTBEAT: return .heartbeat
            default:
                throw AMQPError(.malformed, "the broker wants another version of AMQP")
            }
        }
        return nil
    }

    func close() {
        if socket >= 0 { _ = shutdown(socket, Int32(SHUT_RDWR)) }
        socket = -1
    }

    private func write(_ body: () -> Int32) throws(AMQPError) {
        let status = watch?.write(body) ?? body()
        guard status < 0 else { return }
        guard watch?.hasEnded != true else {
            throw AMQPError(.connectionLost, "the broker has read nothing for \(writeTimeout.inSeconds) s")
        }
        throw lost(status, "writing to the broker failed")
    }

    /// Once there is a connection, an error of TLS says that it has ended, and nothing of who the broker is.
    private func lost(_ status: Int32, _ action: String) -> AMQPError {
        let error = failure(status, action)
        return error.code == .tls ? AMQPError(.connectionLost, error.detail) : error
    }
}
