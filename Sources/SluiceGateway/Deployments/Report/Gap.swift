/// Why it is not known what a deployment ships, or all of it.
package enum Gap: String, Sendable, CaseIterable, Comparable {
    /// No push of the commit was heard of.
    case unknownCommit = "unknown_commit"
    /// Fewer than 7 digits, and no repository to look for them in.
    case shortHash = "short_hash"
    /// The digits fit several commits.
    case ambiguousHash = "ambiguous_hash"
    /// Several repositories have the commit, and the deployment names none.
    case ambiguousRepository = "ambiguous_repository"
    /// What was deployed before cannot be found in any push.
    case previousUnknown = "previous_unknown"
    /// What was deployed before is of another repository.
    case otherRepository = "other_repository"
    /// What was deployed before is of another branch.
    case otherLine = "other_line"
    /// A push is missing.
    case hole
    /// A force push: what the branch was at before is no part of it any more.
    case forcePush = "force_push"
    /// A branch begins there, and pushes do not say from where.
    case newBranch = "new_branch"
    /// A push that did not say what the branch was at before.
    case unlinkedPush = "unlinked_push"
    /// A push of more commits than are listed.
    case longPush = "long_push"
    /// The commit is among those of a push with merges: what came before it cannot be told.
    case insideMerge = "inside_merge"
    /// Beyond the pushes that are looked at.
    case tooFar = "too_far"

    package static func < (left: Gap, right: Gap) -> Bool { left.rawValue < right.rawValue }

    /// For people.
    package var words: String {
        switch self {
        case .unknownCommit: "no push of the commit was heard of"
        case .shortHash: "the hash is too short without a repository"
        case .ambiguousHash: "the hash fits several commits"
        case .ambiguousRepository: "several repositories have the commit"
        case .previousUnknown: "no push of what was deployed before was heard of"
        case .otherRepository: "what was deployed before is of another repository"
        case .otherLine: "what was deployed before is of another branch"
        case .hole: "a push is missing"
        case .forcePush: "a force push"
        case .newBranch: "the branch begins there, from an unknown commit"
        case .unlinkedPush: "a push that did not say what came before"
        case .longPush: "a push of more commits than are listed"
        case .insideMerge: "the commit is inside a push with merges"
        case .tooFar: "too many pushes back"
        }
    }
}
