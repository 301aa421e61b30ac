import Sluice
import Testing

@testable import SluiceGateway

/// What the report says of histories that are made up, against one who knows the truth.
struct HistoryPropertyTests {
    private static let period = DeploymentReport.Period(
        from: Timestamp(millisecondsSince1970: 1_767_225_600_000),
        to: Timestamp(millisecondsSince1970: 1_767_225_600_000 + 400 * 86_400_000))

    private func query(
        _ period: DeploymentReport.Period = HistoryPropertyTests.period, commits: Bool = false
    ) -> DeploymentReport.Query {
        var query = DeploymentReport.Query(period: period, now: Self.period.to)
        query.listsCommits = commits
        return query
    }

    private func report(_ facts: [Fact], _ query: DeploymentReport.Query) -> DeploymentReport {
        var history = DeploymentHistory()
        for fact in facts { history.add(fact) }
        return history.report(query)
    }

    /// What the engine says of each deployment of a place, by its id.
    private func judged(_ facts: [Fact], _ service: String, _ environment: String) -> [String: (Judged, [String])] {
        var history = DeploymentHistory()
        for fact in facts { history.add(fact) }
        var judged: [String: (Judged, [String])] = [:]
        var maker = ReportMaker(history, query())
        maker.onPlace = { name, deployments, history in
            guard name == (service, environment) else { return }
            for deployment in deployments {
                let contents = deployment.contents.map { history.commits.hash(of: $0).text }
                judged[history.deployments[deployment.record].id] = (deployment, contents)
            }
        }
        _ = maker.make()
        return judged
    }

    private static let places = [("web", "production"), ("api", "staging"), ("worker", "production")]

