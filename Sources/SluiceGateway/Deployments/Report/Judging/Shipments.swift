/// Which deployment of one place brought a commit first.
struct Shipments {
    /// Of each commit the deployment's number, counted through all places; below ``start`` it is of another place.
    private var marks: [UInt32]
    /// The number of this place's first deployment; 0 is none's.
    private var start: UInt32 = 1
    private var next: UInt32 = 1

    init(commits: Int) {
        marks = [UInt32](repeating: 0, count: commits)
    }

    /// Another place's turn: nothing was shipped there yet.
    /// - Parameter count: how many deployments it has.
    mutating func begin(_ count: Int) {
        start = next
        next += UInt32(count)
    }

    /// - Returns: false where another deployment has brought it.
    mutating func mark(_ commit: UInt32, _ deployment: Int) -> Bool {
        guard marks[Int(commit)] < start else { return false }
        marks[Int(commit)] = start + UInt32(deployment)
        return true
    }

    subscript(commit: UInt32) -> Int? {
        let mark = marks[Int(commit)]
        return mark >= start ? Int(mark - start) : nil
    }
}
