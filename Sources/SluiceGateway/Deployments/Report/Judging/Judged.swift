/// A deployment that succeeded, and what became of it.
struct Judged {
    /// Its place in ``DeploymentHistory/deployments``.
    let record: Int
    let finishedAt: Int64
    /// Nil where it is not known which commit it is.
    let commit: UInt32?
    var kind = DeploymentKind.baseline
    var rule = KindRule.first
    /// What it brings, oldest first; where there is a ``gap``, as far as that is known.
    var contents: [UInt32] = []
    /// Those of its contents that no earlier deployment here has brought.
    var fresh: [UInt32] = []
    var gap: Gap?
    /// Whether what it brings says that it repairs something.
    var saysSo = false
    var failures: [Failure] = []
    /// The deployment that repaired it, as an index of its place's.
    var repairedBy: Int?
    var recovery: Recovery?

    struct Failure {
        let rule: FailureRule
        /// The deployment that shows it, as an index of its place's; nil for an incident.
        var deployment: Int?
        /// The incident's id.
        var incident: String?
    }

    /// From when to when it was broken.
    struct Recovery {
        let from: Int64
        /// Nil where it is not over, or nothing tells of its end.
        let to: Int64?
    }

    var hasFailed: Bool { !failures.isEmpty }
}
