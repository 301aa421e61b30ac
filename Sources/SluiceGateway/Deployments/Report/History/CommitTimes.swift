/// When commits were made and first pushed, by their numbers. Most were made less than 49 days before their push: the difference takes
/// four bytes.
struct CommitTimes {
    /// The time of the making is unknown, or among `others`.
    private static let elsewhere = UInt32.max

    private var pushes = ChunkedArray<Int64>()
    private var ages = ChunkedArray<UInt32>()
    private var others: [UInt32: Int64] = [:]

    var count: Int { pushes.count }

    mutating func append() {
        pushes.append(.max)
        ages.append(Self.elsewhere)
    }

    /// In milliseconds; nil where that is not known.
    func madeAt(_ id: UInt32) -> Int64? {
        let age = ages[Int(id)]
        return age == Self.elsewhere ? others[id] : pushes[Int(id)] - Int64(age)
    }

    func pushedAt(_ id: UInt32) -> Int64? {
        let time = pushes[Int(id)]
        return time == .max ? nil : time
    }

    /// Of what is said of one commit, the earliest times count.
    mutating func note(_ id: UInt32, madeAt made: Int64?, pushedAt pushed: Int64) {
        let known = madeAt(id)
        let earliest = made.map { min($0, known ?? $0) } ?? known
        pushes[Int(id)] = min(pushes[Int(id)], pushed)
        guard let earliest else { return }
        let (age, overflow) = pushes[Int(id)].subtractingReportingOverflow(earliest)
        if !overflow, let age = UInt32(exactly: age), age != Self.elsewhere {
            ages[Int(id)] = age
            if known != nil { others[id] = nil }
        } else {
            ages[Int(id)] = Self.elsewhere
            others[id] = earliest
        }
    }
}
