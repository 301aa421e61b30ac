/// How many attempts failed, by reason. Bounded: a reason may come from the other side.
struct FailureCauses: Sendable {
    struct Cause: Sendable {
        let reason: String
        var count: Int64 = 0
        var last: MonotonicTime
    }

    /// The last one is for all reasons that come up later.
    private static let most = 16
    static let other = "other"

    private var causes: [Cause] = []

    mutating func note(_ reason: String, at time: MonotonicTime) {
        let isKnown = causes.contains { $0.reason == reason }
        let reason = isKnown || causes.count < Self.most - 1 ? reason : Self.other
        let index = causes.firstIndex { $0.reason == reason } ?? causes.endIndex
        if index == causes.endIndex { causes.append(Cause(reason: reason, last: time)) }
        causes[index].count = causes[index].count.addingSaturated(1)
        causes[index].last = max(causes[index].last, time)
    }

    var latestFirst: [Cause] { causes.sorted { $0.last > $1.last } }
}
