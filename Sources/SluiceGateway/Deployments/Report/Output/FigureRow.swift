/// One of the five figures, as a line of a table.
struct FigureRow {
    let name: String
    let value: String
    let count: Int
    let spread: Spread?
    /// What the percentiles are of, where that is not the figure itself.
    let spreadOf: String?
    let trend: String
    /// Of the period before.
    let before: String
    /// Whether more is better: the deployment frequency alone.
    let isBetterHigh: Bool
    /// Below 0: it fell; 0: it is the same, or cannot be compared.
    let direction: Int

    static func rows(_ now: Figures, _ before: Figures) -> [FigureRow] {
        [
            times("change lead time", now.leadTime, before.leadTime),
            FigureRow(
                name: "deployment frequency", value: ReportWords.perDay(now.perDay), count: now.shipping,
                spread: now.interval, spreadOf: "from one to the next",
                trend: ReportWords.trend(now.perDay, before.perDay),
                before: ReportWords.perDay(before.perDay), isBetterHigh: true,
                direction: before.shipping > 0 ? compare(now.perDay, before.perDay) : 0),
            share("change fail rate", now.failRate, before.failRate, of: now.shipping),
            times("failed deployment recovery time", now.recovery, before.recovery),
            share("deployment rework rate", now.reworkRate, before.reworkRate, of: now.deployments),
        ]
    }

    private static func times(_ name: String, _ now: Spread, _ before: Spread) -> FigureRow {
        FigureRow(
            name: name, value: ReportWords.duration(now.median), count: now.count, spread: now, spreadOf: nil,
            trend: ReportWords.trend(now.median, before.median), before: ReportWords.duration(before.median),
            isBetterHigh: false, direction: compare(now.median.map(Double.init), before.median.map(Double.init)))
    }

    private static func share(_ name: String, _ now: Double?, _ before: Double?, of count: Int) -> FigureRow {
        FigureRow(
            name: name, value: ReportWords.share(now), count: count, spread: nil, spreadOf: nil,
            trend: ReportWords.trend(points: now, before), before: ReportWords.share(before), isBetterHigh: false,
            direction: compare(now, before))
    }

    private static func compare(_ now: Double?, _ before: Double?) -> Int {
        guard let now, let before, now != before else { return 0 }
        return now > before ? 1 : -1
    }
}
