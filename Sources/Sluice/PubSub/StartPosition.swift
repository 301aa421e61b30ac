/// Where a consumer group starts that the broker does not know yet, and where reading without a group starts. A known group
/// goes on where it was.
///
///     try log.subscriber(group: "mail", configuration: .init(start: .end))
public struct StartPosition: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case beginning, end
        case time(Timestamp)
    }

    package let kind: Kind

    /// With the oldest message that is kept.
    public static let beginning = StartPosition(kind: .beginning)
    /// With what is published from now on.
    public static let end = StartPosition(kind: .end)
    /// With the first message that is not older than this.
    public static func time(_ time: Timestamp) -> StartPosition { StartPosition(kind: .time(time)) }
}
