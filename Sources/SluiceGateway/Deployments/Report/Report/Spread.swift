/// How times are spread: how many, and those that half, three quarters and 95 of 100 do not exceed.
///
/// Each is a time that was measured (nearest rank), never one between two.
package struct Spread: Sendable, Hashable {
    package var count = 0
    /// In milliseconds, as all of them; nil where there are none.
    package var median: Int64?
    package var p75: Int64?
    package var p95: Int64?

    package init() {}

    package init(_ times: [Int64]) {
        let sorted = DigitSort.sorted(times)
        count = sorted.count
        median = Self.rank(50, sorted)
        p75 = Self.rank(75, sorted)
        p95 = Self.rank(95, sorted)
    }

    private static func rank(_ percent: Int, _ sorted: [Int64]) -> Int64? {
        guard !sorted.isEmpty else { return nil }
        return sorted[max(0, (sorted.count * percent + 99) / 100 - 1)]
    }
}
