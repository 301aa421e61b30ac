import Foundation
import Sluice
import Testing

@testable import SluiceGateway

/// A row of the table in docs/DEPLOYMENTS.md: what happens, an hour apart, and what the report says of it.
///
/// Commits have names, which stand for their hashes. Pushes are to `main` unless a branch is named before a colon.
struct WorkedExample: CustomTestStringConvertible {
    struct Unreadable: Error {
        let step: String
    }

    static let start: Int64 = 1_767_225_600_000
    static let hour: Int64 = 3_600_000

    let rule: String
    let steps: [String]
    let expected: [String]

    var testDescription: String { rule }

    /// The rows of the tables under the heading "Worked examples".
    static func read(_ document: String) -> [WorkedExample] {
        guard let section = document.components(separatedBy: "\n## Worked examples\n").last else { return [] }
        return section.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 3, !cells[0].hasPrefix("-"), cells[0] != "rule" else { return nil }
            func parts(_ cell: String) -> [String] {
                cell.replacing("`", with: "").components(separatedBy: ";").map {
                    $0.trimmingCharacters(in: .whitespaces)
                }
            }
            return WorkedExample(rule: cells[0], steps: parts(cells[1]), expected: parts(cells[2]))
        }
    }

    /// A hash of 40 digits for a name.
    static func hash(_ name: String) -> String {
        var numbers = SeededNumbers(seed: name.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) })
        return String((0..<3).map { _ in hex(numbers.next()) }.joined().prefix(40))
    }

    private static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    // MARK: What happens

    /// What the steps tell, and until when.
    func facts() throws -> (facts: [Fact], end: Int64) {
        var teller = Teller()
        for step in steps { try teller.tell(step) }
        return (teller.facts, teller.now)
    }

    private struct Teller {
        var facts: [Fact] = []
        var now = WorkedExample.start
        private var tips: [String: String] = [:]
        private var listed: [String: [String]] = [:]
        private var count = 0

        private var time: Timestamp { Timestamp(millisecondsSince1970: now) }

        init() {}

        mutating func tell(_ step: String) throws {
            var words = step.split(separator: " ").map(String.init)
            guard let verb = words.first else { throw Unreadable(step: step) }
            words.removeFirst()
            now += WorkedExample.hour
            switch verb {
            case "wait":
                guard let duration = words.first.flatMap(DurationText.parse) else { throw Unreadable(step: step) }
                now += duration.components.seconds * 1_000 - WorkedExample.hour
            case "push", "lose", "force", "branch", "unlinked", "long", "revert", "hotfix", "merge", "old", "timeless":
                push(verb, words)
            case "deploy", "fail": deploy(words, succeeded: verb == "deploy")
            case "incident", "resolve":
                let id = words.first ?? "incident"
                facts.append(
                    .incident(
                        IncidentFact(
                            id: id, service: "shop", openedAt: verb == "incident" ? time : nil,
                            resolvedAt: verb == "resolve" ? time : nil)))
            default: throw Unreadable(step: step)
            }
        }

        /// `push a b`, `branch fix: h`, `merge fix: m`: the last commit is the branch's new tip.
        private mutating func push(_ verb: String, _ words: [String]) {
            var (branch, commits) = ("main", words)
            if let first = words.first, first.hasSuffix(":") {
                commits.removeFirst()
                branch = String(first.dropLast())
            }
            // A merge brings to main what the branch has.
            let merged = verb == "merge" ? listed[branch] ?? [] : []
            if verb == "merge" { branch = "main" }
            let before = verb == "branch" ? nil : tips[branch]
            let after = commits.last ?? before ?? ""
            tips[branch] = after
            listed[branch, default: []] += merged + commits
            guard verb != "lose" else { return }
            facts.append(
                .push(
                    PushFact(
                        repository: "acme/shop", ref: "refs/heads/\(branch)",
                        before: verb == "unlinked" ? nil : before.map(WorkedExample.hash),
                        after: verb == "unlinked" ? nil : WorkedExample.hash(after), isForced: verb == "force",
                        isLinked: verb != "unlinked", isComplete: verb != "long", pushedAt: time,
                        commits: (merged + commits).map { commit($0, verb, isMerge: verb == "merge" && $0 == after) })))
        }

        /// Made half an hour before its push.
        private func commit(_ name: String, _ verb: String, isMerge: Bool) -> PushFact.Commit {
            let title =
                switch verb {
                case "revert": "Revert \"Change things\""
                case "hotfix": "Hotfix: repair things"
                default: isMerge ? "Merge branch 'fix'" : "Change things"
                }
            let age = verb == "old" ? 61 * 24 * WorkedExample.hour : WorkedExample.hour / 2
            return PushFact.Commit(
                id: WorkedExample.hash(name), author: "ann",
                madeAt: verb == "timeless" ? nil : Timestamp(millisecondsSince1970: now - age), title: title)
        }

        /// `deploy c`, `deploy c/7` with so many digits, `deploy c to staging`, `deploy c at impossible`.
        private mutating func deploy(_ words: [String], succeeded: Bool) {
            count += 1
            let parts = (words.first ?? "").split(separator: "/").map(String.init)
            let digits = parts.count > 1 ? Int(parts[1]) ?? 40 : 40
            let environment = words.count > 2 && words[1] == "to" ? words[2] : "production"
            let isUnnamed = words.contains("unnamed")
            let finished = words.contains("impossible") ? Timestamp(millisecondsSince1970: 0) : time
            facts.append(
                .deployment(
                    DeploymentFact(
                        id: "d\(count)", service: "shop", environment: environment,
                        commit: String(WorkedExample.hash(parts.first ?? "").prefix(digits)), finishedAt: finished,
                        succeeded: succeeded, repository: isUnnamed ? nil : "acme/shop")))
        }
    }

    // MARK: What the report says

    /// Every sentence that a row may have, for production.
    func sentences() throws -> (deployments: [String], figures: Set<String>) {
        let (facts, end) = try facts()
        var history = DeploymentHistory()
        for fact in facts { history.add(fact) }
        let report = history.report(
            .init(
                period: .init(
                    from: Timestamp(millisecondsSince1970: Self.start),
                    to: Timestamp(millisecondsSince1970: max(end + 1, Self.start + 24 * Self.hour))),
                now: Timestamp(millisecondsSince1970: end + 1)))
        let names = names
        func name(_ hash: String) -> String { names[hash] ?? names.first { $0.key.hasPrefix(hash) }?.value ?? hash }
        let deployments = report.deployments.filter { $0.environment == "production" }.reversed().map { deployment in
            var text = "\(name(deployment.commit)) \(deployment.kind.rawValue)"
            if !deployment.commits.isEmpty {
                text += ": \(deployment.commits.map { name($0.id) }.joined(separator: " "))"
            }
            if let gap = deployment.gap { text += ", unknown \(gap.rawValue)" }
            if !deployment.failures.isEmpty {
                text += ", failed by \(deployment.failures.map(\.rule.rawValue).joined(separator: " and "))"
                if let from = deployment.brokenFrom, let to = deployment.repairedAt {
                    text += ", repaired after \(ReportWords.duration(to.milliseconds(since: from)))"
                } else {
                    text += ", not repaired"
                }
            }
            return text
        }
        return (deployments, sentences(of: report, name))
    }

    private func sentences(of report: DeploymentReport, _ name: (String) -> String) -> Set<String> {
        let figures = report.places.first { $0.environment == "production" }?.figures ?? Figures()
        var all: Set = [
            "lead time \(ReportWords.duration(figures.leadTime.median)) of \(figures.leadTime.count)",
            "commit to push \(ReportWords.duration(figures.commitToPush.median))",
            "push to deployment \(ReportWords.duration(figures.pushToDeployment.median))",
            "older than 60 days \(figures.oldCommits)", "without a time \(figures.commitsWithoutTime)",
            "frequency \(ReportWords.perDay(figures.perDay)) of \(figures.shipping)",
            "fail rate \(figures.failed) of \(figures.shipping)",
            "recovery \(ReportWords.duration(figures.recovery.median)) of \(figures.recovery.count)",
            "rework \(figures.rework) of \(figures.deployments)", "failed rollouts \(figures.failedRollouts)",
            "impossible times \(figures.implausible)",
            "known \(figures.known), unknown \(figures.unknownDeployments), baseline \(figures.kinds[.baseline] ?? 0)",
        ]
        for pending in report.pending {
            let commits = pending.commits.map { name($0.id) }.joined(separator: " ")
            all.insert("\(pending.environment) \(pending.state.rawValue)\(commits.isEmpty ? "" : ": \(commits)")")
        }
        return all
    }

    private var names: [String: String] {
        let words = steps.flatMap { $0.split(whereSeparator: { " /:".contains($0) }).map(String.init) }
        return Dictionary(words.map { (Self.hash($0), $0) }) { first, _ in first }
    }
}
