/// Which deployment of one place brought a commit first.
struct Shipments {
    /// The place's number in the upper half, the deployment's index in the lower.
    private var marks: [UInt64]
    private var place: UInt64 = 0

    init(commits: Int) {
        marks = [UInt64](repeating: 0, count: commits)
    }

    /// Another place's turn: nothing was shipped there yet.
    mutating func begin() { place += 1 }

    /// - Returns: false where another deployment has brought it.
    mutating func mark(_ commit: UInt32, _ deployment: Int) -> Bool {
        guard marks[Int(commit)] >> 32 != place else { return false }
        marks[Int(commit)] = place << 32 | UInt64(UInt32(truncatingIfNeeded: deployment))
        return true
    }

    subscript(commit: UInt32) -> Int? {
        let mark = marks[Int(commit)]
        return mark >> 32 == place ? Int(UInt32(truncatingIfNeeded: mark)) : nil
    }
}
