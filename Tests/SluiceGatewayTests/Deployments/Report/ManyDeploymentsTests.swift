import Foundation
import GatewayTestSupport
import Logging
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

/// Reports of so much that not all of it is listed, or shown at once.
struct ManyDeploymentsTests {
    private static func query(hours: Double) -> DeploymentReport.Query {
        let period = DeploymentReport.Period(from: FactFixtures.time(100), to: FactFixtures.time(hours))
        return DeploymentReport.Query(period: period, now: FactFixtures.time(hours))
    }

    private static func deployment(_ number: Int, of service: String, at hours: Double) -> Fact {
        .deployment(
            DeploymentFact(
                id: "\(service)-\(number)", service: service, environment: "production",
                commit: FactFixtures.commit(number), finishedAt: FactFixtures.time(hours), succeeded: true))
    }

    /// A line of time has no gap, and every deployment is in it, also those that are too many to be listed.
    @Test func theLineOfTimeShowsEveryDeploymentHoweverMany() throws {
        var history = DeploymentHistory()
        let count = DeploymentReport.deploymentLimit + 500
        history.add(Self.deployment(0, of: "web", at: 50))
        for number in 1...count { history.add(Self.deployment(number, of: "web", at: 100 + Double(number) / 100)) }
        // The last one stays for long enough to have a name.
        var query = Self.query(hours: 150 + Double(count) / 100)
        query.isDrawn = true
        let report = history.report(query)
        #expect(report.deployments.count == DeploymentReport.deploymentLimit)
        let live = try #require(report.places.first).live
        #expect(live.first?.from == query.period.from && live.last?.to == query.period.to)
        for (one, next) in zip(live, live.dropFirst()) { #expect(one.to == next.from) }
        #expect(live.reduce(0) { $0 + $1.count } == count + 1)
        #expect(live.count < 20 && live.last?.deployment?.commit == FactFixtures.commit(count))
        let page = try ReportPage(report).text()
        #expect(page.contains("deployments, 2026-01-05"))
        #expect(page.contains(">\(ReportWords.short(FactFixtures.commit(count)))</i>"))
    }

    /// Kinds that take turns fast are joined, so that a row has so many bars at most: a failure stands for all around it.
    @Test func aLineOfTimeStaysShortWhereKindsTakeTurns() throws {
        var history = DeploymentHistory()
        for number in 1...4_000 {
            // Every other one goes back to the first.
            history.add(
                .deployment(
                    DeploymentFact(
                        id: "\(number)", service: "web", environment: "production",
                        commit: FactFixtures.commit(number % 2 == 0 ? number : 1),
                        finishedAt: FactFixtures.time(100 + Double(number) / 100), succeeded: true)))
        }
        var query = Self.query(hours: 140)
        query.isDrawn = true
        let live = try #require(history.report(query).places.first).live
        #expect(live.count <= 601 && live.contains(where: \.hasFailed))
        for (one, next) in zip(live, live.dropFirst()) { #expect(one.to == next.from) }
    }

    /// What other services did meanwhile takes no room from those that are asked for.
    @Test func theDeploymentsOfTheServiceThatIsAskedForAreListed() {
        var history = DeploymentHistory()
        for number in 0...DeploymentReport.deploymentLimit {
            history.add(Self.deployment(number, of: "busy", at: 200 + Double(number) / 1_000))
        }
        for number in 1...3 { history.add(Self.deployment(number, of: "calm", at: 100 + Double(number))) }
        var query = Self.query(hours: 300)
        #expect(history.report(query).deployments.allSatisfy { $0.service == "busy" })
        query.service = "calm"
        let report = history.report(query)
        #expect(report.deployments.count == 3 && report.moreDeployments == 0)
    }

    /// More commits than are asked for their titles at once: each row is the same as from memory, in the same order.
    @Test func manyCommitsAreListedFromTheFileAsFromMemory() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/deployments.sqlite"
        let ledger = try DeploymentLedger(path: path, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        // Several pushes at one moment, and one that was there long before.
        var facts: [Fact] = []
        for number in 0..<180 {
            let first = number * 100 + 1
            let hours = number == 0 ? 1 : 100 + Double(number / 3)
            facts.append(.push(FactFixtures.push(first...first + 99, at: hours)))
        }
        try await ledger.learn(facts.compactMap { FactFixtures.received($0, at: 1_000) })
        var history = DeploymentHistory()
        for fact in facts { history.add(fact) }
        var query = Self.query(hours: 1_000)
        query.listsCommits = true
        let expected = try Written.text(ReportCSV(history.report(query)).write)
        let found = try Written.text(ReportCSV(try FactStore(path: path).report(query)).write)
        #expect(expected.split(separator: "\r\n").count == 17_901)
        #expect(expected.contains("Change 17901"))
        #expect(found == expected)
    }
}
