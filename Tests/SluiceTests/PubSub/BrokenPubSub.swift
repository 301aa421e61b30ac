import Sluice
import SluiceTesting
import Synchronization

/// One way in which a Pub/Sub breaks its promises, and the case of the conformance suite that must find it.
struct Flaw: Sendable, CustomStringConvertible {
    let description: String
    let foundBy: String
    var change = PubSubChange()

    init(_ description: String, foundBy: String, _ change: (inout PubSubChange) -> Void) {
        self.description = description
        self.foundBy = foundBy
        change(&self.change)
    }
}

/// Where a sound Pub/Sub is bent. Without any change it is the in-memory one behind a relay.
struct PubSubChange: Sendable {
    var publish: @Sendable ([Message], Topic, any Publisher) async throws -> Void = { try await $2.publish($0, to: $1) }
    var closePublisher: @Sendable (any Publisher) async -> Void = { await $0.close() }
    /// Publishes are taken at once and passed on later; what is left when the publisher closes is lost.
    var buffersPublishes = false
    var options: @Sendable (PubSubHarness.SubscriberOptions) -> PubSubHarness.SubscriberOptions = { $0 }
    var topic: @Sendable (Topic) -> Topic = { $0 }
    var relay: @Sendable (Delivery, any Settler) -> [Delivery] = {
        [Delivery($0.message, origin: $0.origin, settler: $1, tag: 0)]
    }
    var settle: @Sendable (Settlement, Delivery) -> Void = { $1.settle($0) }
    var keepsEverything = false
    var subscriberCloses = true
    var subscribesAfterClose = false
    var closeHangs = false
    var malformedEnds = false
    var restartForgets = false
    /// Subscriptions stay open over a restart, and nothing feeds them any more.
    var restartLeavesOpen = false
    var broker = MemoryBroker.Configuration(persistent: true)
    var isForgetful = false
    var skipsRelay = false
}

extension Delivery {
    fileprivate func settle(_ settlement: Settlement) {
        switch settlement {
        case .acknowledged: acknowledge()
        case .rejected(let rejection): reject(after: rejection.delay, because: rejection.error)
        }
    }
}

/// The in-memory Pub/Sub behind a relay that bends it.
final class BentPubSub: Sendable {
    let change: PubSubChange
    private let broker: Mutex<MemoryBroker>
    private let subscribers = Mutex<[RelaySubscriber]>([])

    init(_ change: PubSubChange) throws {
        self.change = change
        broker = Mutex(try MemoryBroker(change.broker))
    }

    var harness: PubSubHarness {
        let features = PubSubFeatures().with {
            $0.exactlyOnce = true
            $0.guaranteedOrder = false
            $0.restartable = true
            $0.newSubscriberReceivesOldMessages = !change.isForgetful
            $0.backPressure = !change.broker.persistent
        }
        var harness = PubSubHarness(features: features) { [self] in
            RelayPublisher(broker.withLock { $0.publisher() }, change)
        } makeSubscriber: { [self] options in
            let options = change.options(options)
            let inner = try broker.withLock {
                try $0.subscriber(
                    group: options.group,
                    configuration: .init(capacity: options.capacity, maxInFlight: options.maxInFlight))
            }
            if change.skipsRelay { return inner }
            let relay = RelaySubscriber(inner, change)
            subscribers.withLock { $0.append(relay) }
            return relay
        }
        harness.injectMalformed = { [self] _ in
            guard change.malformedEnds else { return }
            for subscriber in subscribers.withLock(\.self) { await subscriber.close() }
        }
        harness.restart = { [self] in
            for subscriber in subscribers.withLock(\.self) { await subscriber.crash() }
            if change.restartForgets { try broker.withLock { $0 = try MemoryBroker(change.broker) } }
        }
        return harness
    }
}

private final class RelayPublisher: Publisher {
    let name = "relay"
    private let inner: any Publisher
    private let change: PubSubChange
    private let buffer = Mutex<[(Message, Topic)]>([])

    init(_ inner: any Publisher, _ change: PubSubChange) {
        self.inner = inner
        self.change = change
    }

