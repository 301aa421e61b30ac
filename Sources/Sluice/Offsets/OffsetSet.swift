/// The offsets that a group has settled: everything through one offset, and ranges beyond it.
///
/// It holds as many ranges as there are gaps, and a group has no more gaps than messages it may hold unsettled.
package struct OffsetSet: Equatable, Sendable {
    /// The highest offset there can be: a delivery's tag has 47 bits for it.
    package static let limit: Int64 = 1 << 47 - 1

    /// Every offset up to and including this one is in the set.
    package private(set) var through: Int64
    /// Beyond `through`: ascending, with a gap before each.
    package private(set) var ranges: [ClosedRange<Int64>]

    /// - Parameter through: less than ``limit``, so that the arithmetic on offsets cannot overflow; what a file or a broker
    ///   says beyond it is not believed.
    package init(through: Int64 = 0, ranges: [ClosedRange<Int64>] = []) {
        self.through = min(through, Self.limit - 1)
        self.ranges = ranges
    }

    /// How many offsets lie beyond `through`.
    package var countAhead: Int64 {
        ranges.reduce(0) { $0 + ($1.upperBound - $1.lowerBound + 1) }
    }

    package func contains(_ offset: Int64) -> Bool {
        if offset <= through { return true }
        let index = ranges.partitioningIndex { $0.upperBound >= offset }
        return index < ranges.count && ranges[index].lowerBound <= offset
    }

    /// The first stretch after `offset` that is not in the set; the last one ends at ``limit``.
    package func gap(after offset: Int64) -> ClosedRange<Int64> {
        var first = max(offset, through) + 1
        var index = ranges.partitioningIndex { $0.upperBound >= first }
        if index < ranges.count, ranges[index].lowerBound <= first {
            first = ranges[index].upperBound + 1
            index += 1
        }
        let last = index < ranges.count ? ranges[index].lowerBound - 1 : Self.limit
        return first...max(first, last)
    }

    package mutating func insert(_ range: ClosedRange<Int64>) {
        if ranges.count < Self.many { merge([range]) } else { put(range) }
    }

    package mutating func insert(_ ranges: [ClosedRange<Int64>]) {
        merge(ranges)
    }

    /// From so many ranges on, a few are put between them one by one, which reads no others.
    private static let many = 64

    /// - Parameter offsets: ascending.
    package mutating func insert(ascending offsets: [Int64]) {
        var rest = offsets[...]
        if ranges.isEmpty {
            // The usual case of a route that settles in order.
            while let offset = rest.first, offset <= through + 1 {
                through = max(through, offset)
                rest = rest.dropFirst()
            }
        }
        guard let first = rest.first else { return }
        var runs: [ClosedRange<Int64>] = []
        var run = first...first
        for offset in rest.dropFirst() {
            if offset <= run.upperBound + 1 {
                run = run.lowerBound...max(run.upperBound, offset)
            } else {
                runs.append(run)
                run = offset...offset
            }
        }
        runs.append(run)
        if ranges.count >= Self.many, runs.count <= ranges.count / 16 {
            for run in runs { put(run) }
        } else {
            merge(runs)
        }
    }

    /// Puts one range between the others.
    private mutating func put(_ range: ClosedRange<Int64>) {
        guard range.upperBound > through else { return }
        if range.lowerBound <= through + 1 {
            through = range.upperBound
            let swallowed = ranges.partitioningIndex { $0.upperBound > through }
            ranges.removeFirst(swallowed)
            if let first = ranges.first, first.lowerBound <= through + 1 {
                through = first.upperBound
                ranges.removeFirst()
            }
            return
        }
        // Those that touch it become one with it.
        let start = ranges.partitioningIndex { $0.upperBound >= range.lowerBound - 1 }
        var end = start
        var (lower, upper) = (range.lowerBound, range.upperBound)
        while end < ranges.count, ranges[end].lowerBound <= upper + 1 {
            (lower, upper) = (min(lower, ranges[end].lowerBound), max(upper, ranges[end].upperBound))
            end += 1
        }
        ranges.replaceSubrange(start..<end, with: CollectionOfOne(lower...upper))
    }

    private mutating func merge(_ added: [ClosedRange<Int64>]) {
        var merged: [ClosedRange<Int64>] = []
        merged.reserveCapacity(ranges.count + added.count)
        var left = ranges[...]
        var right = added[...]
        while let range = Self.popLower(&left, &right) {
            if range.lowerBound <= through + 1 {
                through = max(through, range.upperBound)
            } else if let last = merged.last, range.lowerBound <= last.upperBound + 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        ranges = merged
    }

    private static func popLower(
        _ left: inout ArraySlice<ClosedRange<Int64>>, _ right: inout ArraySlice<ClosedRange<Int64>>
    ) -> ClosedRange<Int64>? {
        guard let a = left.first else { return right.popFirst() }
        guard let b = right.first else { return left.popFirst() }
        return a.lowerBound <= b.lowerBound ? left.popFirst() : right.popFirst()
    }
}

// MARK: As a blob

extension OffsetSet {
    /// How many bytes ``encodeAhead()`` gives.
    package var encodedSize: Int {
        var size = 0
        var last = through
        for range in ranges {
            size += VariableInteger.size(of: UInt64(range.lowerBound - last))
            size += VariableInteger.size(of: UInt64(range.upperBound - range.lowerBound))
            last = range.upperBound
        }
        return size
    }

    /// The ranges as pairs of distances (LEB128): from the end of the one before, and to the own end.
    /// - Parameter limit: how many bytes there may be; ranges that do not fit are left out, from the last one on.
    package func encodeAhead(limit: Int = .max) -> [UInt8] {
        var bytes: [UInt8] = []
        var last = through
        for range in ranges {
            let count = bytes.count
            VariableInteger.append(UInt64(range.lowerBound - last), to: &bytes)
            VariableInteger.append(UInt64(range.upperBound - range.lowerBound), to: &bytes)
            guard bytes.count <= limit else {
                bytes.removeLast(bytes.count - count)
                break
            }
            last = range.upperBound
        }
        return bytes
    }

    /// Reads what can be read: a range lost to damage is a redelivery, never a loss.
    package init(through: Int64, ahead bytes: UnsafeRawBufferPointer) {
        self.init(through: min(max(0, through), Self.limit - 1))
        var added: [ClosedRange<Int64>] = []
        var position = 0
        var last = self.through
        while let distance = VariableInteger.read(bytes, &position), distance > 0,
            let length = VariableInteger.read(bytes, &position),
            let first = Self.add(last, distance), let end = Self.add(first, length), end < Self.limit
        {
            added.append(first...end)
            last = end
        }
        merge(added)
    }

    private static func add(_ offset: Int64, _ distance: UInt64) -> Int64? {
        guard let distance = Int64(exactly: distance) else { return nil }
        let (sum, overflow) = offset.addingReportingOverflow(distance)
        return overflow ? nil : sum
    }
}
