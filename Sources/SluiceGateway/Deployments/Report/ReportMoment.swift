public import Sluice

/// A moment as people write it.
public enum ReportMoment {
    /// - Parameters:
    ///   - text: a date, which is its midnight in UTC; an RFC 3339 time; or a duration such as `30d`.
    ///   - end: what a duration is subtracted from.
    /// - Returns: nil for anything else.
    public static func parse(_ text: String, before end: Timestamp) -> Timestamp? {
        if let time = RFC3339.parse(text) ?? RFC3339.parse(text + "T00:00:00Z") { return time }
        guard let duration = DurationText.parse(text), duration > .zero else { return nil }
        return end.advanced(by: .zero - duration)
    }
}