    @Test(arguments: 1...20)
    func knowsEverythingWhereNothingIsLost(_ seed: UInt64) {
        let history = HistoryGenerator.make(seed: seed, steps: 150)
        let report = report(history.facts, query())
        for (service, environment) in Self.places {
            let truth = PlainJudge.verdicts(history, service, environment)
            let judged = judged(history.facts, service, environment)
            #expect(judged.count == truth.count)
            for verdict in truth {
                guard let (deployment, contents) = judged[verdict.id] else {
                    Issue.record("\(verdict.id) is missing")
                    continue
                }
                #expect(deployment.kind == verdict.kind, "\(service) \(environment) \(verdict.id)")
                #expect(Set(contents) == Set(verdict.contents.map { history.commits[$0].id }), "\(verdict.id)")
                #expect(contents.count == Set(contents).count)
                #expect(deployment.gap == nil, "\(verdict.id)")
                #expect(Set(deployment.failures.map(\.rule)) == verdict.failures, "\(service) \(verdict.id)")
                #expect(
                    deployment.recovery.flatMap { recovery in recovery.to.map { max(0, $0 - recovery.from) } }
                        == verdict.recovery)
            }
            let figures = report.places.first { $0.service == service && $0.environment == environment }?.figures
            #expect(
                figures ?? Figures() == plainFigures(truth, history, service, environment), "\(service) \(environment)")
        }
    }

    /// The five figures, by adding up and sorting.
    private func plainFigures(
        _ verdicts: [PlainJudge.Verdict], _ history: KnownHistory, _ service: String, _ environment: String
    ) -> Figures {
        var figures = Figures()
        let shipping = verdicts.filter { $0.kind == .forward || $0.kind == .hotfix }
        var leads: [Int64] = []
        var (toPush, toDeployment): ([Int64], [Int64]) = ([], [])
        for verdict in shipping {
            for number in verdict.fresh {
                let commit = history.commits[number]
                guard commit.hasTime else {
                    figures.commitsWithoutTime += 1
                    continue
                }
                let lead = verdict.at - commit.madeAt
                guard lead <= 60 * 86_400_000 else {
                    figures.oldCommits += 1
                    continue
                }
                leads.append(lead)
                guard let pushed = history.pushes.filter({ $0.list.contains(number) }).map(\.at).min() else { continue }
                toPush.append(pushed - commit.madeAt)
                toDeployment.append(verdict.at - pushed)
            }
        }
        figures.leadTime = plainSpread(leads)
        figures.commitToPush = plainSpread(toPush)
        figures.pushToDeployment = plainSpread(toDeployment)
        figures.shipping = shipping.count
        figures.known = shipping.count
        figures.days = 400
        figures.interval = plainSpread(zip(shipping.dropFirst(), shipping).map { $0.at - $1.at })
        let failed = shipping.filter { !$0.failures.isEmpty }
        figures.failed = failed.count
        figures.recovery = plainSpread(failed.compactMap(\.recovery))
        figures.unrepaired = failed.count { $0.recovery == nil }
        for rule in failed.flatMap(\.failures) { figures.failedBy[rule, default: 0] += 1 }
        for verdict in verdicts { figures.kinds[verdict.kind, default: 0] += 1 }
        figures.failedRollouts = history.deployments.count {
            $0.service == service && $0.environment == environment && !$0.succeeded
        }
        return figures
    }

    private func plainSpread(_ times: [Int64]) -> Spread {
        var spread = Spread()
        spread.count = times.count
        /// The smallest that so many of a hundred do not exceed.
        func least(_ percent: Int) -> Int64? {
            times.sorted().first { time in times.count { $0 <= time } * 100 >= percent * times.count }
        }
        (spread.median, spread.p75, spread.p95) = (least(50), least(75), least(95))
        return spread
    }

    @Test(arguments: 1...20)
    func neverGuessesWhereWebhooksAreLost(_ seed: UInt64) {
        let history = HistoryGenerator.make(seed: seed, steps: 150, .init(lost: 0.15, isWild: true))
        let lost = history.pushes.filter(\.isLost)
        let doubtful = Set(lost.flatMap(\.list).map { history.commits[$0].id })
        for (service, environment) in Self.places {
            let truth = PlainJudge.verdicts(history, service, environment)
            let judged = judged(history.facts, service, environment)
            for verdict in truth {
                guard let (deployment, contents) = judged[verdict.id] else {
                    Issue.record("\(verdict.id) is missing")
                    continue
                }
                let known = Set(verdict.contents.map { history.commits[$0].id })
                if deployment.kind.ships, deployment.gap == nil {
                    #expect(Set(contents) == known, "\(service) \(environment) \(verdict.id)")
                } else {
                    // What was pushed by a webhook that is lost may have been live before anything told of it.
                    #expect(Set(contents).subtracting(doubtful).isSubset(of: known), "\(service) \(verdict.id)")
                }
                if deployment.rule == .behind { #expect(verdict.kind == .rollback) }
                if deployment.rule == .ahead { #expect(!verdict.isElsewhere && verdict.kind != .rollback) }
                #expect((deployment.kind == .redeploy) == (verdict.kind == .redeploy))
                #expect((deployment.kind == .baseline) == (verdict.kind == .baseline))
            }
        }
    }

    @Test(arguments: 1...8)
    func saysTheSameInWhateverOrderFactsCome(_ seed: UInt64) throws {
        let history = HistoryGenerator.make(seed: seed, steps: 120, .init(lost: 0.1, isWild: true))
        var numbers = SeededNumbers(seed: seed &+ 1_000)
        var facts = history.facts
        // Some tools tell of one deployment twice, at two times, or as a failure first.
        for case .deployment(var deployment) in history.facts where Int.random(in: 0..<4, using: &numbers) == 0 {
            deployment.finishedAt = deployment.finishedAt.advanced(by: .seconds(3_600))
            deployment.repository = nil
            facts.append(.deployment(deployment))
            if deployment.succeeded {
                deployment.succeeded = false
                facts.append(.deployment(deployment))
            }
        }
        let expected = try Written.bytes(ReportJSON(report(facts, query(commits: true))).write)
        for round in 0..<4 {
            // Some come twice, and all of them at any time.
            let doubled = facts.filter { _ in Int.random(in: 0..<3, using: &numbers) == 0 }
            let shuffled = (facts + doubled).shuffled(using: &numbers)
            let bytes = try Written.bytes(ReportJSON(report(shuffled, query(commits: true))).write)
            #expect(bytes == expected, "round \(round)")
        }
    }

    /// What one period says, the next one finds as the time before.
    @Test(arguments: 1...5)
    func comparesWithThePeriodBefore(_ seed: UInt64) {
        let history = HistoryGenerator.make(seed: seed, steps: 120)
        let day: Int64 = 86_400_000
        let middle = Self.period.from.millisecondsSince1970 + 15 * day
        func period(_ from: Int64) -> DeploymentReport.Period {
            .init(from: Timestamp(millisecondsSince1970: from), to: Timestamp(millisecondsSince1970: from + 10 * day))
        }
        let first = report(history.facts, query(period(middle - 10 * day)))
        let second = report(history.facts, query(period(middle)))
        for place in second.places {
            let other = first.places.first { $0.service == place.service && $0.environment == place.environment }
            #expect(place.before == other?.figures ?? place.before)
        }
        #expect(!second.places.isEmpty)
    }
}
