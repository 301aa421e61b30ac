/// Finds commits by the first digits of their hashes, in all repositories.
struct PrefixIndex {
    /// The commits, sorted by their hashes.
    private let sorted: [UInt32]
    /// Where those begin whose first four digits are the index.
    private let starts: [Int]

    init(_ commits: CommitTable) {
        var starts = [Int](repeating: 0, count: 65_537)
        for id in 0..<UInt32(commits.count) { starts[Int(commits.firstDigits(of: id) >> 48) + 1] += 1 }
        for index in 1..<starts.count { starts[index] += starts[index - 1] }
        var next = starts
        var sorted = [UInt32](repeating: 0, count: commits.count)
        for id in 0..<UInt32(commits.count) {
            let bucket = Int(commits.firstDigits(of: id) >> 48)
            sorted[next[bucket]] = id
            next[bucket] += 1
        }
        for bucket in 0..<65_536 where starts[bucket + 1] - starts[bucket] > 1 {
            sorted[starts[bucket]..<starts[bucket + 1]].sort { left, right in
                let (first, second) = (commits.firstDigits(of: left), commits.firstDigits(of: right))
                if first != second { return first < second }
                let (one, other) = (commits.hash(of: left), commits.hash(of: right))
                return one == other ? commits.repository(of: left) < commits.repository(of: right) : one < other
            }
        }
        (self.starts, self.sorted) = (starts, sorted)
    }

    /// Calls `body` with each commit whose hash begins with `prefix`, until it returns false.
    func forEach(_ prefix: CommitHash, in commits: CommitTable, _ body: (UInt32) -> Bool) {
        let bucket = Int(prefix.a >> 48)
        var (low, end) = (starts[bucket], starts[bucket + 1])
        let last = end
        while low < end {
            let middle = low + (end - low) / 2
            if commits.hash(of: sorted[middle]) < prefix { low = middle + 1 } else { end = middle }
        }
        while low < last, commits.hash(of: sorted[low]).hasPrefix(prefix), body(sorted[low]) { low += 1 }
    }
}
