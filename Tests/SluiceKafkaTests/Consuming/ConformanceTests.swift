import Logging
import ServiceLifecycle
import Sluice
import SluiceTestBrokers
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceKafka

/// Kafka keeps the promises of every Pub/Sub: on a mock cluster, or on the one that `SLUICE_TEST_KAFKA` names.
@Suite(.timeLimit(.minutes(10)))
struct ConformanceTests {
    static let features = PubSubFeatures().with {
        // Every broker restarts when a case asks, and every client of before dies with it.
        $0.restartable = KafkaUnderTest.realBrokers == nil
        // Kafka's topics are of ASCII; metadata of any text has a test of its own.
        $0.unicode = false
        // A record of 1 MiB and its headers are more than brokers take unless configured otherwise.
        $0.largestPayload = 900_000
    }

    /// Makes publishers and subscribers, and knows which ones are there.
    private final class Broker: Sendable {
        let kafka: KafkaUnderTest
        private let isCrowded: Bool
        private let subscribers = Mutex<[KafkaSubscriber]>([])
        private let prepared = Mutex<Set<Topic>>([])

        /// - Parameter isCrowded: whether it has a hundred clients. With figures ten times a second, and heartbeats five
        ///   times, these would do little else on a busy machine.
        init(isCrowded: Bool) throws {
            self.isCrowded = isCrowded
            var kafka = try KafkaUnderTest(brokers: 1)
            if isCrowded { kafka.configuration.statisticsInterval = .seconds(1) }
            self.kafka = kafka
        }

        /// - Parameter spreading: whether messages without a key go to all partitions; otherwise to one, where they keep
        ///   their order.
        func publisher(spreading: Bool) throws -> KafkaPublisher {
            try KafkaPublisher(
                kafka.configuration,
                key: KeySelector { message in
                    (message.metadata[PubSubHarness.keyName] ?? (spreading ? nil : "none")).map { Array($0.utf8) }
                }, logger: .silent)
        }

        /// Where brokers do not create what is asked for, as the mock cluster does.
        func prepare(_ topic: Topic) async throws {
            guard kafka.mock == nil, !prepared.withLock({ $0.contains(topic) }) else { return }
            try await kafka.create(topic)
            prepared.withLock { _ = $0.insert(topic) }
        }

        func subscriber(_ asked: PubSubHarness.SubscriberOptions) throws -> KafkaSubscriber {
            var options = kafka.options
            options.marshaler = StrictMarshaler()
            if isCrowded {
                options.sessionTimeout = .seconds(6)
                options.heartbeatInterval = .seconds(1)
            }
            if let capacity = asked.capacity { options.capacity = capacity }
            if let maxInFlight = asked.maxInFlight { options.maxInFlight = maxInFlight }
            let subscriber = try kafka.subscriber(asked.group, options)
            subscribers.withLock { $0.append(subscriber) }
            return subscriber
        }

        func restart(_ mock: MockCluster) async throws {
            try mock.takeDown()
            let crashed = subscribers.withLock { subscribers in
                defer { subscribers = [] }
                return subscribers
            }
            for subscriber in crashed { await subscriber.crash() }
            try mock.bringUp()
        }
    }

    @Test(arguments: PubSubConformance.allCases)
    func conforms(to conformance: PubSubConformance.Case) async throws {
        let broker = try Broker(isCrowded: conformance.name == "servesFiftyPublishersAndFiftySubscribersAtOnce")
        var harness = PubSubHarness(features: Self.features) {
            // Two subscribers are to have messages in hand here, which one partition cannot give.
            let publisher = try broker.publisher(
                spreading: conformance.name == "losesNothingWhenSubscribersComeAndGoWithMessagesInFlight")
            return Preparing(publisher, broker.prepare)
        } makeSubscriber: { options in
            Preparing(try broker.subscriber(options), broker.prepare)
        }
        if let mock = broker.kafka.mock { harness.restart = { try await broker.restart(mock) } }
        harness.injectMalformed = { topic in
            try await broker.prepare(topic)
            let producer = try RawProducer(broker.kafka.configuration)
            try producer.produce(texts: ["no id"], key: Array("none".utf8), to: topic)
        }
        if let reason = conformance.skipReason(on: harness) { try Test.cancel("\(conformance): \(reason)") }
        try await conformance.run(on: harness)
    }
}

/// Sees to it that topics are there before they are used, as an operator would.
private final class Preparing<Base: Sendable>: Sendable {
    private let base: Base
    private let prepare: @Sendable (Topic) async throws -> Void

    init(_ base: Base, _ prepare: @escaping @Sendable (Topic) async throws -> Void) {
        self.base = base
        self.prepare = prepare
    }
}

extension Preparing: Timed {}

extension Preparing: Service, Closable where Base: Closable {
    func close() async { await base.close() }
}

extension Preparing: Publisher where Base: Publisher {
    var name: String { base.name }

    func publish(_ messages: [Message], to topic: Topic) async throws {
        if topic.name.utf8.count < 200 { try await prepare(topic) }
        try await base.publish(messages, to: topic)
    }
}

extension Preparing: Subscriber where Base: Subscriber {
    var name: String { base.name }
    var defaultOrdering: Ordering { base.defaultOrdering }

    func subscribe(to topic: Topic) async throws -> Subscription {
        try await prepare(topic)
        return try await base.subscribe(to: topic)
    }
}

/// Reads only what has an id.
struct StrictMarshaler: KafkaMarshaler {
    struct Unreadable: Error {}

    func marshal(_ message: Message, to topic: Topic, into record: inout KafkaRecord) {
        WatermillMarshaler().marshal(message, to: topic, into: &record)
    }

    func unmarshal(_ record: KafkaRecord, from topic: Topic) throws -> Message {
        guard record.headers[WatermillMarshaler.idHeader] != nil else { throw Unreadable() }
        return WatermillMarshaler().unmarshal(record, from: topic)
    }
}
