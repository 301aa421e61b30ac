public import Sluice

/// A point in time as commands take it: `2026-01-02T03:04:05Z`, `2026-01-02` (its beginning in UTC), or how long ago: `90m`.
public enum MomentText {
    public static let forms = "an RFC 3339 time, a date, or how long ago, such as 90m or 7d"

    /// - Parameters:
    ///   - text: one of ``forms``.
    ///   - now: what a duration is subtracted from.
    /// - Returns: nil for anything else.
    public static func parse(_ text: String, now: Timestamp = .now()) -> Timestamp? {
        if let time = RFC3339.parse(text) ?? RFC3339.parse(text + "T00:00:00Z") { return time }
        guard let duration = DurationText.parse(text), duration > .zero else { return nil }
        let milliseconds = DurationText.nanoseconds(duration) / 1_000_000
        return Timestamp(millisecondsSince1970: now.millisecondsSince1970.subtractingSaturated(milliseconds))
    }
}
