import GatewayTestSupport
import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

/// What the status knows of the processes before this one.
struct PastTroublesTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private static let start = Timestamp.now().advanced(by: .seconds(-7_200))

    private static func time(_ minutes: Int64) -> Timestamp { start.advanced(by: .seconds(60 * minutes)) }

    /// A process that leaves these events and failures of Slack behind.
    private func past(
        _ events: [(JournalEvent.Kind, Int64)], failures: [String] = []
    ) async throws -> (past: PastTroubles, noted: @Sendable () -> [String]) {
        let under = JournalUnderTest(in: directory.path)
        try await under.whileWriting {
            for (kind, minutes) in events { under.journal.note(JournalEvent(kind, "slack", at: Self.time(minutes))) }
            for reason in failures { under.attempt(MessageID(), 1, .failure, reason: reason) }
        }
        let noted = Noted()
        let past = PastTroubles { event in noted.events.withLock { $0.append(event) } }
        await past.read(JournalReader(path: under.journal.file.path, isLive: false))
        return (past, { noted.events.withLock { $0.map(\.kind.description) } })
    }

    private func failing() -> Snapshot.Destination {
        var destination = Snapshot.Destination(name: "slack")
        destination.failingSince = .now()
        return destination
    }

    @Test func aDestinationThatFailsOnHasDoneSoSinceItWasLeft() async throws {
        let (past, _) = try await past([(.held, 1), (.released, 2), (.breakerOpened, 3), (.held, 4)])
        var destination = failing()
        past.add(to: &destination)
        #expect(destination.failingSince == Self.time(3))
        // Only while it fails, and only this one.
        var idle = Snapshot.Destination(name: "slack")
        past.add(to: &idle)
        #expect(idle.failingSince == nil)
        var other = Snapshot.Destination(name: "grafana")
        other.failingSince = Self.time(100)
        past.add(to: &other)
        #expect(other.failingSince == Self.time(100))
    }

    /// A process that finds it so tells of it anew.
    @Test func whatWasToldAgainBeganWithTheFirst() async throws {
        let (past, _) = try await past([(.held, 1), (.held, 5), (.held, 9)])
        var destination = failing()
        past.add(to: &destination)
        #expect(destination.failingSince == Self.time(1))
    }

    private static let ended: [[(JournalEvent.Kind, Int64)]] = [
        [(.held, 1), (.released, 2)], [(.breakerOpened, 1), (.shut, 2), (.opened, 3), (.breakerClosed, 4)],
        [(.released, 1)], [],
    ]

    @Test(arguments: ended)
    func whatHasEndedIsNotInherited(_ events: [(JournalEvent.Kind, Int64)]) async throws {
        let (past, _) = try await past(events)
        var destination = failing()
        let since = destination.failingSince
        past.add(to: &destination)
        #expect(destination.failingSince == since)
    }

    /// Otherwise a later process would take the next failure for the same one.
    @Test func aSuccessEndsItAndTheJournalIsTold() async throws {
        let (past, noted) = try await past([(.held, 1), (.breakerOpened, 2)])
        let slack = try Destination("slack", Destination.Configuration())
        past.settle(slack.status)
        #expect(noted().isEmpty)
        let broker = MemoryBroker()
        let router = Router(logger: LogRecorder().logger)
        try router.add(Route("r", from: broker.subscriber(group: "g"), "in", destination: slack) { _, _ in })
        let running = Task { try await router.run() }
        try await eventually("the route runs") { router.status.allSatisfy(\.isRunning) }
        try await broker.publisher().publish([Message(text: "a")], to: "in")
        try await eventually("a success") { slack.status.lastSuccess != nil }
        past.settle(slack.status)
        past.settle(slack.status)
        #expect(Set(noted()) == ["released", "breaker_closed"] && noted().count == 2)
        var destination = failing()
        let since = destination.failingSince
        past.add(to: &destination)
        #expect(destination.failingSince == since)
        router.drain()
        try await running.value
    }

    @Test func failuresAreCountedOnFromThoseBefore() async throws {
        let (past, _) = try await past([], failures: ["http_503", "http_503", "http_429"])
        var destination = failing()
        let now = Timestamp.now().advanced(by: .seconds(1))
        destination.failures = [.init(reason: "http_503", count: 4, last: now)]
        past.add(to: &destination)
        #expect(destination.failures.map(\.reason) == ["http_503", "http_429"])
        #expect(destination.failures.map(\.count) == [6, 1] && destination.failures.first?.last == now)
    }

    @Test func onlySoManyCausesAreShown() {
        let causes = (0..<40).map { Snapshot.Cause(reason: "r\($0)", count: 1, last: Self.time(Int64($0))) }
        #expect(causes.joined(with: causes).map(\.reason) == (24..<40).reversed().map { "r\($0)" })
    }

    @Test func aFileThatCannotBeReadKnowsNothing() async throws {
        let past = PastTroubles { _ in }
        await past.read(JournalReader(path: directory.path + "/none.sqlite", isLive: false))
        var destination = failing()
        past.add(to: &destination)
        #expect(destination.failures.isEmpty)
    }

    private final class Noted: Sendable {
        let events = Mutex<[JournalEvent]>([])
    }
}
