import Sluice

/// How the status is put in words for a terminal.
enum StatusWords {
    /// Messages in a sensible unit of time: `3.2/s`, `12/min`, `4/h`; `–` for none.
    static func rate(_ perSecond: Double) -> String {
        guard perSecond > 0, perSecond.isFinite else { return "–" }
        if perSecond >= 1 { return "\(short(perSecond))/s" }
        if perSecond * 60 >= 1 { return "\(short(perSecond * 60))/min" }
        return "\(short(perSecond * 3_600))/h"
    }

    /// Three figures, and a letter for thousands and millions.
    static func count(_ number: Int64) -> String {
        let units: [(Double, String)] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")]
        guard let unit = units.first(where: { Double(number) >= $0.0 }) else { return "\(number)" }
        return short(Double(number) / (unit.1 == "k" ? 1e3 : unit.0)) + unit.1
    }

    static func bytes(_ number: Int64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var (value, index) = (Double(number), 0)
        while value >= 1_024, index < units.count - 1 {
            value /= 1_024
            index += 1
        }
        return "\(short(value)) \(units[index])"
    }

    /// How long ago, or how long until: `12 s`, `3 min`, `2 h`, `5 d`.
    static func distance(_ time: Timestamp, _ now: Timestamp) -> String {
        let seconds = time.milliseconds(since: now).magnitude / 1_000
        if seconds < 120 { return "\(seconds) s" }
        if seconds < 7_200 { return "\(seconds / 60) min" }
        if seconds < 172_800 { return "\(seconds / 3_600) h" }
        return "\(seconds / 86_400) d"
    }

    /// `14:03:20 UTC`, with its date where that is another day.
    static func clock(_ time: Timestamp, _ now: Timestamp) -> String {
        let text = RFC3339.format(time)
        let day = text.prefix(10) == RFC3339.format(now).prefix(10) ? "" : "\(text.prefix(10)) "
        return "\(day)\(text.dropFirst(11).prefix(8)) UTC"
    }

    static func counts(_ counts: [Snapshot.Count]) -> String {
        counts.map { "\($0.name) \(count($0.count))" }.joined(separator: ", ")
    }

    /// Three figures at most, without a fraction that says nothing.
    static func short(_ value: Double) -> String {
        guard value < 99.95 else { return "\(Int64(saturating: value))" }
        let tenths = Int64(saturating: value * 10)
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}

extension Snapshot.State {
    /// For people.
    var words: String { rawValue.replacing("_", with: " ") }
}

extension Snapshot.Level {
    var words: String { rawValue.replacing("_", with: " ") }
}
