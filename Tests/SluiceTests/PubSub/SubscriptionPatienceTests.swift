import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

struct SubscriptionPatienceTests {
    /// Looking costs the processor: a consumer that waits for long gains nothing by it.
    @Test func aConsumerThatWaitsForLongDoesNotLook() async throws {
        let subscription = Subscription()
        for _ in 0..<4 {
            async let batch = subscription.next()
            try await eventually("it waits") { subscription.state.withLock { $0.waiters.count == 1 } }
            let waits = MonotonicTime.now()
            while MonotonicTime.now().nanoseconds(since: waits) < 1_000_000 {}
            subscription.offer([Delivery(Message(payload: []), settler: RecordingSettler(), tag: 1)])
            try await batch?.forEach { $0.acknowledge() }
        }
        #expect(subscription.look.length == 0)
    }
}
