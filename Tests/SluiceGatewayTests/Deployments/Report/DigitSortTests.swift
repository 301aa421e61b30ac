import Testing

@testable import SluiceGateway

struct DigitSortTests {
    @Test(arguments: [0, 1, 1_023, 1_024, 5_000])
    func sortsAsComparingDoes(_ count: Int) {
        var numbers = SeededNumbers(seed: UInt64(count) &+ 5)
        for range in [0...5_184_000_000, Int64.min...Int64.max, -3...3, 7...7] as [ClosedRange<Int64>] {
            let all = (0..<count).map { _ in Int64.random(in: range, using: &numbers) }
            #expect(DigitSort.sorted(all) == all.sorted())
        }
    }
}
