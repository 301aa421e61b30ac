import Sluice

/// How figures are put in words, for the table and the page.
enum ReportWords {
    static let none = "–"
    /// Nearly as before.
    static let same = "same"

    /// The two largest units: `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`.
    static func duration(_ milliseconds: Int64?) -> String {
        guard let milliseconds else { return none }
        let seconds = Int64(milliseconds.magnitude / 1_000)
        let sign = milliseconds < 0 ? "-" : ""
        if milliseconds.magnitude < 1_000 { return "\(sign)\(milliseconds.magnitude) ms" }
        if seconds < 60 { return "\(sign)\(seconds) s" }
        if seconds < 3_600 { return "\(sign)\(seconds / 60) min" }
        if seconds < 86_400 { return sign + pair(seconds / 3_600, "h", seconds % 3_600 / 60, "min") }
        return sign + pair(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h")
    }

    private static func pair(_ large: Int64, _ unit: String, _ small: Int64, _ smaller: String) -> String {
        small == 0 ? "\(large) \(unit)" : "\(large) \(unit) \(small) \(smaller)"
    }

    static func share(_ share: Double?) -> String {
        guard let share else { return none }
        let tenths = Int64((share * 1_000).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10) %" : "\(tenths / 10).\(tenths % 10) %"
    }

    static func perDay(_ rate: Double) -> String {
        guard rate > 0 else { return "0/d" }
        if rate >= 1 { return "\(StatusWords.short(rate))/d" }
        return rate * 7 >= 1 ? "\(StatusWords.short(rate * 7))/week" : "\(StatusWords.short(rate * 30))/30 d"
    }

    /// What changed since the period before: `+12 %`, `-3 %`, `same`; empty where there is nothing to compare with.
    static func trend(_ now: Double?, _ before: Double?) -> String {
        guard let now, let before else { return "" }
        guard before > 0 else { return now == before ? same : "" }
        let percent = Int64(saturating: ((now - before) / before * 100).rounded())
        return percent == 0 ? same : percent > 0 ? "+\(percent) %" : "\(percent) %"
    }

    static func trend(_ now: Int64?, _ before: Int64?) -> String {
        trend(now.map(Double.init), before.map(Double.init))
    }

    static func trend(points now: Double?, _ before: Double?) -> String {
        guard let now, let before else { return "" }
        let points = Int64(((now - before) * 100).rounded())
        return points == 0 ? same : points > 0 ? "+\(points) pt" : "\(points) pt"
    }

    /// `2026-01-02 14:03`, in UTC.
    static func minute(_ time: Timestamp?) -> String {
        guard let time else { return none }
        let text = RFC3339.format(time)
        return "\(text.prefix(10)) \(text.dropFirst(11).prefix(5))"
    }

    static func day(_ time: Timestamp) -> String { String(RFC3339.format(time).prefix(10)) }

    static func short(_ hash: String) -> String { String(hash.prefix(10)) }

    /// What is known of the figures, in one line.
    static func coverage(_ figures: Figures) -> String {
        var parts: [String] = []
        let unknown = figures.unknownDeployments
        if figures.shipping > 0 { parts.append("\(figures.known) of \(figures.shipping) known") }
        if unknown > 0 {
            let reasons = figures.unknown.sorted { $0.key < $1.key }.map { "\($0.key.rawValue) \($0.value)" }
            parts.append("unknown: \(reasons.joined(separator: ", "))")
        }
        if let baselines = figures.kinds[.baseline] {
            parts.append(baselines == 1 ? "a baseline" : "\(baselines) baselines")
        }
        if figures.oldCommits > 0 { parts.append("\(figures.oldCommits) older than 60 d") }
        let timeless = figures.commitsWithoutTime + figures.commitsFromFuture
        if timeless > 0 { parts.append("\(timeless) without a believable time") }
        if figures.implausible > 0 { parts.append("\(figures.implausible) at impossible times") }
        return parts.isEmpty ? none : parts.joined(separator: "; ")
    }

    static func contents(_ deployment: DeploymentReport.Deployment) -> String {
        guard deployment.kind.ships else { return none }
        let count = deployment.commitCount == 1 ? "1 commit" : "\(deployment.commitCount) commits"
        guard let gap = deployment.gap else { return count }
        return deployment.commitCount == 0 ? "unknown: \(gap.words)" : "at least \(count): \(gap.words)"
    }

    /// What became of it, and by which rule that is said.
    static func verdict(_ deployment: DeploymentReport.Deployment) -> String {
        guard !deployment.failures.isEmpty else { return "" }
        let reasons = deployment.failures.map { failure in
            failure.rule == .incident
                ? "incident \(failure.by)" : "\(failure.rule.words) by \(short(failure.by))"
        }
        let repair: String =
            switch (deployment.brokenFrom, deployment.repairedAt) {
            case (let from?, let to?): ", repaired after \(duration(max(0, to.milliseconds(since: from))))"
            default: ", not repaired"
            }
        return "failed: \(reasons.joined(separator: ", "))\(repair)"
    }

    static func title(_ kind: DeploymentKind, _ rule: KindRule) -> String { "\(kind.rawValue) (\(rule.words))" }

    /// With the rule where that is not the usual one.
    static func brief(_ kind: DeploymentKind, _ rule: KindRule) -> String {
        rule.isUsual ? kind.rawValue : "\(kind.rawValue) (\(rule.rawValue.replacing("_", with: " ")))"
    }

    /// On one line.
    static func unbroken(_ text: String) -> String { text.replacing(" ", with: "\u{A0}") }
}
