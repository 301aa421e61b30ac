import GatewayTestSupport
import Logging
import Sluice
import SluiceKafka
import SluiceSQLite
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

/// What is paused: kept, obeyed, and waited for.
@Suite(.timeLimit(.minutes(10)))
struct SteeringTests {
    private let logger = LogRecorder().logger
    private let broker = MemoryBroker()

    /// A router with a route `r`, whose sink is `s`.
    private func router(_ handler: @escaping @Sendable () async throws -> Void) throws -> Router {
        let router = Router(logger: logger)
        try router.add(Route("r", from: broker.subscriber(group: "g"), "t") { _, _ in try await handler() })
        return router
    }

    private func log(_ directory: TemporaryDirectory) throws -> SQLiteLog {
        try SQLiteLog.open(SQLiteLog.Configuration(path: directory.path + "/log"))
    }

    private func isPaused(_ router: Router) -> Bool { router.status.contains { $0.isPaused } }

    private func steering(_ router: Router, _ store: any SteeringStore) throws -> Steering {
        let steering = Steering(router, keptBy: store, logger: logger)
        steering.follow([.init(name: "s", routes: ["r"])])
        // As the gateway adds it.
        if steering.mustWait("s") { try router.pause("r") }
        return steering
    }

    /// Knows nothing and never will.
    private struct Silent: SteeringStore {
        let problems: [String] = []
        func follow(_ tell: @escaping @Sendable ([String: SinkPause]) -> Void) async {
            try? await Task.sleep(for: .seconds(3_600))
        }
        func set(_ pause: SinkPause?, of sink: String) async throws {}
    }

    @Test func untilItIsKnownWhatIsPausedSinksWait() async throws {
        let router = try router {}
        let steering = try steering(router, Silent())
        #expect(isPaused(router))
        var readiness = Readiness()
        steering.report(to: &readiness)
        #expect(readiness.notes == ["s: waits until it is known whether it is paused"])
        steering.obey([:])
        #expect(!isPaused(router))
    }

    @Test func aPauseReturnsOnceNoAttemptIsUnderWay() async throws {
        let directory = try TemporaryDirectory()
        let (gate, ended) = (Gate(), Flag())
        let router = try router {
            try await gate.wait()
            ended.raise()
        }
        let log = try log(directory)
        let steering = try steering(router, LogSteering(log, logger: logger))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await steering.run() }
            group.addTask { try await router.run() }
            try await eventually("it is known, and the route reads") {
                !isPaused(router) && router.status.allSatisfy(\.isRunning)
            }
            try await broker.publisher().publish([Message(payload: [1])], to: "t")
            try await eventually("an attempt") { gate.waiting == 1 }
            async let pause = steering.pause(.init(name: "s", routes: ["r"]), reason: nil)
            try await eventually("it is paused") { isPaused(router) }
            gate.open()
            #expect(try await pause.isNew)
            #expect(ended.isUp)
            router.drain()
            group.cancelAll()
        }
        await log.close()
    }

    @Test func whatAnotherProcessHasKeptIsObeyed() async throws {
        let directory = try TemporaryDirectory()
        let logs = [try log(directory), try log(directory)]
        let (router, other) = (try router {}, LogSteering(logs[1], logger: logger))
        let steering = try steering(router, LogSteering(logs[0], logger: logger))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await steering.run() }
            try await eventually("it is known") { !isPaused(router) }
            try await other.set(SinkPause(since: .now(), reason: nil), of: "s")
            try await eventually("it is paused") { isPaused(router) }
            try await other.set(nil, of: "s")
            try await eventually("it goes on") { !isPaused(router) }
            group.cancelAll()
        }
        for log in logs { await log.close() }
    }

    /// What is told before all of it has been read would let a paused sink deliver.
    @Test func onKafkaNothingIsToldBeforeTheNewestRecordIsRead() async throws {
        let directory = try TemporaryDirectory()
        let kafka = try KafkaForTests()
        let configuration = try #require(
            try GatewayConfiguration(
                environment: sinkEnvironment(try FakeGrafana(), nil).merging(kafka.environment) { $1 }
                    .merging(["SLUICE_DATA": directory.path]) { $1 }
            ).kafka)
        let first = KafkaSteering(configuration, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            let known = Flag()
            group.addTask { await first.follow { _ in known.raise() } }
            try await eventually("it is known") { known.isUp }
            for number in 0..<20 { try await first.set(SinkPause(since: .now(), reason: nil), of: "s\(number)") }
            let told = Mutex<[Set<String>]>([])
            let second = KafkaSteering(configuration, logger: logger)
            group.addTask { await second.follow { paused in told.withLock { $0.append(Set(paused.keys)) } } }
            try await eventually("the second knows") { told.withLock { !$0.isEmpty } }
            let firstTold = told.withLock { $0.first }
            #expect(firstTold == Set((0..<20).map { "s\($0)" }))
            group.cancelAll()
        }
    }
}

