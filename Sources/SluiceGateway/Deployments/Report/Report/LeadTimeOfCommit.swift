/// How long a commit took until it was deployed.
enum LeadTimeOfCommit {
    /// - push: from the commit to its push; nil where no push before the deployment is known.
    case known(lead: Int64, push: Int64?)
    /// It was older than 60 days.
    case old(lead: Int64)
    /// Nothing tells when it was made.
    case withoutTime
    /// It says that it was made after its deployment.
    case fromFuture

    init(_ commit: UInt32, at time: Int64, _ commits: CommitTable, _ rules: DeploymentRules) {
        guard let claimed = commits.madeAt(commit) else {
            self = .withoutTime
            return
        }
        let pushed = commits.pushedAt(commit)
        // A commit is not younger than its push: its author's clock is fast.
        let made = min(claimed, pushed ?? claimed)
        let (lead, overflow) = time.subtractingReportingOverflow(made)
        if overflow || lead < 0 {
            self = .fromFuture
        } else if lead > rules.oldCommit {
            self = .old(lead: lead)
        } else {
            self = .known(lead: lead, push: pushed.flatMap { $0 <= time ? $0 - made : nil })
        }
    }

    var lead: Int64? {
        switch self {
        case .known(let lead, _), .old(let lead): lead
        case .withoutTime, .fromFuture: nil
        }
    }
}
