import Sluice

/// A progress bar as text: `exporting  [######--------]  42 %  4,200 of 10,000 messages  1,400/s  4 s left`.
enum ProgressLine {
    /// How long the bar itself is at most.
    private static let longestBar = 30
    /// A shorter one says nothing.
    private static let shortestBar = 6

    /// One line of fewer than `columns` characters: in the last column a terminal would begin another.
    static func text(_ state: ProgressState, at now: MonotonicTime, columns: Int) -> String {
        var parts: [String] = []
        if let share = state.share { parts.append(percent(share)) }
        parts.append(state.unit.amount(state.done, of: state.total))
        let rate = state.rate(at: now)
        if rate > 0 { parts.append(state.unit.rate(rate)) }
        if let left = state.secondsLeft(at: now) {
            parts.append("\(duration(left)) left")
        } else {
            parts.append(duration(Double(now.nanoseconds(since: state.start)) / 1e9))
        }
        let figures = parts.joined(separator: "  ")
        let room = columns - 1 - state.title.count - figures.count - 6
        var line = state.title
        if let share = state.share, room >= shortestBar {
            line += "  [\(bar(share, min(longestBar, room)))]"
        }
        return String("\(line)  \(figures)".replacingUnsafeCharacters().prefix(max(0, columns - 1)))
    }

    /// Never 100 before all is done, and as wide at the beginning as at the end.
    private static func percent(_ share: Double) -> String {
        let number = share >= 1 ? 100 : min(99, Int(share * 100))
        return String(repeating: " ", count: 3 - "\(number)".count) + "\(number) %"
    }

    private static func bar(_ share: Double, _ width: Int) -> String {
        let full = min(width, Int(share * Double(width)))
        return String(repeating: "#", count: full) + String(repeating: "-", count: width - full)
    }

    private static func duration(_ seconds: Double) -> String {
        let whole = Int64(saturating: seconds.rounded(.up))
        if whole < 120 { return "\(whole) s" }
        if whole < 7_200 { return "\(whole / 60) min" }
        if whole < 172_800 { return "\(whole / 3_600) h" }
        return "\(whole / 86_400) d"
    }
}
