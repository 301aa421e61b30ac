public import Sluice
import SluiceKafka
import SluiceSQLite

/// Where a reader of the queue begins that was not there before. One that was goes on where it was.
public struct ReaderStart: Sendable, Hashable, CustomStringConvertible {
    private enum Kind: Hashable {
        case now, beginning
        case time(Timestamp)
    }

    private let kind: Kind

    /// With what comes after it was configured.
    public static let now = ReaderStart(kind: .now)
    /// With the oldest event that the queue holds.
    public static let beginning = ReaderStart(kind: .beginning)
    /// With the first event that the queue took at this time or later.
    public static func time(_ time: Timestamp) -> ReaderStart { ReaderStart(kind: .time(time)) }

    /// `now`, `beginning`, or a time as RFC 3339 writes it; nil for anything else.
    public static func parse(_ text: String) -> ReaderStart? {
        switch text.lowercased() {
        case "now": .now
        case "beginning": .beginning
        default: RFC3339.parse(text).map { .time($0) }
        }
    }

    /// As ``parse(_:)`` reads it.
    public var description: String {
        switch kind {
        case .now: "now"
        case .beginning: "beginning"
        case .time(let time): RFC3339.format(time)
        }
    }

    /// For a group that is new.
    var position: StartPosition {
        switch kind {
        case .now: .end
        case .beginning: .beginning
        case .time(let time): .time(time)
        }
    }

    /// The same for a group that is there.
    var positionOnLog: SQLiteGroupPosition {
        switch kind {
        case .now: .end
        case .beginning: .beginning
        case .time(let time): .at(time)
        }
    }
}

extension OptionFormat where Value == ReaderStart {
    static var start: Self {
        Self("now, beginning, or a time such as 2026-01-02T03:04:05Z") { ReaderStart.parse($0) }
    }
}
