import Foundation
import Logging
import Sluice
import Synchronization
import Testing

@testable import SluiceSQLite

/// Half of the messages are of one key, which fails until it is told otherwise; the others are of fifty.
@Suite(.timeLimit(.minutes(10))) struct ShelvingTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// A million in `make soak`, which runs the tests that are named so.
    static let total = ProcessInfo.processInfo.environment["SLUICE_SOAK"] == nil ? 20_000 : 1_000_000
    static let patience = Duration.seconds(total > 20_000 ? 500 : 60)

    /// What a route sees, and whether it takes messages of keys that fail.
    final class Desk: Sendable {
        private let fails: @Sendable (String) -> Bool
        private let handled = Mutex<[String: [Int]]>([:])
        private let tried = Mutex<[Int]>([])
        private let count = Atomic<Int>(0)
        private let most = Atomic<Int>(0)
        private let mostKept = Atomic<Int>(0)
        let takesBad = Flag()

        init(fails: @escaping @Sendable (String) -> Bool = { $0 == "bad" }) {
            self.fails = fails
        }

        func handle(_ message: Message, in log: SQLiteLog) throws {
            let key = message.metadata["key"] ?? ""
            let number = Int(message.text) ?? -1
            let held = log.registry.all.map { group in group.state.withLock(\.handedOut) }.reduce(0, +)
            if held > most.load(ordering: .relaxed) { most.store(held, ordering: .relaxed) }
            // What is remembered of messages beside those that are out.
            let kept = log.registry.all.map { group in
                group.state.withLock { state in
                    guard let ledger = state.ledger else { return 0 }
                    return ledger.settled.ranges.count + ledger.shelf.keys.count + ledger.shelf.unwritten.count
                        + ledger.shelf.finished.count + ledger.shelf.fed.count
                }
            }.reduce(0, +)
            if kept > mostKept.load(ordering: .relaxed) { mostKept.store(kept, ordering: .relaxed) }
            if fails(key), !takesBad.isRaised {
                tried.withLock { $0.append(number) }
                throw TimedOut()
            }
            handled.withLock { $0[key, default: []].append(number) }
            count.wrappingAdd(1, ordering: .relaxed)
        }

        var handledCount: Int { count.load(ordering: .relaxed) }
        var mostHeld: Int { most.load(ordering: .relaxed) }
        var mostRemembered: Int { mostKept.load(ordering: .relaxed) }
        var attempts: [Int] { tried.withLock(\.self) }
        func numbers(of key: String) -> [Int] { handled.withLock { $0[key] ?? [] } }
        var keys: Set<String> { handled.withLock { Set($0.keys) } }
    }

    static func key(of number: Int) -> String { number.isMultiple(of: 2) ? "bad" : "\(number / 2 % 50)" }

    func publish(
        _ numbers: Range<Int>, to log: SQLiteLog, key: (Int) -> String = Self.key
    ) async throws {
        var start = numbers.lowerBound
        while start < numbers.upperBound {
            let end = min(start + 1_000, numbers.upperBound)
            try await log.publisher().publish(
                (start..<end).map { number in
                    Message(
                        metadata: ["key": key(number), "other": "\(number % 7)"], payload: Array("\(number)".utf8))
                }, to: "t")
            start = end
        }
    }

    /// Runs a route over the group while `body` does, then drains it.
    func running(
        _ log: SQLiteLog, _ desk: Desk, ordering: Ordering = .perKey(lanes: 8, by: .metadata("key")),
        maxInFlight: Int = 4_096, redelivery: Duration = .milliseconds(2), _ body: () async throws -> Void
    ) async throws {
        var configuration = Router.Configuration()
        // What is put aside, and how, is in question here: not how seldom a destination that fails is asked.
        configuration.destination.budget = nil
        configuration.redelivery = .exponential(from: redelivery, upTo: redelivery * 10, jitter: false)
        let router = Router(
            configuration: configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try router.add(
            Route(
                "r", from: try log.subscriber(group: "g", configuration: .init(maxInFlight: maxInFlight)), "t",
                ordering: ordering
            ) { message, _ in
                try desk.handle(message, in: log)
            })
        let task = Task { try await router.run() }
        do {
            try await body()
        } catch {
            router.drain()
            _ = try? await task.value
            throw error
        }
        router.drain()
        try await task.value
    }

    func expectOrder(_ desk: Desk, _ numbers: Range<Int>, badFrom first: Int? = nil) {
        for key in Set(numbers.map(Self.key)) where key != "bad" {
            #expect(desk.numbers(of: key) == numbers.filter { Self.key(of: $0) == key }, "key \(key)")
        }
        if let first {
            #expect(desk.numbers(of: "bad") == (first..<numbers.upperBound).filter { Self.key(of: $0) == "bad" })
        }
    }

    func shelvedRows(_ path: String) throws -> Int? {
        Int(try shell("sqlite3 -readonly '\(path)' 'SELECT count(*) FROM shelved'"))
    }

    /// The file as it is if the process ends now.
    private func killed(_ directory: TemporaryDirectory) throws -> TemporaryDirectory {
        let copy = try TemporaryDirectory()
        try shell("cp '\(directory.log)' '\(directory.log)-wal' '\(copy.path)/'")
        return copy
    }

    @Test(arguments: [4_096, 100]) func aFailingKeyHoldsUpNoOtherForLong(maxInFlight: Int) async throws {
        let total = Self.total
        let log = try directory.open()
        let desk = Desk()
        try await publish(0..<total, to: log)
        try await running(log, desk, maxInFlight: maxInFlight) {
            try await eventually(within: Self.patience) { desk.handledCount == total / 2 }
            expectOrder(desk, 0..<total)
            #expect(Set(desk.attempts) == [0])
            #expect(desk.mostHeld <= maxInFlight)
            #expect(desk.mostRemembered < 15_000, "whatever the total")
            try await eventually { try await log.backlog(group: "g", topic: "t").messages == total / 2 }
            #expect(try await log.position(of: "g", topic: "t") == 0)
            desk.takesBad.raise()
            try await eventually(within: Self.patience) { desk.handledCount == total }
        }
        expectOrder(desk, 0..<total, badFrom: 0)
        try await eventually { try await log.backlog(group: "g", topic: "t").messages == 0 }
        await log.close()
        #expect(try shelvedRows(directory.log) == 0)
    }

    @Test func whatWaitsBehindAFailingKeySurvivesTheProcess() async throws {
        let total = Self.total
        let log = try directory.open()
        let desk = Desk()
        try await publish(0..<total, to: log)
        var copy = directory
        try await running(log, desk) {
            try await eventually(within: Self.patience) { desk.handledCount == total / 2 }
            try await eventually { try await log.backlog(group: "g", topic: "t").messages == total / 2 }
            copy = try killed(directory)
        }
        await log.close()
        // The one that was killed, and the one that was stopped, go on alike: with the key's first message.
        for place in [copy, directory] {
            let log = try place.open()
            let second = Desk()
            try await publish(total..<total + 200, to: log)
            try await running(log, second) {
                try await eventually(within: Self.patience) { second.handledCount >= 100 }
                try await eventually { second.attempts.count > 2 }
                #expect(Set(second.attempts) == [0])
                second.takesBad.raise()
                try await eventually(within: Self.patience) { second.handledCount == total / 2 + 200 }
            }
            #expect(second.numbers(of: "bad") == (0..<total + 200).filter { Self.key(of: $0) == "bad" })
            #expect(second.keys.count == 51)
            try await eventually { try await log.backlog(group: "g", topic: "t").messages == 0 }
            await log.close()
            #expect(try shelvedRows(place.log) == 0)
        }
    }

    @Test func aReaderInTheLogsOrderGetsWhatWasPutAsideInItsPlace() async throws {
        let log = try directory.open()
        let desk = Desk()
        try await publish(0..<6_000, to: log)
        try await running(log, desk) {
            try await eventually(within: Self.patience) { desk.handledCount == 3_000 }
        }
        try await publish(6_000..<6_100, to: log)
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        let texts = try await subscription.acknowledge(3_050 + 50).texts
        #expect(texts == (0..<6_100).filter { $0 >= 6_000 || $0.isMultiple(of: 2) }.map { "\($0)" })
        try await eventually { try await log.backlog(group: "g", topic: "t").messages == 0 }
        await log.close()
        #expect(try shelvedRows(directory.log) == 0)
    }

    @Test func retentionKeepsWhatWasPutAside() async throws {
        var configuration = directory.configuration()
        configuration.retention.age = .milliseconds(1)
        let log = try SQLiteLog.open(configuration)
        let desk = Desk()
        try await publish(0..<4_000, to: log)
        try await running(log, desk) {
            try await eventually(within: Self.patience) { desk.handledCount == 2_000 }
            try await eventually { try await log.backlog(group: "g", topic: "t").messages == 2_000 }
            #expect(try await log.retain() == 0, "the first message is not handled")
        }
        // Now the first one too was put aside, and the group has come to the log's end.
        try await running(log, desk) {
            try await eventually(within: Self.patience) { try shelvedRows(directory.log) == 2_000 }
            #expect(try await log.retain() == 0)
            #expect(try await log.groups().map(\.settledThrough) == [0])
            desk.takesBad.raise()
            try await eventually(within: Self.patience) { desk.handledCount == 4_000 }
        }
        try await eventually { try await log.backlog(group: "g", topic: "t").messages == 0 }
        #expect(try await log.retain() == 4_000)
        await log.close()
    }

    @Test func movingOrRemovingAGroupForgetsWhatItHasPutAside() async throws {
        let log = try directory.open()
        try await publish(0..<4_000, to: log)
        for removes in [false, true] {
            let desk = Desk()
            try await running(log, desk) {
                try await eventually(within: Self.patience) { desk.handledCount == 2_000 }
            }
            try await eventually { try await log.groups().allSatisfy { $0.reader == nil } }
            #expect(try #require(try shelvedRows(directory.log)) > 0)
            if removes {
                try await log.remove(group: "g", topic: "t")
            } else {
                try await log.seek(group: "g", topic: "t", to: .beginning)
                #expect(try await log.backlog(group: "g", topic: "t").messages == 4_000)
            }
            #expect(try shelvedRows(directory.log) == 0)
        }
        await log.close()
    }
}
