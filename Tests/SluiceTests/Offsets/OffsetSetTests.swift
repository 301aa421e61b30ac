import Testing

@testable import Sluice

/// Sets of offsets against plain sets.
struct OffsetSetTests {
    private func offsets(_ set: OffsetSet) -> Set<Int64> {
        Set(1..<max(1, set.through + 1)).union(set.ranges.flatMap { Set($0) })
    }

    /// With many gaps, a few are put between the others in another way.
    @Test(arguments: 0..<60)
    func whatIsPutInIsInWhateverTheOrder(_ seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        let end = Int64.random(in: 40...900, using: &random)
        var set = OffsetSet()
        var plain: Set<Int64> = []
        for _ in 0..<400 {
            switch Int.random(in: 0..<8, using: &random) {
            case 0:
                let lower = Int64.random(in: 1...end, using: &random)
                let range = lower...min(end, lower + Int64.random(in: 0...12, using: &random))
                set.insert(range)
                plain.formUnion(range)
            case 1:
                let some = (0..<5).map { _ in Int64.random(in: 1...end, using: &random) }.sorted()
                set.insert(ascending: some)
                plain.formUnion(some)
            case 2:
                let other = OffsetSet(through: Int64.random(in: 0...3, using: &random))
                set = set.union(other)
                plain.formUnion(offsets(other))
            default:
                // Every other one: as many gaps as there can be.
                let offset = Int64.random(in: 1...max(1, end / 2), using: &random) * 2
                set.insert(ascending: [offset])
                plain.insert(offset)
            }
            #expect(offsets(set) == plain)
            // No two ranges touch, so that equal sets are equal.
            let ends = [set.through] + set.ranges.map(\.upperBound)
            #expect(zip(ends, set.ranges).allSatisfy { $0 + 1 < $1.lowerBound })
        }
    }

    @Test func aSetOfManyGapsIsCombinedWithAnother() {
        var (odd, even) = (OffsetSet(), OffsetSet())
        odd.insert(ascending: stride(from: 1, through: 20_001, by: 2).map { Int64($0) })
        even.insert(ascending: stride(from: 2, through: 20_000, by: 2).map { Int64($0) })
        #expect(odd.ranges.count == 10_000 && even.ranges.count == 10_000)
        #expect(odd.union(even) == OffsetSet(through: 20_001))
        for offset in stride(from: 20_000, through: 2, by: -2) { odd.insert(ascending: [Int64(offset)]) }
        #expect(odd == OffsetSet(through: 20_001))
    }
}
