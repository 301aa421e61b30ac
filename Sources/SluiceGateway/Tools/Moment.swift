public import Sluice

/// Times as people give them to commands.
public enum Moment {
    /// - Returns: nil for what is neither an RFC 3339 time, nor a day of UTC, nor a duration such as `2h` that ends now.
    public static func parse(_ text: String, now: Timestamp = .now()) -> Timestamp? {
        if let time = RFC3339.parse(text) { return time }
        if text.utf8.count == 10, let day = RFC3339.parse(text + "T00:00:00Z") { return day }
        guard let duration = DurationText.parse(text) else { return nil }
        let milliseconds = DurationText.nanoseconds(duration) / 1_000_000
        return Timestamp(millisecondsSince1970: now.millisecondsSince1970.subtractingSaturated(milliseconds))
    }
}
