import Foundation
import GRDB
import GatewayTestSupport
import Logging
import Sluice
import Testing

@testable import SluiceGateway

/// What the file of deployments keeps of facts, beside the events that it counts.
struct LedgerFactsTests {
    private let directory: TemporaryDirectory
    private let ledger: DeploymentLedger
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() async throws {
        directory = try TemporaryDirectory()
        ledger = try DeploymentLedger(path: directory.path + "/deployments.sqlite", logger: Self.logger)
        try await ledger.completeFacts()
    }

    private var store: FactStore { FactStore(path: directory.path + "/deployments.sqlite") }

    private func take(_ fact: Fact, event: MessageID? = nil, at hours: Double = 50) async throws {
        #expect(try await ledger.record([FactFixtures.received(fact, event: event, at: hours)].compactMap(\.self)))
    }

    private func count(_ event: Event, at hours: Double = 50) async throws -> DeploymentLedger.Entry? {
        try await ledger.record(event, id: event.messageID, receivedAt: FactFixtures.time(hours))
    }

    /// Each commit once, whichever of the two comes first.
    @Test(arguments: [true, false])
    func anEventAndItsFactAreReadOnceAndCountedOnce(_ isFactFirst: Bool) async throws {
        let push = FactFixtures.push(1...3, at: 1)
        let deployed = FactFixtures.deployment(of: 3, at: 2)
        let fact = try #require(DeploymentFact(deployed, id: deployed.messageID))
        func takeFacts() async throws {
            try await take(.push(push))
            try await take(.deployment(fact), event: deployed.messageID)
        }
        if isFactFirst { try await takeFacts() }
        for event in FactFixtures.events(of: push) { #expect(try await count(event) != nil) }
        #expect(try await count(deployed)?.leadTime == .seconds(5_400))
        if !isFactFirst { try await takeFacts() }
        #expect(try await count(deployed) == nil)
        for event in FactFixtures.events(of: push) { #expect(try await count(event) == nil) }
        let facts: [Fact] = [.push(push), .deployment(fact)]
        #expect(try store.facts() == facts)
        #expect(try await ledger.facts() == facts)
    }

    @Test func whatNoFactTellsOfIsAFactWithoutALink() async throws {
        let push = FactFixtures.push(1...2, at: 1)
        for event in FactFixtures.events(of: push) { _ = try await count(event) }
        let deployed = FactFixtures.deployment(of: 2, at: 2)
        _ = try await count(deployed)
        let facts = try store.facts()
        #expect(facts.count == 3)
        guard case .push(let first) = facts.first, case .deployment(let last) = facts.last else {
            return #expect(Bool(false), "\(facts)")
        }
        #expect(!first.isLinked && first.before == nil && first.repository == FactFixtures.repository)
        #expect(first.commits.map(\.madeAt) == [FactFixtures.time(0.5)])
        #expect(last == DeploymentFact(deployed, id: deployed.messageID))
        // Facts that cannot hold all of a push leave the rest to the events.
        var short = push
        (short.commits, short.isComplete) = ([push.commits[1]], false)
        try await take(.push(short))
        let commits = try store.facts().flatMap { fact -> [String] in
            if case .push(let push) = fact { push.commits.map(\.id) } else { [] }
        }
        #expect(Set(commits) == Set(push.commits.map(\.id)) && commits.count == 2)
    }

    /// A tool that tries again later tells of another time: the earlier is when it was.
    @Test(arguments: [[0, 1, 2, 3], [1, 0, 3, 2], [3, 1, 0, 2], [2, 3, 0, 1]])
    func aDeploymentThatIsToldTwiceUnderItsIdIsReadOnce(_ order: [Int]) async throws {
        let events = [FactFixtures.deployment(of: 1, at: 2), FactFixtures.deployment(of: 1, at: 3)]
        func fact(_ event: Event) throws -> Fact {
            var fact = try #require(DeploymentFact(event, id: event.messageID))
            fact.id = "42"
            return .deployment(fact)
        }
        for step in order {
            let event = events[step % 2]
            if step < 2 {
                _ = try await count(event)
            } else {
                try await take(try fact(event), event: event.messageID)
            }
        }
        #expect(try store.facts() == [try fact(events[0])])
    }

    @Test func anIncidentIsPutTogetherInWhateverOrder() async throws {
        let (opened, resolved) = (FactFixtures.time(1), FactFixtures.time(2))
        func incident(_ id: String, _ opened: Timestamp?, _ resolved: Timestamp?) -> Fact {
            .incident(IncidentFact(id: id, service: "web", openedAt: opened, resolvedAt: resolved))
        }
        for (id, parts) in [("a", [opened, nil]), ("b", [nil, opened])] as [(String, [Timestamp?])] {
            for part in parts { try await take(incident(id, part, part == nil ? resolved : nil)) }
            try await take(incident(id, opened, nil))
        }
        #expect(try store.facts() == [incident("a", opened, resolved), incident("b", opened, resolved)])
    }

    @Test func theSameFactsAreReadInWhateverOrderTheyCame() async throws {
        var facts: [(Fact, MessageID?)] = (0..<30).map {
            (.push(FactFixtures.push($0 * 3 + 1...$0 * 3 + 3, at: Double($0))), nil)
        }
        for number in 1...30 {
            let event = FactFixtures.deployment(of: number * 3, at: Double(number) + 0.5)
            if let fact = DeploymentFact(event, id: event.messageID) {
                facts.append((.deployment(fact), event.messageID))
            }
        }
        for (fact, event) in facts { try await take(fact, event: event) }
        let read = try store.facts()
        #expect(read.count == 60)
        for _ in 0..<3 {
            let other = try DeploymentLedger(path: directory.path + "/\(UUID().uuidString)", logger: Self.logger)
            try await other.learn(
                (facts + facts).shuffled().compactMap { FactFixtures.received($0.0, event: $0.1, at: 50) })
            #expect(try await other.facts() == read)
        }
    }

    @Test func aSpanOfTimeAndAFilterAreHeld() async throws {
        try await take(.push(FactFixtures.push(1...1, at: 1)))
        try await take(.push(FactFixtures.push(2...2, at: 2)))
        try await take(.push(FactFixtures.push(3...3, at: 2, repository: "octo/other")))
        for (service, environment, hours) in [
            ("hello", "production", 2), ("hello", "staging", 2), ("web", "production", 3),
        ] {
            let event = FactFixtures.deployment(of: 1, at: Double(hours), to: environment, service: service)
            try await take(
                .deployment(try #require(DeploymentFact(event, id: event.messageID))), event: event.messageID)
        }
        for (id, opened, resolved) in [("past", 0.1, 0.2), ("long", 0.5, 9), ("open", 2.5, nil)]
            as [(String, Double, Double?)]
        {
            try await take(
                .incident(
                    IncidentFact(
                        id: id, service: "web", openedAt: FactFixtures.time(opened),
                        resolvedAt: resolved.map(FactFixtures.time))))
        }
        func kinds(_ since: Double?, _ until: Double?, _ filter: FactFilter = FactFilter()) throws -> [Int] {
            let facts = try store.facts(
                since: since.map(FactFixtures.time), until: until.map(FactFixtures.time), where: filter)
            return Fact.Kind.allCases.map { kind in facts.count { $0.kind == kind } }
        }
        #expect(try kinds(nil, nil) == [3, 3, 3])
        #expect(try kinds(1, 2) == [1, 0, 1])
        #expect(try kinds(2, 3) == [2, 2, 2])
        #expect(try kinds(3, nil) == [0, 1, 2])
        #expect(try kinds(nil, nil, FactFilter(repository: "octo/hello")) == [2, 3, 3])
        #expect(try kinds(nil, nil, FactFilter(service: "web")) == [3, 1, 3])
        #expect(try kinds(nil, nil, FactFilter(service: "hello", environment: "staging")) == [3, 1, 0])
    }

    @Test func aDeploymentWhoseTimeIsNotBelievedIsNotRead() async throws {
        let event = FactFixtures.deployment(of: 1, at: 5_000)
        try await take(.deployment(try #require(DeploymentFact(event, id: event.messageID))), event: event.messageID)
        #expect(try store.facts().isEmpty)
    }

    // MARK: How long

    @Test func whatIsOldIsForgottenAndDoesNotComeBack() async throws {
        let old = FactFixtures.push(1...2, at: 1)
        let deployed = FactFixtures.deployment(of: 2, at: 2)
        let fact = Fact.deployment(try #require(DeploymentFact(deployed, id: deployed.messageID)))
        func takeOld() async throws {
            try await take(.push(old), at: 3)
            try await take(fact, event: deployed.messageID, at: 3)
            try await take(
                .incident(IncidentFact(id: "i", service: "web", openedAt: FactFixtures.time(1), resolvedAt: nil)), at: 3
            )
        }
        try await takeOld()
        _ = try await count(deployed, at: 3)
        let new = FactFixtures.push(3...3, at: 30)
        try await take(.push(new), at: 30)
        while try await ledger.forget(before: FactFixtures.time(20)) > 0 {}
        // The last deployment of a service stays, however old.
        #expect(try store.facts() == [.push(new), fact])
        try await takeOld()
        #expect(try store.facts() == [.push(new), fact])
    }

    // MARK: Other files

    @Test func aFileThatIsNewOrMadeAgainTakesNothingBeforeItHasWhatCameBefore() async throws {
        let new = try DeploymentLedger(path: directory.path + "/new.sqlite", logger: Self.logger)
        #expect(try await new.lacksFacts)
        let fact = try #require(FactFixtures.received(.push(FactFixtures.push(1...1, at: 1))))
        #expect(try await !new.record([fact]))
        #expect(try await new.facts().isEmpty)
        try await new.learn([fact])
        try await new.completeFacts()
        #expect(try await !new.lacksFacts)
        #expect(try await new.record([fact]))
        #expect(try await new.facts().count == 1)
    }

    /// As the release before this one wrote it: its rows are kept, and read as facts, before and after the migration.
    @Test func aFileOfTheReleaseBeforeIsReadAndMigrated() async throws {
        let path = directory.path + "/old.sqlite"
        let deployed = FactFixtures.deployment(of: 1, at: 2)
        do {
            let database = try DatabaseQueue(path: path)
            try await database.write { database in
                try database.execute(sql: FactFixtures.ledgerOfTheReleaseBefore)
                try database.execute(
                    sql: "INSERT INTO pushes VALUES (?, 'octo/hello', ?, ?)",
                    arguments: [
                        FactFixtures.commit(1), FactFixtures.time(1).millisecondsSince1970,
                        FactFixtures.time(1).millisecondsSince1970,
                    ])
                try database.execute(
                    sql: "INSERT INTO deployments VALUES (?, 'hello', 'production', ?, ?, 1, 1, ?)",
                    arguments: [
                        deployed.messageID.description, FactFixtures.commit(1),
                        FactFixtures.time(2).millisecondsSince1970,
                        FactFixtures.time(2).millisecondsSince1970,
                    ])
            }
            try database.close()
        }
        func check(_ facts: [Fact]) {
            guard facts.count == 2, case .push(let push) = facts[0], case .deployment(let deployment) = facts[1] else {
                return #expect(Bool(false), "\(facts)")
            }
            #expect(!push.isLinked && push.commits.map(\.id) == [FactFixtures.commit(1)])
            #expect(deployment.id == deployed.messageID.description && deployment.repository == nil)
        }
        check(try FactStore(path: path, isLive: false).facts())
        let old = try DeploymentLedger(path: path, logger: Self.logger)
        check(try await old.facts())
        check(try FactStore(path: path).facts())
        // It comes again from the queue, and is known.
        #expect(try await old.record(deployed, id: deployed.messageID, receivedAt: FactFixtures.time(3)) == nil)
        check(try await old.facts())
    }

    @Test func aMissingFileIsNotMade() throws {
        let path = directory.path + "/none.sqlite"
        #expect(throws: DeploymentLedgerError.self) { try FactStore(path: path).facts() }
        #expect(!FileManager.default.fileExists(atPath: path))
    }
}
