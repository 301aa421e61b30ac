public import Sluice

/// What of a topic to consume.
public struct ConsumeOptions: Sendable {
    /// Nil reads everything and settles nothing, where the broker has groups.
    public var group: String?
    /// Where to begin, unless the group has begun before; nil, the default, is the beginning.
    public var start: Start?
    /// Whether messages stay where they are also where reading takes them: in a queue of RabbitMQ.
    public var leavesMessages = false
    /// How many messages are wanted at most; nil for all.
    public var count: Int?

    /// How long the last commit of a group on Kafka is tried at the end; nil is 15 s.
    public var commitTimeout: Duration?

    /// Where reading begins.
    public enum Start: Sendable, Equatable {
        case beginning
        /// Only what comes from now on.
        case end
        /// The first message that is not older.
        case time(Timestamp)

        var time: Timestamp? { if case .time(let time) = self { time } else { nil } }

        /// Reads `beginning`, `end`, or an RFC 3339 time.
        public init?(_ text: String) {
            switch text {
            case "beginning": self = .beginning
            case "end": self = .end
            default:
                guard let time = RFC3339.parse(text) else { return nil }
                self = .time(time)
            }
        }
    }

    public init() {}
}
