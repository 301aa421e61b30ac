import Sluice
import Testing

@testable import SluiceGateway

/// What gateways on one Kafka count together: each verdict once.
struct SharedVerdictTests {
    private let queue: SharedFactsQueue

    init() throws {
        queue = try SharedFactsQueue()
    }

    private func deployment(_ id: String, of number: Int, at hours: Double) -> Fact {
        .deployment(
            DeploymentFact(
                id: id, service: "hello", environment: "production", commit: FactFixtures.commit(number),
                finishedAt: FactFixtures.time(hours), succeeded: true, repository: FactFixtures.repository))
    }

    /// The first deployment of a service, and the push before it.
    private var first: [Fact] { [.push(FactFixtures.push(1...1, at: 1)), deployment("a", of: 1, at: 2)] }
    private var second: [Fact] { [.push(FactFixtures.push(2...3, at: 3)), deployment("b", of: 3, at: 4)] }
    private var third: [Fact] { [.push(FactFixtures.push(4...4, at: 5)), deployment("c", of: 4, at: 6)] }

    /// Two gateways, of which the first leads, and counting has begun.
    private func gateways() async throws -> (one: CountingGateway, other: CountingGateway) {
        let (one, other) = (try await CountingGateway(queue, leads: true), try await CountingGateway(queue))
        try await one.look(at: 0)
        try await other.look(at: 0)
        for gateway in [one, other] {
            try await gateway.read()
            try await gateway.look(at: 1)
        }
        return (one, other)
    }

    private func both(_ gateways: CountingGateway..., body: (CountingGateway) async throws -> Void) async throws {
        for gateway in gateways { try await body(gateway) }
    }

    @Test func theOneThatLeadsCountsAndTheOtherNotesIt() async throws {
        let (one, other) = try await gateways()
        try await both(one, other) { try await $0.take(first + second) }
        for clock: Int64 in [60, 660] { try await both(one, other) { try await $0.look(at: clock) } }
        // What was told counts when it is back.
        #expect(one.counted("forward") == 0)
        try await both(one, other) { try await $0.read() }
        #expect(one.counted("baseline") == 1 && one.counted("forward") == 1)
        #expect(one.sum("sluice_change_lead_time_seconds_count") == 2)
        other.lead()
        try await both(one, other) { try await $0.look(at: 720) }
        try await both(one, other) { try await $0.read() }
        #expect(one.counted("forward") == 1)
        #expect(other.counted("baseline") == 0 && other.counted("forward") == 0)
    }

    @Test func whatTheOneThatDiedHadNotCountedIsCountedByTheOther() async throws {
        let (one, other) = try await gateways()
        try await both(one, other) { try await $0.take(first + second) }
        for clock: Int64 in [60, 660] { try await both(one, other) { try await $0.look(at: clock) } }
        try await both(one, other) { try await $0.read() }
        #expect(one.counted("forward") == 1)
        // The next one is not ripe when the first dies, and it is a rollback of the one before.
        try await both(one, other) { try await $0.take(third + [deployment("d", of: 3, at: 7)]) }
        try await both(one, other) { try await $0.look(at: 700) }
        other.lead()
        try await other.look(at: 1_300)
        try await other.read()
        #expect(other.counted("forward") == 1 && other.counted("rollback") == 1 && other.counted("baseline") == 0)
        #expect(other.sum("sluice_deployment_failures_total") == 1)
        #expect(other.sum("sluice_change_lead_time_seconds_count") == 1)
    }

    /// A process that was stopped for long does not know yet that it does not lead any more.
    @Test func ofTwoThatThinkThatTheyLeadTheFirstCounts() async throws {
        let (one, other) = try await gateways()
        other.lead()
        try await both(one, other) { try await $0.take(first + second) }
        for clock: Int64 in [60, 660] { try await both(other, one) { try await $0.look(at: clock) } }
        try await both(one, other) { try await $0.read() }
        #expect(one.counted("forward") == 0 && one.counted("baseline") == 0)
        #expect(other.counted("forward") == 1 && other.counted("baseline") == 1)
    }

    @Test func oneThatComesLaterKnowsWhatWasCounted() async throws {
        let (one, _) = try await gateways()
        try await one.take(first + second)
        for clock: Int64 in [60, 660] { try await one.look(at: clock) }
        try await one.read()
        let late = try await CountingGateway(queue, leads: true, knowing: first + second)
        for clock: Int64 in [700, 1_400] {
            try await late.look(at: clock)
            try await late.read()
        }
        #expect(late.counted("forward") == 0 && late.counted("baseline") == 0)
        try await late.take(third)
        for clock: Int64 in [1_500, 2_200] {
            try await late.look(at: clock)
            try await late.read()
        }
        #expect(late.counted("forward") == 1)
    }

    @Test func whatWasThereBeforeTheCountingBeganIsCountedByNone() async throws {
        let one = try await CountingGateway(queue, leads: true, knowing: first)
        let other = try await CountingGateway(queue, leads: true, knowing: first)
        for clock: Int64 in [0, 1, 700, 1_400] {
            try await both(one, other) { try await $0.look(at: clock) }
            try await both(one, other) { try await $0.read() }
        }
        #expect(one.counted("baseline") == 0 && other.counted("baseline") == 0)
        try await both(one, other) { try await $0.take(second) }
        for clock: Int64 in [1_500, 2_200] {
            try await both(one, other) { try await $0.look(at: clock) }
            try await both(one, other) { try await $0.read() }
        }
        #expect(one.counted("forward") + other.counted("forward") == 1)
    }

    @Test func whatCannotBeToldIsToldAgain() async throws {
        let (one, other) = try await gateways()
        try await both(one, other) { try await $0.take(first) }
        try await one.look(at: 60)
        queue.isAway = true
        await #expect(throws: ClosedError.self) { try await one.look(at: 660) }
        queue.isAway = false
        try await one.look(at: 720)
        try await both(one, other) { try await $0.read() }
        #expect(one.counted("baseline") == 1 && other.counted("baseline") == 0)
    }

    @Test func manyVerdictsAreToldInPieces() throws {
        let entries = (0..<601).map { number in
            CountedVerdicts.Entry(
                key: .init(service: "s\"\(number)", environment: "é", id: "\(number)"),
                parts: number.isMultiple(of: 2) ? .kind : [.failure, .recovery])
        }
        let told = CountedVerdicts(counter: nil, entries: entries, endsBeginning: true)
        let read = told.pieces.compactMap { CountedVerdicts($0.message) }
        #expect(read.map(\.entries.count) == [250, 250, 101])
        #expect(read.flatMap(\.entries) == entries)
        #expect(read.map(\.endsBeginning) == [false, false, true])
        #expect(CountedVerdicts(counter: "x", entries: []).pieces.count == 1)
        #expect(CountedVerdicts(Fact.push(FactFixtures.push(1...1, at: 1)).message()) == nil)
        var broken = told.message
        broken.payload = Array("{\"verdicts\":[".utf8)
        #expect(CountedVerdicts(broken) == nil)
    }
}
