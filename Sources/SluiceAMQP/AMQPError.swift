public import Sluice

/// What went wrong between this program and a broker. It names the kind of failure and never shows a payload or a
/// credential.
public struct AMQPError: DispositionError, CustomStringConvertible, Equatable {
    /// The kind of failure.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// A short, stable word.
        public let description: String

        /// For this topic the topology comes to nothing that AMQP can name; the description says what.
        public static let invalidConfiguration = Code(description: "invalid_configuration")
        /// No host of the configuration can be reached.
        public static let unreachable = Code(description: "unreachable")
        /// The connection could not be encrypted, or the broker is not who it should be.
        public static let tls = Code(description: "tls")
        /// The broker refused the credentials.
        public static let authentication = Code(description: "authentication")
        /// The broker has no such virtual host, or does not let this user into it.
        public static let virtualHost = Code(description: "virtual_host")
        /// What came over the connection is not AMQP 0-9-1.
        public static let malformed = Code(description: "malformed")
        /// The connection ended.
        public static let connectionLost = Code(description: "connection_lost")
        /// The broker, or who administers it, closed the connection.
        public static let connectionClosed = Code(description: "connection_closed")
        /// The broker closed the channel.
        public static let channelClosed = Code(description: "channel_closed")
        /// A queue or exchange exists with other properties than the topology asks for.
        public static let mismatch = Code(description: "mismatch")
        /// A queue or exchange does not exist.
        public static let notFound = Code(description: "not_found")
        /// The user may not do this.
        public static let accessRefused = Code(description: "access_refused")
        /// No queue takes the message: it came back and is in no queue.
        public static let unroutable = Code(description: "unroutable")
        /// The broker did not take the message.
        public static let refused = Code(description: "refused")
        /// The broker did not answer in time.
        public static let timedOut = Code(description: "timed_out")
        /// A message is larger than what may be sent or taken in.
        public static let tooLarge = Code(description: "too_large")
        /// A message or topic cannot be written as AMQP, such as a name of more than 255 bytes.
        public static let unencodable = Code(description: "unencodable")
        /// A message is not what its marshaler takes.
        public static let undecodable = Code(description: "undecodable")
        /// The system refused what a connection needs.
        public static let system = Code(description: "system")
    }

    public let code: Code
    /// What happened, in words; the broker's own where it gave a reason.
    public let detail: String

    public init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    public var description: String { "amqp: \(detail) (\(code))" }

    public var reason: String { "amqp_\(code)" }

    /// Messages that can never be sent or read are poison; what only a person can mend (permissions, credentials, a
    /// missing queue) holds the route; everything else may pass.
    public var disposition: Disposition {
        switch code {
        case .tooLarge, .unencodable, .undecodable: .poison(reason)
        case .invalidConfiguration, .tls, .authentication, .virtualHost, .mismatch, .notFound, .accessRefused,
            .unroutable:
            .hold(description)
        default: .retry()
        }
    }

    /// Whether connecting again soon cannot help.
    var needsPerson: Bool {
        switch code {
        case .authentication, .virtualHost, .tls: true
        default: false
        }
    }
}

extension AMQPError {
    /// A reply code of the protocol (AMQP 0-9-1, 1.6; <https://www.rabbitmq.com/amqp-0-9-1-reference.html>).
    init(replyCode: UInt16, text: String, closing code: Code) {
        let code: Code =
            switch replyCode {
            case 311: .tooLarge
            case 312, 313: .unroutable
            case 403: .accessRefused
            case 404: .notFound
            case 406: .mismatch
            default: code
            }
        self.init(code, text.isEmpty ? "the broker gave the code \(replyCode) and no reason" : text)
    }

    /// The same failure, with what was being done before the broker's reason.
    func during(_ action: String) -> AMQPError {
        AMQPError(code, "\(action): \(detail)")
    }
}
