extension OffsetSet {
    /// What is in both.
    package func intersection(_ other: OffsetSet) -> OffsetSet {
        let through = min(self.through, other.through)
        var (left, right) = (stretches(beyond: through)[...], other.stretches(beyond: through)[...])
        var shared: [ClosedRange<Int64>] = []
        while let a = left.first, let b = right.first {
            let (lower, upper) = (max(a.lowerBound, b.lowerBound), min(a.upperBound, b.upperBound))
            if lower <= upper { shared.append(lower...upper) }
            if a.upperBound <= b.upperBound { left.removeFirst() } else { right.removeFirst() }
        }
        return OffsetSet(through: through, ranges: shared)
    }

    /// What is in either.
    package func union(_ other: OffsetSet) -> OffsetSet {
        var union = self
        if other.through > through { union.insert(min(through, 0)...other.through) }
        union.insert(other.ranges)
        return union
    }

    /// What is in this one and not among `offsets`.
    /// - Parameter offsets: ascending.
    package func subtracting(ascending offsets: [Int64]) -> OffsetSet {
        guard let first = offsets.first else { return self }
        let through = min(self.through, first.subtractingSaturated(1))
        var rest = offsets[...]
        var left: [ClosedRange<Int64>] = []
        for range in stretches(beyond: through) {
            var lower = range.lowerBound
            rest = rest.drop { $0 < lower }
            while let offset = rest.first, offset <= range.upperBound {
                if lower < offset { left.append(lower...(offset - 1)) }
                lower = offset + 1
                rest.removeFirst()
            }
            if lower <= range.upperBound { left.append(lower...range.upperBound) }
        }
        return OffsetSet(through: through, ranges: left)
    }

    /// Everything beyond an offset that is not beyond ``through``.
    private func stretches(beyond offset: Int64) -> [ClosedRange<Int64>] {
        through > offset ? [offset + 1...through] + ranges : ranges
    }
}
