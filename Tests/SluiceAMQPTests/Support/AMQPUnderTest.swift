import Foundation
import Logging
import Sluice
import SluiceAMQP
import SluiceTestBrokers
import SluiceTesting
import Testing

/// The broker that tests talk to: one that this process has started, or the one that `SLUICE_TEST_AMQP=amqp://...`
/// names.
struct AMQPUnderTest: Sendable {
    /// Nil on a broker that exists: a test that administers or breaks it asks with ``administration()``.
    let broker: RabbitMQBroker?
    let uri: String
    /// For publishers and subscribers of the test.
    var configuration: AMQPConfiguration

    static let external = ProcessInfo.processInfo.environment["SLUICE_TEST_AMQP"].flatMap { $0.isEmpty ? nil : $0 }
    static let isAvailable = external != nil || RabbitMQBroker.isInstalled
    static let need: Comment = "needs rabbitmq-server (Debian's package), or SLUICE_TEST_AMQP=amqp://..."

    /// The broker that the tests of this process share.
    static func shared() async throws -> AMQPUnderTest {
        if let external { return AMQPUnderTest(broker: nil, uri: external, try AMQPConfiguration(uri: external)) }
        return try AMQPUnderTest(try await RabbitMQBroker.shared())
    }

    /// A broker of the test's own that does not run yet.
    static func own(_ configuration: RabbitMQBroker.Configuration = .init()) throws -> AMQPUnderTest {
        guard RabbitMQBroker.isInstalled else { try Test.cancel("needs rabbitmq-server (Debian's package)") }
        return try AMQPUnderTest(RabbitMQBroker(configuration))
    }

    private init(_ broker: RabbitMQBroker) throws {
        self.init(broker: broker, uri: broker.uri(), try AMQPConfiguration(uri: broker.uri()))
    }

    private init(broker: RabbitMQBroker?, uri: String, _ configuration: AMQPConfiguration) {
        self.broker = broker
        self.uri = uri
        self.configuration = configuration
        self.configuration.reconnect = .exponential(from: .milliseconds(20), upTo: .milliseconds(200))
    }

    /// For tests of faults, which are skipped visibly on a broker that is not ours.
    func administration() throws -> RabbitMQBroker {
        guard let broker else { try Test.cancel("only a broker that the tests have started is administered") }
        return broker
    }

    func publisher(
        _ topology: AMQPTopology = .durableQueue, _ configuration: AMQPConfiguration? = nil,
        options: AMQPPublisher.Configuration = .init(), log: LogRecorder = LogRecorder()
    ) throws -> AMQPPublisher {
        try AMQPPublisher(
            configuration ?? self.configuration, topology: topology, configuration: options, logger: log.logger)
    }

    func subscriber(
        _ topology: AMQPTopology = .durableQueue, _ configuration: AMQPConfiguration? = nil, group: String? = nil,
        options: AMQPSubscriber.Configuration = .init(), log: LogRecorder = LogRecorder()
    ) throws -> AMQPSubscriber {
        try AMQPSubscriber(
            configuration ?? self.configuration, topology: topology, group: group, configuration: options,
            logger: log.logger)
    }

    /// A topic that no other test, run or process uses.
    func uniqueTopic(_ hint: String = "test") -> Topic {
        Topic("\(hint)-\(String(UInt64.random(in: .min ... .max), radix: 36))")
    }
}

extension Subscription {
    /// The next delivery, unsettled.
    func first(within limit: Duration = .seconds(60)) async throws -> Delivery {
        let found = Flag<Delivery>()
        try await eventually("a delivery", within: limit) {
            if let delivery = try take(1)?.first { found.value = delivery }
            return found.value != nil
        }
        return try #require(found.value)
    }
}

private final class Flag<Value: Sendable> {
    var value: Value?
}