    func publish(_ messages: [Message], to topic: Topic) async throws {
        let topic = change.topic(topic)
        guard change.buffersPublishes else { return try await change.publish(messages, topic, inner) }
        let full = buffer.withLock { buffer in
            buffer += messages.map { ($0, topic) }
            guard buffer.count >= 7 else { return [(Message, Topic)]() }
            defer { buffer = [] }
            return buffer
        }
        for (message, topic) in full { try await inner.publish([message], to: topic) }
    }

    func close() async {
        await change.closePublisher(inner)
    }
}

private final class RelaySubscriber: Subscriber {
    let name = "relay"
    let defaultOrdering = Ordering.serial
    private let inner: any Subscriber
    private let change: PubSubChange
    private let relays = Mutex<[Relay]>([])

    init(_ inner: any Subscriber, _ change: PubSubChange) {
        self.inner = inner
        self.change = change
    }

    func subscribe(to topic: Topic) async throws -> Subscription {
        if change.subscribesAfterClose, relays.withLock({ $0.isEmpty }) { return Subscription() }
        let relay = try Relay(try await inner.subscribe(to: change.topic(topic)), change)
        relays.withLock { $0.append(relay) }
        Task { await relay.run() }
        return relay.outer
    }

    func close() async {
        if change.closeHangs { try? await Gate().wait() }
        guard change.subscriberCloses else { return }
        for relay in relays.withLock(\.self) { relay.outer.cancel() }
        await inner.close()
    }

    /// Ends everything, and takes back what consumers hold.
    func crash() async {
        for relay in relays.withLock(\.self) { relay.crash() }
        await inner.close()
        for relay in relays.withLock(\.self) where change.restartLeavesOpen { relay.lose() }
    }
}

private final class Relay: Sendable {
    let outer: Subscription
    private let inner: Subscription
    private let change: PubSubChange
    private let room: RoomSignal
    private let held = Mutex<[ObjectIdentifier: Delivery]>([:])
    private let kept = Mutex<[Delivery]>([])
    private let isCrashed = Flag()

    init(_ inner: Subscription, _ change: PubSubChange) throws {
        let room = RoomSignal()
        outer = try Subscription(
            capacity: inner.capacity, onDemand: { room.signal() },
            onEnd: {
                inner.cancel()
                room.signal()
            })
        self.inner = inner
        self.change = change
        self.room = room
    }

    func run() async {
        while let batch = try? await inner.next(1) {
            for delivery in batch where !(change.restartLeavesOpen && isCrashed.value) {
                let settler = RelaySettler(delivery, self)
                held.withLock { $0[ObjectIdentifier(delivery)] = delivery }
                for relayed in change.relay(delivery, settler) {
                    if change.keepsEverything { kept.withLock { $0.append(relayed) } }
                    while outer.offer([relayed]) == 0, !outer.isEnded { await room.wait() }
                }
            }
        }
        if !change.restartLeavesOpen { outer.finish() }
    }

    func settle(_ settlement: Settlement, _ delivery: Delivery) {
        held.withLock { $0[ObjectIdentifier(delivery)] = nil }
        change.settle(settlement, delivery)
    }

    /// What it has buffered is gone, and nothing follows.
    func lose() {
        while let batch = try? outer.take(1_000), !batch.isEmpty {}
    }

    func crash() {
        isCrashed.set()
        if !change.restartLeavesOpen { outer.cancel() }
        let lost = held.withLock { held in
            defer { held = [:] }
            return held
        }
        for delivery in lost.values { delivery.reject() }
    }
}

private final class RelaySettler: Settler {
    private let delivery: Delivery
    private let relay: Relay

    init(_ delivery: Delivery, _ relay: Relay) {
        self.delivery = delivery
        self.relay = relay
    }

    func settle(_ tag: UInt64, _ settlement: Settlement) {
        relay.settle(settlement, delivery)
    }
}

/// Wakes the one who waits for room, also when the signal came first.
private final class RoomSignal: Sendable {
    private let gate = Mutex(Gate())

    func signal() {
        gate.withLock(\.self).open()
    }

    func wait() async {
        let current = gate.withLock(\.self)
        try? await current.wait()
        gate.withLock { if $0 === current { $0 = Gate() } }
    }
}
