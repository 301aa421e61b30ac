import Foundation
import Synchronization

/// The figures of this run that have a goal.
enum Goals {
    /// How far a median may miss its goal before a checked run fails: these machines are noisy.
    private static let tolerance = 0.2
    private static let figures = Mutex<[Goal: [Double]]>([:])

    static func note(_ goal: Goal, _ figure: Double) {
        figures.withLock { $0[goal, default: []].append(figure) }
    }

    /// Prints the median of each figure beside what is wanted.
    /// - Returns: whether all of them are near enough.
    static func report() -> Bool {
        let figures = figures.withLock { $0 }
        guard !figures.isEmpty else { return true }
        Report.subject("What is wanted", columns: ["path", "median", "of runs", "wanted", ""])
        var isNear = true
        for goal in Goal.all {
            guard let own = figures[goal] else { continue }
            let median = own.sorted()[own.count / 2]
            let miss = goal.miss(median)
            let verdict = miss <= 0 ? "" : String(format: "missed by %.0f %%", 100 * miss)
            if miss > tolerance { isNear = false }
            Report.row(goal.path, goal.text(median), "\(own.count)", goal.wanted, verdict)
        }
        return isNear
    }
}
