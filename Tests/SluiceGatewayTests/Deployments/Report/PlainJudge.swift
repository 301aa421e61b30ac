@testable import SluiceGateway

/// The definitions of docs/DEPLOYMENTS.md once more, plainly and slowly, by one who knows every commit's parents.
struct PlainJudge {
    struct Verdict: Equatable {
        let id: String
        let at: Int64
        var kind: DeploymentKind
        /// Whether it can be told from the deployment before: none has the other.
        var isElsewhere = false
        var contents: Set<Int> = []
        var fresh: Set<Int> = []
        var failures: Set<FailureRule> = []
        var repairedBy: Int?
        var recovery: Int64?
    }

    private static let day: Int64 = 86_400_000

    let history: KnownHistory
    private var verdicts: [Verdict] = []
    private var commits: [Int] = []

    init(_ history: KnownHistory) {
        self.history = history
    }

    static func verdicts(_ history: KnownHistory, _ service: String, _ environment: String) -> [Verdict] {
        var judge = PlainJudge(history)
        let mine = history.deployments.filter { $0.service == service && $0.environment == environment && $0.succeeded }
        for deployment in mine.sorted(by: { $0.at < $1.at }) { judge.compare(deployment) }
        judge.judgeFailures(environment == "production" ? history.incidents.filter { $0.service == service } : [])
        return judge.verdicts
    }

    private mutating func compare(_ deployment: KnownHistory.Deployment) {
        var verdict = Verdict(id: deployment.id, at: deployment.at, kind: .baseline)
        defer {
            verdicts.append(verdict)
            commits.append(deployment.commit)
        }
        guard let previous = commits.last else { return }
        let (now, before) = (history.ancestors(deployment.commit), history.ancestors(previous))
        if deployment.commit == previous {
            verdict.kind = .redeploy
        } else if before.contains(deployment.commit) {
            verdict.kind = .rollback
            blame(deployment.commit)
        } else {
            verdict.kind = .forward
            verdict.isElsewhere = !now.contains(previous)
            verdict.contents = now.subtracting(before)
            // Whatever was live here once is not new.
            let known = commits.reduce(into: Set<Int>()) { $0.formUnion(history.ancestors($1)) }
            verdict.fresh = verdict.contents.subtracting(known)
        }
    }

    private mutating func blame(_ target: Int) {
        let index: Int?
        if let last = commits.lastIndex(of: target) {
            index = verdicts.indices.first { $0 > last && verdicts[$0].kind == .forward }
        } else {
            index = verdicts.indices.first { verdicts[$0].fresh.contains(target) }
        }
        guard let index else { return }
        verdicts[index].failures.insert(.rollback)
        verdicts[index].repairedBy = verdicts[index].repairedBy ?? verdicts.count
    }

    private mutating func judgeFailures(_ incidents: [KnownHistory.Incident]) {
        let changes = verdicts.indices.filter { verdicts[$0].kind != .redeploy }
        func live(at time: Int64) -> Int? { changes.last { verdicts[$0].at <= time } }
        for (position, index) in changes.enumerated() where position > 0 && verdicts[index].kind == .forward {
            let (previous, time) = (changes[position - 1], verdicts[index].at)
            let isOpen = incidents.contains { incident in
                guard let cause = live(at: incident.openedAt), incident.openedAt < time,
                    time - incident.openedAt <= Self.day
                else { return false }
                // One whose end nothing tells of is over with the next change.
                return incident.resolvedAt.map { $0 > time } ?? (cause == previous)
            }
            let saysSo = verdicts[index].fresh.contains {
                history.commits[$0].title.hasPrefix("Revert \"")
                    || history.commits[$0].title.lowercased().contains("hotfix")
            }
            guard isOpen || saysSo else { continue }
            verdicts[index].kind = .hotfix
            guard verdicts[previous].kind == .forward || verdicts[previous].kind == .hotfix else { continue }
            let isInWindow = time - verdicts[previous].at <= Self.day
            if isInWindow { verdicts[previous].failures.insert(.hotfix) }
            if isInWindow || isOpen { verdicts[previous].repairedBy = verdicts[previous].repairedBy ?? index }
        }
        for index in changes where [.forward, .hotfix].contains(verdicts[index].kind) {
            let mine = incidents.filter { live(at: $0.openedAt) == index }
            if !mine.isEmpty { verdicts[index].failures.insert(.incident) }
            guard !verdicts[index].failures.isEmpty else { continue }
            let repair = verdicts[index].repairedBy.map { verdicts[$0].at }
            let start = mine.map(\.openedAt).min() ?? verdicts[index].at
            let ends = mine.compactMap(\.resolvedAt)
            let end = mine.isEmpty || ends.count < mine.count ? repair : ends.max()
            verdicts[index].recovery = end.map { max(0, $0 - start) }
        }
    }
}