/// Groups of Kafka's that are moved while gateways read.
@Suite(.timeLimit(.minutes(10)))
struct GroupMoveTests {
    private let logger = LogRecorder().logger

    @Test func whatIsKeptOfAMoveIsReadAgain() throws {
        var move = GroupMove(of: "log-to-slack", until: Timestamp(millisecondsSince1970: 1_767_225_600_000))
        #expect(GroupMove.decode(move.encode(), route: "log-to-slack") == move)
        move.isOver = true
        #expect(GroupMove.decode(move.encode(), route: "log-to-slack") == move)
        for text in ["", "{}", #"{"id":1,"until":"x"}"#, #"{"id":"a","until":"2026-01-02T03:04:05Z","over":7}"#] {
            #expect(GroupMove.decode(Array(text.utf8), route: "r") == nil)
        }
    }

    @Test func aRouteWaitsNoLongerThanAMinuteHoweverWrongTheClocksAre() {
        let now = Timestamp(millisecondsSince1970: 1_767_225_600_000)
        func remaining(_ until: Int64) -> Duration? {
            GroupMove(of: "r", until: Timestamp(millisecondsSince1970: until)).remaining(at: now)
        }
        #expect(remaining(now.millisecondsSince1970 + 5_000) == .seconds(5))
        #expect(remaining(now.millisecondsSince1970 + 5_000_000) == .seconds(60))
        #expect(remaining(.max) == .seconds(60))
        #expect(remaining(now.millisecondsSince1970) == nil && remaining(.min) == nil)
    }

    /// The route is out of its group while the move lasts, and the action runs until the group takes it.
    @Test func theRouteIsOutUntilItIsOver() async throws {
        let broker = MemoryBroker()
        let router = Router(logger: logger)
        try router.add(Route("r", from: broker.subscriber(group: "g"), "t") { _, _ in })
        let kept = Mutex<[GroupMove]>([])
        let box = Box()
        let moves = GroupMoves(
            router,
            keptBy: { move in
                kept.withLock { $0.append(move) }
                box.moves?.note([move])
            }, logger: logger)
        box.set(moves)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await moves.run() }
            group.addTask { try await router.run() }
            try await eventually("it reads") { router.status.allSatisfy(\.isRunning) }
            let tries = Mutex(0)
            try await moves.move("r") {
                // As Kafka says it while members are there.
                guard !router.status.contains(where: \.isRunning),
                    tries.withLock({
                        $0 += 1; return $0
                    }) > 2
                else {
                    throw KafkaError(.unreachable, detail: "not yet")
                }
            }
            let (count, records) = (tries.withLock { $0 }, kept.withLock { $0 })
            #expect(count == 3 && records.map(\.isOver) == [false, true])
            try await eventually("it reads again") { router.status.allSatisfy(\.isRunning) }
            // What is refused for good is told, and the route goes on.
            await #expect(throws: KafkaError.self) {
                try await moves.move("r") { throw KafkaError(.authentication, detail: "no") }
            }
            try await eventually("it reads again") { router.status.allSatisfy(\.isRunning) }
            // The end of another move is not the end of this one.
            let mine = GroupMove(of: "r", until: Timestamp.now().advanced(by: .seconds(30)))
            var other = GroupMove(of: "r", until: mine.until)
            other.isOver = true
            moves.note([mine])
            try await eventually("it is out") { !router.status.contains(where: \.isRunning) }
            moves.note([other])
            await #expect(throws: ControlFailure.self) { try await moves.move("r") {} }
            var over = mine
            over.isOver = true
            moves.note([over])
            try await eventually("it reads again") { router.status.allSatisfy(\.isRunning) }
            router.drain()
            group.cancelAll()
        }
    }

    private final class Box: Sendable {
        private let state = Mutex<GroupMoves?>(nil)
        var moves: GroupMoves? { state.withLock(\.self) }
        func set(_ moves: GroupMoves) { state.withLock { $0 = moves } }
    }
}
