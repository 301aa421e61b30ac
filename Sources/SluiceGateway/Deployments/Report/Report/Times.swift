/// Many spans of time in milliseconds, to say how they are spread. Nearly all are shorter than 49 days, and take four bytes each.
struct Times {
    private var short = ChunkedArray<UInt32>()
    private var others: [Int64] = []

    mutating func append(_ time: Int64) {
        if let time = UInt32(exactly: time) { short.append(time) } else { others.append(time) }
    }

    mutating func append(_ times: Times) {
        for index in 0..<times.short.count { short.append(times.short[index]) }
        others += times.others
    }

    var spread: Spread {
        let (sorted, longer) = (DigitSort.sorted(short.all), others.sorted())
        let below = longer.partitionPoint { $0 < 0 }
        return Spread(count: sorted.count + longer.count) { rank in
            if rank < below { return longer[rank] }
            return rank - below < sorted.count ? Int64(sorted[rank - below]) : longer[rank - sorted.count]
        }
    }
}
