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
        let sorted = times.sorted()
        self.init(count: sorted.count) { sorted[$0] }
    }

    /// - Parameter sorted: the time at a place in the order of all.
    init(count: Int, _ sorted: (Int) -> Int64) {
        func rank(_ percent: Int) -> Int64? { count == 0 ? nil : sorted(max(0, (count * percent + 99) / 100 - 1)) }
        self.count = count
        median = rank(50)
        p75 = rank(75)
        p95 = rank(95)
    }
}
