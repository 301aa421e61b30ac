import CRabbitMQ
import Sluice

/// The frames of one connection, in and out, for the one thread that owns it.
///
/// Nothing here blocks but the opening, and writes over TLS for a bounded time. librabbitmq encodes and decodes; over
/// plain TCP the bytes are read and written here, so that many frames share one system call and a broker that does not
/// read holds up no other work.
protocol Wire: AnyObject {
    /// For `poll`.
    var socket: Int32 { get }
    /// The largest frame that both sides take.
    var frameMax: Int { get }
    /// Whether another message should be sent now: what is on its way is bounded.
    var hasRoom: Bool { get }
    /// Whether something waits for the socket to take it.
    var wantsToWrite: Bool { get }

    /// Both sides have agreed on limits.
    func tune(frameMax: Int, channelMax: UInt16)
    func sendProtocolHeader() throws(AMQPError)
    func send(_ method: UInt32, on channel: UInt16, _ arguments: UnsafeMutableRawPointer) throws(AMQPError)
    /// The head and the body of a message, behind the method that announces them.
    func sendContent(
        _ properties: UnsafePointer<amqp_basic_properties_t>, _ body: UnsafeRawBufferPointer, on channel: UInt16
    ) throws(AMQPError)
    func sendHeartbeat() throws(AMQPError)
    /// Gives to the system what it takes now.
    func flush() throws(AMQPError)
    /// The next frame that has arrived; nil when there is none for now.
    func next() throws(AMQPError) -> Frame?
    /// `poll` said that there is something to read.
    func noteReadable()
    /// Ends the connection at once.
    func close()
}

extension Wire {
    func send<Arguments>(_ method: UInt32, on channel: UInt16, _ arguments: Arguments) throws(AMQPError) {
        var arguments = arguments
        let result = withUnsafeMutablePointer(to: &arguments) { pointer in
            Result { () throws(AMQPError) in try send(method, on: channel, UnsafeMutableRawPointer(pointer)) }
        }
        try result.get()
    }
}

/// The failure that librabbitmq's status stands for.
func failure(_ status: Int32, _ action: String) -> AMQPError {
    let text = amqp_error_string2(status).map { String(cString: $0) } ?? "unknown error"
    let code: AMQPError.Code =
        switch status {
        case AMQP_STATUS_BAD_AMQP_DATA.rawValue, AMQP_STATUS_UNKNOWN_CLASS.rawValue,
            AMQP_STATUS_UNKNOWN_METHOD.rawValue, AMQP_STATUS_INCOMPATIBLE_AMQP_VERSION.rawValue:
            .malformed
        case AMQP_STATUS_HOSTNAME_RESOLUTION_FAILED.rawValue: .unreachable
        case AMQP_STATUS_TABLE_TOO_BIG.rawValue: .tooLarge
        case AMQP_STATUS_TIMEOUT.rawValue: .timedOut
        case AMQP_STATUS_SSL_ERROR.rawValue, AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED.rawValue,
            AMQP_STATUS_SSL_PEER_VERIFY_FAILED.rawValue, AMQP_STATUS_SSL_CONNECTION_FAILED.rawValue:
            .tls
        case AMQP_STATUS_NO_MEMORY.rawValue: .system
        default: .connectionLost
        }
    return AMQPError(code, "\(action): \(text)")
}

/// Why a host could not be reached.
func openingFailure(_ host: AMQPConfiguration.Host, _ status: Int32) -> AMQPError {
    let error = failure(status, "\(host) could not be reached")
    return error.code == .tls || error.code == .system ? error : AMQPError(.unreachable, error.detail)
}
