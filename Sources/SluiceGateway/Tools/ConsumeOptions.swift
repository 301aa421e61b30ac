public import Sluice

/// What of a topic to consume.
public struct ConsumeOptions: Sendable {
    /// Nil reads everything and settles nothing, where the broker has groups.
    public var group: String?
    /// Where to begin, unless the group has begun before.
    public var start = Start.beginning

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
