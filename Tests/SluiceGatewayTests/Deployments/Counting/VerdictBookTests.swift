import GatewayTestSupport
import Logging
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

/// What is judged anew when facts come.
struct VerdictBookTests {
    private let directory: TemporaryDirectory
    private let ledger: DeploymentLedger
    private let store: FactStore
    private let finder = VerdictFinder(
        now: Timestamp(millisecondsSince1970: 1_767_225_600_000 + 400 * 86_400_000),
        oldest: Timestamp(millisecondsSince1970: 0))

    init() throws {
        directory = try TemporaryDirectory()
        let path = directory.path + "/deployments.sqlite"
        ledger = try DeploymentLedger(path: path, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        store = FactStore(path: path)
    }

    private func judge(_ book: inout VerdictBook, at clock: Int64 = 0) throws -> VerdictBook.Stale {
        let stale = book.stale(ledger.takeChanges(), at: clock)
        switch stale {
        case .everything:
            book.replace(stale, by: finder.find(in: try store.history(), counted: [:]), at: clock)
        case .services(let services):
            let history = try store.history(of: services, in: book.repositories(of: services))
            book.replace(stale, by: finder.find(in: history, counted: [:]), at: clock)
        }
        return stale
    }

    private func take(_ facts: [Fact]) async throws {
        try await ledger.learn(facts.compactMap { FactFixtures.received($0, at: 0) })
    }

    /// Facts that come in pieces, late and in any order, are judged as all of them at once.
    @Test(.timeLimit(.minutes(5)), arguments: 1...8)
    func whatIsJudgedInPiecesIsJudgedAsAWhole(_ seed: UInt64) async throws {
        let trouble = HistoryGenerator.Trouble(lost: seed.isMultiple(of: 2) ? 0.1 : 0, isWild: seed > 4)
        var numbers = SeededNumbers(seed: seed)
        let facts = HistoryGenerator.make(seed: seed, steps: 80, trouble).facts.shuffled(using: &numbers)
        var book = VerdictBook(patience: 600)
        var start = 0
        while start < facts.count {
            let end = min(facts.count, start + Int.random(in: 1...12, using: &numbers))
            try await take(Array(facts[start..<end]))
            _ = try judge(&book)
            let whole = finder.find(in: try store.history(), counted: [:]).verdicts.map(\.verdict)
            #expect(Set(book.verdicts) == Set(whole), "after \(end) facts")
            start = end
        }
    }

    @Test func whatIsNewOfOneServiceLeavesTheOthersAlone() async throws {
        func deployment(_ service: String, of number: Int, in repository: String?) -> Fact {
            .deployment(
                DeploymentFact(
                    id: "\(service)-\(number)", service: service, environment: "production",
                    commit: FactFixtures.commit(number), finishedAt: FactFixtures.time(Double(number) + 1),
                    succeeded: true, repository: repository))
        }
        func push(_ number: Int, _ repository: String) -> Fact {
            .push(FactFixtures.push(number...number, at: Double(number), repository: repository))
        }
        var book = VerdictBook(patience: 600)
        try await take([
            push(1, "octo/web"), push(11, "octo/api"), deployment("web", of: 1, in: "octo/web"),
            deployment("api", of: 11, in: nil), deployment("shop", of: 21, in: "octo/shop"),
        ])
        #expect(try judge(&book) == .everything)
        #expect(try judge(&book) == .services([]))
        try await take([push(2, "Octo/Web")])
        // What names no repository may be of this one.
        #expect(try judge(&book) == .services(["web", "api"]))
        try await take([push(2, "Octo/Web"), deployment("shop", of: 21, in: "octo/shop")])
        #expect(try judge(&book) == .services([]), "what was known is nothing new")
        try await take([
            .incident(IncidentFact(id: "i", service: "shop", openedAt: FactFixtures.time(30), resolvedAt: nil))
        ])
        #expect(try judge(&book) == .services(["shop"]))
        // Its gauges are of the last 30 days, which go by.
        #expect(try judge(&book, at: 90_000) == .services(["web", "api", "shop"]))
    }

    /// A commit that was not heard of may come up in any repository.
    @Test func aCommitThatComesLateIsFoundInItsRepository() async throws {
        var book = VerdictBook(patience: 600)
        func deployment(_ number: Int) -> Fact {
            .deployment(
                DeploymentFact(
                    id: "\(number)", service: "hello", environment: "production", commit: FactFixtures.commit(number),
                    finishedAt: FactFixtures.time(Double(number) + 1), succeeded: true))
        }
        try await take([deployment(1), deployment(3)])
        _ = try judge(&book)
        #expect(book.verdicts.flatMap { $0.leadTimes }.isEmpty)
        try await take([.push(FactFixtures.push(1...3, at: 2))])
        #expect(try judge(&book) == .services(["hello"]))
        #expect(book.verdicts.first { $0.key.id == "3" }?.leadTimes.count == 2)
    }
}
