/// What a deployment that succeeded is, compared with the one before it.
package enum DeploymentKind: String, Sendable, CaseIterable {
    /// The first that is known of a service in an environment. It ships nothing.
    case baseline
    case forward
    /// The same commit again. It ships nothing.
    case redeploy
    /// An earlier commit again. It ships nothing.
    case rollback
    /// Forward, to repair a failure.
    case hotfix

    /// Whether it brings commits.
    var ships: Bool { self == .forward || self == .hotfix }
}

/// The rule by which a deployment is of its kind.
package enum KindRule: String, Sendable, CaseIterable {
    case first
    case sameCommit = "same_commit"
    /// A chain of pushes leads from it back to what was deployed before.
    case ahead
    /// A chain of pushes leads from what was deployed before back to it.
    case behind
    /// No chain is known, and it was deployed here before what was deployed last.
    case deployedBefore = "deployed_before"
    /// No chain is known, and it was not deployed here before.
    case unconnected
    /// It came while an incident was open.
    case repairsIncident = "repairs_incident"
    /// Its commits say `Revert "…"` or `hotfix`.
    case saysSo = "says_so"

    /// Whether the kind says the same.
    var isUsual: Bool { self == .first || self == .sameCommit || self == .ahead }

    /// For people.
    package var words: String {
        switch self {
        case .first: "the first that is known here"
        case .sameCommit: "the same commit as before"
        case .ahead: "pushes lead from it back to what was there before"
        case .behind: "pushes lead from what was there before back to it"
        case .deployedBefore: "it was deployed here before"
        case .unconnected: "no pushes connect it with what was there before"
        case .repairsIncident: "an incident was open"
        case .saysSo: "its commits say Revert or hotfix"
        }
    }
}

/// The rule by which a deployment failed.
package enum FailureRule: String, Sendable, CaseIterable, Comparable {
    case rollback
    case incident
    case hotfix

    package static func < (left: FailureRule, right: FailureRule) -> Bool { left.rawValue < right.rawValue }

    /// For people.
    package var words: String {
        switch self {
        case .rollback: "rolled back"
        case .incident: "an incident opened"
        case .hotfix: "a hotfix followed"
        }
    }
}
