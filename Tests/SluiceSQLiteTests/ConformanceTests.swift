import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceSQLite

/// The log keeps the promises of every Pub/Sub.
struct ConformanceTests {
    /// One log for the cases of one configuration, which a restart replaces.
    private final class Broker: Sendable {
        private let directory: TemporaryDirectory
        private let current: Mutex<SQLiteLog>

        init() throws {
            directory = try TemporaryDirectory()
            current = Mutex(try directory.open())
        }

        var log: SQLiteLog { current.withLock { $0 } }

        func restart() async throws {
            await log.close()
            let next = try directory.open()
            current.withLock { $0 = next }
        }
    }

    /// Several subscriptions of a group take what comes, whatever its key.
    static let shared = PubSubFeatures().with {
        $0.exactlyOnce = true
        $0.guaranteedOrder = false
        $0.restartable = true
    }

    /// One delivery at a time in a group keeps the order over all of its subscribers.
    static let strict = PubSubFeatures().with {
        $0.exactlyOnce = true
        $0.overtakesRejected = false
    }

    @Test(arguments: PubSubConformance.allCases)
    func conforms(to conformance: PubSubConformance.Case) async throws {
        try await run(conformance, Self.shared, maxInFlight: 4096)
    }

    @Test(arguments: PubSubConformance.allCases)
    func conformsWithOneInFlight(to conformance: PubSubConformance.Case) async throws {
        guard !["goesOnAfterASlowConsumerWasFull"].contains(conformance.name) else {
            try Test.cancel("a subscription with one delivery in flight is never full")
        }
        try await run(conformance, Self.strict, maxInFlight: 1)
    }

    private func run(
        _ conformance: PubSubConformance.Case, _ features: PubSubFeatures, maxInFlight: Int
    ) async throws {
        let broker = try Broker()
        var harness = PubSubHarness(features: features) {
            broker.log.publisher(key: .metadata(PubSubHarness.keyName))
        } makeSubscriber: { options in
            try broker.log.subscriber(
                group: options.group ?? "none",
                configuration: .init(
                    capacity: options.capacity ?? 1024, maxInFlight: options.maxInFlight ?? maxInFlight))
        }
        harness.restart = { try await broker.restart() }
        if let reason = conformance.skipReason(on: harness) { try Test.cancel("\(conformance): \(reason)") }
        try await conformance.run(on: harness)
        await broker.log.close()
    }
}
