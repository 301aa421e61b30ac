import Testing

@testable import SluiceGateway

struct TimesTests {
    @Test(arguments: [0, 1, 1_023, 1_024, 20_000])
    func digitsSortAsComparingDoes(_ count: Int) {
        var numbers = SeededNumbers(seed: UInt64(count) &+ 5)
        for range in [0...UInt32.max, 0...3, 7...7, 1_000_000...2_000_000] as [ClosedRange<UInt32>] {
            let all = (0..<count).map { _ in UInt32.random(in: range, using: &numbers) }
            #expect(DigitSort.sorted(all) == all.sorted())
        }
    }

    /// Short ones and others are kept apart, and their percentiles are those of all.
    @Test(arguments: [0, 1, 2, 19, 20, 3_000])
    func theSpreadIsThatOfAllTimes(_ count: Int) {
        var numbers = SeededNumbers(seed: UInt64(count) &+ 9)
        let ranges = [0...1_000, 4_294_967_000...4_294_968_000, Int64.min...Int64.max] as [ClosedRange<Int64>]
        var (first, second, all) = (Times(), Times(), [Int64]())
        for index in 0..<count {
            let time = Int64.random(in: ranges[Int.random(in: 0..<3, using: &numbers)], using: &numbers)
            if index % 2 == 0 { first.append(time) } else { second.append(time) }
            all.append(time)
        }
        first.append(second)
        #expect(first.spread == Spread(all))
    }
}
