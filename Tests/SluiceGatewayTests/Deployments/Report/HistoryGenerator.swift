@testable import SluiceGateway

/// Makes up histories as teams have them: work on a main line, branches that are merged, force pushes, hotfixes, rollbacks,
/// several services of a repository in several environments.
struct HistoryGenerator {
    /// What may happen besides the everyday.
    struct Trouble {
        /// The share of webhooks that never came.
        var lost = 0.0
        /// Whether main is forced elsewhere, and branches that are not merged are deployed.
        var isWild = false
    }

    private static let hour: Int64 = 3_600_000
    private static let services = [["web", "api"], ["worker"]]

    private var history = KnownHistory()
    private var numbers: SeededNumbers
    private let trouble: Trouble
    private var time: Int64
    private var branches = 0
    /// Mains' commits that were pushed one after the other, and can be deployed.
    private var line: [[Int]] = [[], []]

    static func make(seed: UInt64, steps: Int, _ trouble: Trouble = Trouble()) -> KnownHistory {
        var generator = HistoryGenerator(seed: seed, trouble)
        for repository in 0..<2 { generator.work(repository) }
        for _ in 0..<steps { generator.step() }
        return generator.history
    }

    private init(seed: UInt64, _ trouble: Trouble) {
        numbers = SeededNumbers(seed: seed)
        self.trouble = trouble
        time = 1_767_225_600_000
    }

    private mutating func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &numbers) < share }

    private mutating func pick<Element>(_ elements: [Element]) -> Element? { elements.randomElement(using: &numbers) }

    private mutating func step() {
        time += Int64.random(in: 60_000...(9 * Self.hour), using: &numbers)
        let repository = Int.random(in: 0..<2, using: &numbers)
        switch Int.random(in: 0..<100, using: &numbers) {
        case ..<25: work(repository)
        case ..<35: branch(repository)
        case ..<43: force(repository)
        case ..<90: deploy(repository)
        case ..<94: incident(repository)
        default: failRollout(repository)
        }
    }

    // MARK: Work

    private mutating func commit(_ repository: Int, on parents: [Int], _ title: String) -> Int {
        // Some lay about for months before they were pushed, and of some the time is not known.
        let age = chance(0.05) ? 70 * 24 * Self.hour : Int64.random(in: 0...(20 * Self.hour), using: &numbers)
        let id = (0..<40).map { _ in String(Int.random(in: 0..<16, using: &numbers), radix: 16) }.joined()
        return history.commit(
            repository, on: parents, at: time - age, hasTime: !chance(0.03), title: title, id: id)
    }

    private mutating func title() -> String {
        if chance(0.04) { return "Revert \"Change things\"" }
        return chance(0.03) ? "Hotfix for the cart" : "Change things"
    }

    private mutating func push(_ repository: Int, _ branch: String, to tip: Int, forced: Bool = false) {
        history.push(repository, branch, to: tip, at: time, forced: forced)
        if chance(trouble.lost) { history.pushes[history.pushes.count - 1].isLost = true }
    }

    private mutating func work(_ repository: Int) {
        var tip = history.tips[KnownHistory.key(repository, "main")]
        for _ in 0..<Int.random(in: 1...4, using: &numbers) {
            let title = title()
            let next = commit(repository, on: tip.map { [$0] } ?? [], title)
            line[repository].append(next)
            tip = next
        }
        if let tip { push(repository, "main", to: tip) }
    }

    /// A branch of its own, forced elsewhere or not, and mostly merged.
    private mutating func branch(_ repository: Int) {
        guard let main = history.tips[KnownHistory.key(repository, "main")] else { return }
        branches += 1
        let name = "feature-\(branches)"
        var tip = main
        for part in 0..<Int.random(in: 1...3, using: &numbers) {
            let isForced = part > 0 && chance(0.4)
            if isForced { tip = main }
            for _ in 0..<Int.random(in: 1...3, using: &numbers) {
                let title = title()
                tip = commit(repository, on: [tip], title)
            }
            push(repository, name, to: tip, forced: isForced)
            time += Self.hour
        }
        if trouble.isWild, chance(0.4) { deploy(tip, repository) }
        guard chance(0.8) else { return }
        // What main did meanwhile.
        if chance(0.5) { work(repository) }
        guard let other = history.tips[KnownHistory.key(repository, "main")] else { return }
        time += Self.hour
        let merged = commit(repository, on: [other, tip], "Merge pull request #\(branches)")
        push(repository, "main", to: merged)
        line[repository].append(merged)
    }

    private mutating func force(_ repository: Int) {
        guard trouble.isWild, chance(0.5), let tip = history.tips[KnownHistory.key(repository, "main")],
            let base = history.commits[tip].parents.first
        else { return work(repository) }
        let title = title()
        let other = commit(repository, on: [base], title)
        push(repository, "main", to: other, forced: true)
        line[repository].append(other)
    }

    // MARK: Deployments

    private mutating func deploy(_ repository: Int) {
        guard let tip = history.tips[KnownHistory.key(repository, "main")],
            let service = pick(Self.services[repository])
        else { return }
        let environment = chance(0.6) ? "production" : "staging"
        let commit: Int?
        switch Int.random(in: 0..<100, using: &numbers) {
        case ..<65: commit = tip
        // What was there lately: a redeploy, or a rollback.
        case ..<82:
            commit = pick(
                history.deployments.filter { $0.service == service && $0.environment == environment && $0.succeeded }
                    .suffix(5).map(\.commit))
        // What main was at lately, or was pushed among others.
        case ..<90: commit = pick(line[repository].suffix(12))
        default:
            commit = pick(
                history.pushes.filter { $0.repository == repository && $0.ref == "refs/heads/main" }.suffix(5).map(
                    \.after))
        }
        deploy(commit ?? tip, service, environment)
    }

    private mutating func deploy(_ commit: Int, _ repository: Int, succeeded: Bool = true) {
        guard let service = pick(Self.services[repository]) else { return }
        deploy(commit, service, chance(0.5) ? "production" : "staging", succeeded: succeeded)
    }

    private mutating func deploy(_ commit: Int, _ service: String, _ environment: String, succeeded: Bool = true) {
        time += 60_000
        let digits = chance(0.2) ? 9 : 40
        history.deployments.append(
            .init(
                id: "d\(history.deployments.count)", service: service, environment: environment, commit: commit,
                at: time,
                succeeded: succeeded, digits: digits, namesRepository: !chance(0.2)))
    }

    private mutating func failRollout(_ repository: Int) {
        if let tip = history.tips[KnownHistory.key(repository, "main")] { deploy(tip, repository, succeeded: false) }
    }

    private mutating func incident(_ repository: Int) {
        guard let service = pick(Self.services[repository]) else { return }
        let end = chance(0.7) ? time + Int64.random(in: 60_000...(30 * Self.hour), using: &numbers) : nil
        history.incidents.append(
            .init(id: "i\(history.incidents.count)", service: service, openedAt: time, resolvedAt: end))
    }
}
