import CRDKafka
public import Sluice

/// What librdkafka or a broker refused. It names the kind of failure and never shows a payload or a credential.
public struct KafkaError: DispositionError, CustomStringConvertible, Equatable {
    /// An error code of Kafka's protocol (0 and above, <https://kafka.apache.org/protocol#protocol_error_codes>) or
    /// of librdkafka itself (below 0, `rd_kafka_resp_err_t` in `rdkafka.h`).
    public struct Code: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
        public let rawValue: Int32

        public init(rawValue: Int32) {
            self.rawValue = rawValue
        }

        init(_ code: rd_kafka_resp_err_t) {
            rawValue = code.rawValue
        }

        var native: rd_kafka_resp_err_t { rd_kafka_resp_err_t(rawValue: rawValue) }

        /// The name that the protocol or librdkafka gives it, such as `MSG_SIZE_TOO_LARGE`.
        public var description: String {
            rd_kafka_err2name(native).map { String(cString: $0) } ?? "\(rawValue)"
        }

        /// A value of the configuration is wrong; the description names it.
        public static let invalidConfiguration = Code(RD_KAFKA_RESP_ERR__INVALID_ARG)
        /// No broker took the message within `deliveryTimeout`.
        public static let timedOut = Code(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT)
        /// The message is larger than the client's or the broker's limit.
        public static let tooLarge = Code(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        /// None of the brokers can be reached.
        public static let unreachable = Code(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        /// The cluster has no such topic and creates none.
        public static let unknownTopic = Code(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
        /// Brokers refused the credentials.
        public static let authentication = Code(RD_KAFKA_RESP_ERR__AUTHENTICATION)
        /// Another producer with the same transactional id has taken over.
        public static let fenced = Code(RD_KAFKA_RESP_ERR__FENCED)
        /// The client was closed while it worked on this.
        public static let closed = Code(RD_KAFKA_RESP_ERR__DESTROY)
        /// The system refused a thread or memory.
        public static let systemResource = Code(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE)
        /// A record is not what its marshaler takes.
        public static let malformed = Code(RD_KAFKA_RESP_ERR__BAD_MSG)
    }

    public let code: Code
    /// What librdkafka said, with the configuration's secrets taken out.
    public let detail: String
    /// Whether the client that reported it has to be replaced, which publishers and subscribers do by themselves.
    public let isFatal: Bool
    /// Whether the transaction in which it happened can only be aborted.
    let requiresAbort: Bool
    /// Whether the same call may succeed when it is made again.
    let isRetriable: Bool

    public init(_ code: Code, detail: String) {
        self.init(code, detail: detail, isFatal: false, isRetriable: false)
    }

    init(_ code: Code, detail: String, isFatal: Bool, isRetriable: Bool = false, requiresAbort: Bool = false) {
        self.code = code
        self.detail = detail
        self.isFatal = isFatal
        self.isRetriable = isRetriable
        self.requiresAbort = requiresAbort
    }

    init(_ code: rd_kafka_resp_err_t) {
        self.init(Code(code), detail: rd_kafka_err2str(code).map { String(cString: $0) } ?? "unknown error")
    }

    /// Takes over the error and frees it; nil where there is none.
    init?(consuming error: OpaquePointer?, redacting secrets: SecretTexts) {
        guard let error else { return nil }
        self.init(
            Code(rd_kafka_error_code(error)), detail: secrets.redact(String(cString: rd_kafka_error_string(error))),
            isFatal: rd_kafka_error_is_fatal(error) != 0, isRetriable: rd_kafka_error_is_retriable(error) != 0,
            requiresAbort: rd_kafka_error_txn_requires_abort(error) != 0)
        rd_kafka_error_destroy(error)
    }

    public var description: String { "kafka: \(detail) (\(code))" }

    public var reason: String {
        let name = code.description.lowercased()
        return "kafka_" + (name.hasPrefix("_") ? String(name.dropFirst()) : name)
    }

    /// Messages that no broker ever takes are poison; what only a person can mend (permissions, credentials, a missing
    /// topic) holds the route; everything else may pass.
    public var disposition: Disposition {
        switch code.native {
        case _ where isRetriable: .retry()
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_MSG, RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,
            RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
            RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, RD_KAFKA_RESP_ERR__BAD_MSG:
            .poison(reason)
        case RD_KAFKA_RESP_ERR__INVALID_ARG, RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR__SSL,
            RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, RD_KAFKA_RESP_ERR__FENCED,
            RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
            RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
            .hold(description)
        default: .retry()
        }
    }
}
