import Sluice
import SluiceTesting
import Testing

/// The in-memory Pub/Sub keeps the promises of every Pub/Sub, in each of its configurations.
struct MemoryConformanceTests {
    static let forgetful = PubSubFeatures().with {
        $0.exactlyOnce = true
        $0.guaranteedOrder = false
        $0.newSubscriberReceivesOldMessages = false
        $0.backPressure = true
    }

    static let persistent = PubSubFeatures().with {
        $0.exactlyOnce = true
        $0.guaranteedOrder = false
    }

    /// The group's name is left out, so that each subscription stands for itself.
    static let groupless = PubSubFeatures().with {
        $0.consumerGroups = false
        $0.exactlyOnce = true
        $0.persistent = false
        $0.newSubscriberReceivesOldMessages = false
        $0.backPressure = true
    }

    /// One delivery at a time in a group keeps the order over all of its subscribers.
    static let strict = PubSubFeatures().with {
        $0.exactlyOnce = true
        $0.overtakesRejected = false
        $0.newSubscriberReceivesOldMessages = false
    }

    @Test(arguments: PubSubConformance.cases)
    func conforms(to conformance: PubSubConformance.Case) async throws {
        try await run(conformance, Self.forgetful, MemoryBroker.Configuration())
    }

    @Test(arguments: PubSubConformance.cases)
    func conformsWhenPersistent(to conformance: PubSubConformance.Case) async throws {
        try await run(conformance, Self.persistent, MemoryBroker.Configuration(persistent: true))
    }

    @Test(arguments: PubSubConformance.cases)
    func conformsWithoutGroups(to conformance: PubSubConformance.Case) async throws {
        try await run(conformance, Self.groupless, MemoryBroker.Configuration())
    }

    @Test(arguments: PubSubConformance.cases)
    func conformsWithOneInFlight(to conformance: PubSubConformance.Case) async throws {
        guard !["goesOnAfterASlowConsumerWasFull"].contains(conformance.name) else {
            try Test.cancel("a subscription with one delivery in flight is never full")
        }
        try await run(conformance, Self.strict, MemoryBroker.Configuration(maxInFlight: 1))
    }

    private func run(
        _ conformance: PubSubConformance.Case, _ features: PubSubFeatures, _ configuration: MemoryBroker.Configuration
    ) async throws {
        let harness = PubSubHarness.memory(features, try MemoryBroker(configuration))
        // What a busy machine may need; a case that succeeds does not take longer for it.
        if let reason = conformance.skipReason(on: harness) { try Test.cancel("\(conformance): \(reason)") }
        try await conformance.run(on: harness)
        // And in an order of tasks that nothing but a seed decides, where no wait depends on the machine.
        for seed in 0..<4 as Range<UInt64> {
            try await VirtualTime.run(seed: seed, order: .shuffled) { time in
                var harness = PubSubHarness.memory(features, try MemoryBroker(configuration, time: time))
                harness.time = time
                try await conformance.run(on: harness)
            }
        }
    }
}

extension PubSubHarness {
    static func memory(_ features: PubSubFeatures, _ broker: MemoryBroker) -> PubSubHarness {
        PubSubHarness(features: features) {
            broker.publisher()
        } makeSubscriber: { options in
            try broker.subscriber(
                group: options.group, configuration: .init(capacity: options.capacity, maxInFlight: options.maxInFlight)
            )
        }
    }
}
