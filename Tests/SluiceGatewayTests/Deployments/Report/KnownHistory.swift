import Sluice
import SluiceTesting

@testable import SluiceGateway

/// Repositories whose whole history is known, with the facts that webhooks and deploy tools tell of it.
struct KnownHistory {
    struct Commit {
        let id: String
        let repository: Int
        let parents: [Int]
        let madeAt: Int64
        let hasTime: Bool
        let title: String
    }

    struct Push {
        let repository: Int
        let ref: String
        let before: Int?
        let after: Int
        let isForced: Bool
        let at: Int64
        let list: [Int]
        var isLost = false
    }

    struct Deployment {
        let id: String
        let service: String
        let environment: String
        let commit: Int
        let at: Int64
        var succeeded = true
        /// How many digits of the hash are told.
        var digits = 40
        var namesRepository = true
    }

    struct Incident {
        let id: String
        let service: String
        let openedAt: Int64
        let resolvedAt: Int64?
    }

    private(set) var commits: [Commit] = []
    var pushes: [Push] = []
    var deployments: [Deployment] = []
    var incidents: [Incident] = []
    /// What each branch is at.
    private(set) var tips: [String: Int] = [:]

    static func repository(_ number: Int) -> String { "acme/r\(number)" }

    static func key(_ repository: Int, _ branch: String) -> String { "\(repository)/\(branch)" }

    mutating func commit(
        _ repository: Int, on parents: [Int], at time: Int64, hasTime: Bool = true, title: String, id: String
    ) -> Int {
        commits.append(
            Commit(id: id, repository: repository, parents: parents, madeAt: time, hasTime: hasTime, title: title))
        return commits.count - 1
    }

    /// Everything that a commit has, itself too.
    func ancestors(_ commit: Int) -> Set<Int> {
        var (found, open): (Set<Int>, [Int]) = ([commit], [commit])
        while let next = open.popLast() {
            for parent in commits[next].parents where found.insert(parent).inserted { open.append(parent) }
        }
        return found
    }

    mutating func push(_ repository: Int, _ branch: String, to after: Int, at time: Int64, forced: Bool = false) {
        let key = Self.key(repository, branch)
        let before = tips[key]
        var known = before.map(ancestors) ?? []
        // Of a new branch, GitHub lists what no other branch has.
        if before == nil {
            for (other, tip) in tips where other.hasPrefix("\(repository)/") { known.formUnion(ancestors(tip)) }
        }
        // Numbers grow from parents to children, as git lists them.
        let list = ancestors(after).subtracting(known).sorted()
        pushes.append(
            Push(
                repository: repository, ref: "refs/heads/\(branch)", before: before, after: after, isForced: forced,
                at: time, list: list))
        tips[key] = after
    }

    // MARK: Facts

    func fact(of push: Push) -> Fact {
        .push(
            PushFact(
                repository: Self.repository(push.repository), ref: push.ref, before: push.before.map { commits[$0].id },
                after: commits[push.after].id, isForced: push.isForced,
                pushedAt: Timestamp(millisecondsSince1970: push.at),
                commits: push.list.map { number in
                    let commit = commits[number]
                    return .init(
                        id: commit.id, author: "author \(number % 5)",
                        madeAt: commit.hasTime ? Timestamp(millisecondsSince1970: commit.madeAt) : nil,
                        title: commit.title)
                }))
    }

    func fact(of deployment: Deployment) -> Fact {
        let commit = commits[deployment.commit]
        return .deployment(
            DeploymentFact(
                id: deployment.id, service: deployment.service, environment: deployment.environment,
                commit: String(commit.id.prefix(deployment.digits)),
                finishedAt: Timestamp(millisecondsSince1970: deployment.at), succeeded: deployment.succeeded,
                repository: deployment.namesRepository ? Self.repository(commit.repository) : nil))
    }

    /// Every fact that was not lost, in the order of time. An incident's end is a fact of its own.
    var facts: [Fact] {
        var facts = pushes.filter { !$0.isLost }.map(fact(of:)) + deployments.map(fact(of:))
        for incident in incidents {
            let opened = Timestamp(millisecondsSince1970: incident.openedAt)
            facts.append(
                .incident(IncidentFact(id: incident.id, service: incident.service, openedAt: opened, resolvedAt: nil)))
            if let resolved = incident.resolvedAt {
                facts.append(
                    .incident(
                        IncidentFact(
                            id: incident.id, service: incident.service, openedAt: nil,
                            resolvedAt: Timestamp(millisecondsSince1970: resolved))))
            }
        }
        return facts
    }
}

/// A generator whose numbers a seed repeats.
struct SeededNumbers: RandomNumberGenerator {
    private var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed &* 0x9E37_79B9_7F4A_7C15) }

    mutating func next() -> UInt64 { generator.next() }
}
