import Foundation
import Sluice
import SluicePrometheus
import SluiceTesting
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10))) struct MemoryShelvingTests {
    /// A million in `make soak`, which runs the tests that are named so; a hundredth of that otherwise.
    private static let total = ProcessInfo.processInfo.environment["SLUICE_SOAK"] == nil ? 10_000 : 1_000_000
    /// As long as the whole test may take: on a busy machine it takes minutes.
    private static let patience = Duration.seconds(500)

    private static func key(of number: Int) -> String { number.isMultiple(of: 2) ? "bad" : "\(number / 2 % 50)" }

    @Test(arguments: [nil, 100]) func aFailingKeyHoldsUpNoOtherInMemoryForLong(maxInFlight: Int?) async throws {
        let total = Self.total
        let broker = MemoryBroker()
        let seen = Mutex<[String: [Int]]>([:])
        let attempts = Mutex<Set<Int>>([])
        let count = Atomic<Int>(0)
        let takesBad = Atomic<Bool>(false)
        let meters = Meters()
        // The group is there before anything is published.
        try await broker.subscriber(group: "g", configuration: .init(maxInFlight: maxInFlight)).subscribe(to: "t")
            .cancel()
        func router() throws -> Router {
            let router = Router.quick([HandlerMetrics()], meters: meters)
            try router.add(
                Route(
                    "r", from: try broker.subscriber(group: "g", configuration: .init(maxInFlight: maxInFlight)), "t",
                    ordering: .perKey(lanes: 8, by: .metadata("key"))
                ) { message, _ in
                    if message.key == "bad", !takesBad.load(ordering: .acquiring) {
                        attempts.withLock { _ = $0.insert(message.number) }
                        throw Broken()
                    }
                    seen.withLock { $0[message.key, default: []].append(message.number) }
                    count.wrappingAdd(1, ordering: .relaxed)
                })
            return router
        }
        try await router().whileRunning {
            let publisher = broker.publisher()
            for start in stride(from: 0, to: total, by: 500) {
                try await publisher.publish(
                    (start..<start + 500).map { .numbered($0, key: Self.key(of: $0)) }, to: "t")
            }
            try await eventually(within: Self.patience) { count.load(ordering: .relaxed) == total / 2 }
            #expect(attempts.withLock(\.self) == [0])
            #expect(try #require(meters.value("sluice_deliveries_in_flight")) < 4_096)
            #expect(meters.value("sluice_unaccounted_messages") == 0)
        }
        #expect(meters.value("sluice_unaccounted_messages") == 0)
        // A route that begins goes on with the key's first message.
        try await router().whileRunning {
            try await aWhile()
            #expect(attempts.withLock(\.self) == [0])
            takesBad.store(true, ordering: .releasing)
            try await eventually(within: Self.patience) { count.load(ordering: .relaxed) == total }
        }
        for (key, numbers) in seen.withLock(\.self) {
            #expect(numbers == (0..<total).filter { Self.key(of: $0) == key }, "key \(key)")
        }
        #expect(meters.value("sluice_unaccounted_messages") == 0)
        #expect(broker.backlog(of: "t", group: "g") == 0)

        func aWhile() async throws {
            let before = meters.value("sluice_deliveries_total", ["outcome": "rejected"]) ?? 0
            try await eventually {
                (meters.value("sluice_deliveries_total", ["outcome": "rejected"]) ?? 0) > before + 3
            }
        }
    }

    /// A thousand keys, all of which fail: what is published waits with its publisher, not in memory.
    @Test func aHandlerThatFailsForAllHoldsUpItsPublishers() async throws {
        let (total, keys) = (60_000, 1_000)
        let broker = MemoryBroker()
        let seen = Mutex<[String: [Int]]>([:])
        let attempts = Atomic<Int>(0)
        let count = Atomic<Int>(0)
        let takesAll = Atomic<Bool>(false)
        try await broker.subscriber(group: "g").subscribe(to: "t").cancel()
        let router = Router.quick([])
        try router.add(
            Route(
                "r", from: broker.subscriber(group: "g"), "t", ordering: .perKey(lanes: 8, by: .metadata("key"))
            ) { message, _ in
                attempts.wrappingAdd(1, ordering: .relaxed)
                guard takesAll.load(ordering: .acquiring) else { throw Broken() }
                seen.withLock { $0[message.key, default: []].append(message.number) }
                count.wrappingAdd(1, ordering: .relaxed)
            })
        try await router.whileRunning {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let publisher = broker.publisher()
                    for start in stride(from: 0, to: total, by: 500) {
                        try await publisher.publish(
                            (start..<start + 500).map { .numbered($0, key: "\($0 % keys)") }, to: "t")
                    }
                }
                try await eventually(within: Self.patience) { attempts.load(ordering: .relaxed) > 20 * keys }
                #expect(broker.backlog(of: "t", group: "g") < 10_000)
                takesAll.store(true, ordering: .releasing)
                try await eventually(within: Self.patience) { count.load(ordering: .relaxed) == total }
                try await group.waitForAll()
            }
        }
        for key in 0..<keys {
            #expect(seen.withLock { $0["\(key)"] } == Array(stride(from: key, to: total, by: keys)), "key \(key)")
        }
    }
}
