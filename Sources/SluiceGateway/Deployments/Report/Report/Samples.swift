/// What the figures of a period are made from. Those of several places can be added: the percentiles of all are over all
/// commits, never over the places' own.
struct Samples {
    /// A lead time as nearly all are: both parts known, and shorter than 49 days.
    private struct Lead {
        let commitToPush: UInt32
        let pushToDeployment: UInt32
    }

    var counts = Figures()
    private var leads = ChunkedArray<Lead>()
    // Those of all other commits.
    private var leadTimes = Times()
    private var commitToPush = Times()
    private var pushToDeployment = Times()
    private var intervals = Times()
    private var recoveries = Times()

    mutating func add(_ judged: Judged, after previous: Int64?, _ commits: CommitTable, _ rules: DeploymentRules) {
        counts.kinds[judged.kind, default: 0] += 1
        guard judged.kind.ships else { return }
        counts.shipping += 1
        if let gap = judged.gap { counts.unknown[gap, default: 0] += 1 } else { counts.known += 1 }
        if let previous { intervals.append(judged.finishedAt - previous) }
        for commit in judged.fresh { add(commit, at: judged.finishedAt, commits, rules) }
        guard judged.hasFailed else { return }
        counts.failed += 1
        for rule in Set(judged.failures.map(\.rule)) { counts.failedBy[rule, default: 0] += 1 }
        if let recovery = judged.recovery, let end = recovery.to {
            recoveries.append(max(0, end - recovery.from))
        } else {
            counts.unrepaired += 1
        }
    }

    private mutating func add(_ commit: UInt32, at time: Int64, _ commits: CommitTable, _ rules: DeploymentRules) {
        switch LeadTimeOfCommit(commit, at: time, commits, rules) {
        case .known(let lead, let push):
            add(lead, push)
        case .old: counts.oldCommits += 1
        case .withoutTime: counts.commitsWithoutTime += 1
        case .fromFuture: counts.commitsFromFuture += 1
        }
    }

    private mutating func add(_ lead: Int64, _ push: Int64?) {
        if let push, let first = UInt32(exactly: push), let second = UInt32(exactly: lead - push) {
            return leads.append(Lead(commitToPush: first, pushToDeployment: second))
        }
        leadTimes.append(lead)
        guard let push else { return }
        commitToPush.append(push)
        pushToDeployment.append(lead - push)
    }

    mutating func add(_ other: Samples) {
        for index in 0..<other.leads.count { leads.append(other.leads[index]) }
        leadTimes.append(other.leadTimes)
        commitToPush.append(other.commitToPush)
        pushToDeployment.append(other.pushToDeployment)
        intervals.append(other.intervals)
        recoveries.append(other.recoveries)
        counts.oldCommits += other.counts.oldCommits
        counts.commitsWithoutTime += other.counts.commitsWithoutTime
        counts.commitsFromFuture += other.counts.commitsFromFuture
        counts.shipping += other.counts.shipping
        counts.failed += other.counts.failed
        counts.unrepaired += other.counts.unrepaired
        counts.known += other.counts.known
        counts.implausible += other.counts.implausible
        counts.failedRollouts += other.counts.failedRollouts
        counts.failedBy.merge(other.counts.failedBy, uniquingKeysWith: +)
        counts.kinds.merge(other.counts.kinds, uniquingKeysWith: +)
        counts.unknown.merge(other.counts.unknown, uniquingKeysWith: +)
    }

    private func spread(_ others: Times, _ part: (Lead) -> Int64) -> Spread {
        var all = others
        for index in 0..<leads.count { all.append(part(leads[index])) }
        return all.spread
    }

    func figures(days: Double) -> Figures {
        var figures = counts
        figures.days = days
        figures.leadTime = spread(leadTimes) { Int64($0.commitToPush) + Int64($0.pushToDeployment) }
        figures.commitToPush = spread(commitToPush) { Int64($0.commitToPush) }
        figures.pushToDeployment = spread(pushToDeployment) { Int64($0.pushToDeployment) }
        figures.interval = intervals.spread
        figures.recovery = recoveries.spread
        return figures
    }
}
