import Sluice
import SluiceTesting
import Synchronization
import Testing

struct SubscriptionConnectTests {
    private final class Feeder: Settler {
        let demands = Counter(), ends = Counter()
        func settle(_ tag: UInt64, _ settlement: Settlement) {}

        func deliveries(_ count: Int) -> [Delivery] {
            (0..<count).map { Delivery(Message(text: "\($0)"), settler: self, tag: UInt64($0)) }
        }

        func connect(_ subscription: Subscription) {
            subscription.connect(onDemand: { self.demands.add() }, onEnd: { self.ends.add() })
        }
    }

    @Test func isFedByWhatIsMadeAfterIt() throws {
        let subscription = try Subscription(capacity: 4)
        let feeder = Feeder()
        feeder.connect(subscription)
        #expect(subscription.offer(feeder.deliveries(6)) == 4)
        #expect(feeder.demands.value == 0)
        _ = try subscription.take(4)
        #expect(feeder.demands.value == 1)
        subscription.cancel()
        subscription.cancel()
        #expect(feeder.ends.value == 1)
    }

    @Test func whatWasAskedForBeforeIsAskedAgain() throws {
        let subscription = try Subscription(capacity: 4)
        let feeder = Feeder()
        #expect(subscription.offer(feeder.deliveries(6)) == 4)
        _ = try subscription.take(4)
        // That demand met no source, and must not be lost.
        #expect(subscription.offer(feeder.deliveries(9)) == 4)
        _ = try subscription.take(1)
        feeder.connect(subscription)
        #expect(feeder.demands.value == 0)
        _ = try subscription.take(3)
        #expect(feeder.demands.value == 1)
    }

    @Test func demandThatMetNoSourceIsToldAtOnce() throws {
        let subscription = try Subscription(capacity: 4)
        let feeder = Feeder()
        #expect(subscription.offer(feeder.deliveries(6)) == 4)
        _ = try subscription.take(4)
        feeder.connect(subscription)
        #expect(feeder.demands.value == 1)
    }

    @Test func aConsumerThatHasGoneIsToldAtOnce() {
        let subscription = Subscription()
        subscription.cancel()
        let feeder = Feeder()
        feeder.connect(subscription)
        #expect(feeder.ends.value == 1 && feeder.demands.value == 0)
    }
}
