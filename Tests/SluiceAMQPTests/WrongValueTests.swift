import Logging
import Sluice
import SluiceAMQP
import SluiceTesting
import Testing

/// Every value out of its range is refused where it is configured, by an error that names its field. No broker is asked.
struct WrongValueTests {
    private static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private static let nowhere = AMQPConfiguration(hosts: [.init("127.0.0.1", port: 1)])

    @Test func aConnectionRefusesWhatItCannotHave() {
        let wrong: [WrongValue<AMQPConfiguration>] = [
            .init("hosts") { $0.hosts = [] },
            .init("hosts[0].name") { $0.hosts = [.init("")] }, .init("hosts[0].name") { $0.hosts = [.init("a\0b")] },
            .init("hosts[1].port") { $0.hosts = [.init("a"), .init("b", port: 0)] },
            .init("vhost") { $0.vhost = String(repeating: "v", count: 256) },
            .init("username") { $0.username = "a\0" }, .init("password") { $0.password = "a\0" },
            .init("connectionName") { $0.connectionName = "a\0" },
            .init("heartbeat") { $0.heartbeat = .seconds(-1) }, .init("heartbeat") { $0.heartbeat = .seconds(65_536) },
            .init("heartbeat") { $0.heartbeat = .milliseconds(1_500) },
            .init("connectTimeout") { $0.connectTimeout = .milliseconds(9) },
            .init("connectTimeout") { $0.connectTimeout = .seconds(3_601) },
            .init("requestTimeout") { $0.requestTimeout = .zero },
            .init("channelMax") { $0.channelMax = 7 },
            .init("frameMax") { $0.frameMax = 4_095 }, .init("frameMax") { $0.frameMax = 1_048_577 },
            .init("reconnect.initial") { $0.reconnect.initial = .zero },
            .init("reconnect.maximum") { $0.reconnect.maximum = .seconds(86_401) },
            .init("reconnect.maximum") { $0.reconnect.maximum = .milliseconds(1) },
            .init("reconnect.multiplier") { $0.reconnect.multiplier = 0 },
            .init("tls.key") { $0.tls = .init(certificate: "/c.pem") },
        ]
        #expect(
            WrongValue.problems(with: wrong, in: Self.nowhere, of: "AMQPConfiguration") {
                _ = try AMQPPublisher($0, logger: Self.silent)
            } == [])
        #expect(
            WrongValue.problems(with: wrong, in: Self.nowhere, of: "AMQPConfiguration") {
                _ = try AMQPSubscriber($0, logger: Self.silent)
            } == [])
    }

    @Test func aPublisherRefusesWhatItCannotHave() {
        let wrong: [WrongValue<AMQPPublisher.Configuration>] = [
            .init("publishTimeout") { $0.publishTimeout = .zero },
            .init("maxUnconfirmed") { $0.maxUnconfirmed = 0 }, .init("maxUnconfirmed") { $0.maxUnconfirmed = 65_537 },
            .init("maxUnconfirmedBytes") { $0.maxUnconfirmedBytes = 0 },
            .init("maxMessageBytes") { $0.maxMessageBytes = -1 },
            .init("closeTimeout") { $0.closeTimeout = .seconds(-1) },
        ]
        let free: Set = ["marshaler", "isMandatory", "component"]
        #expect(
            WrongValue.problems(with: wrong, in: .init(), of: "AMQPPublisher", free: free) {
                _ = try AMQPPublisher(Self.nowhere, configuration: $0, logger: Self.silent)
            } == [])
        let overTLS: [WrongValue<AMQPPublisher.Configuration>] = [
            .init("maxUnconfirmedBytes") { $0.maxUnconfirmedBytes = 1_048_577 }
        ]
        var encrypted = Self.nowhere
        encrypted.tls = .init()
        let others = free.union(["publishTimeout", "maxUnconfirmed", "maxMessageBytes", "closeTimeout"])
        #expect(
            WrongValue.problems(with: overTLS, in: .init(), of: "AMQPPublisher", free: others) {
                _ = try AMQPPublisher(encrypted, configuration: $0, logger: Self.silent)
            } == [])
    }

    @Test func aSubscriberRefusesWhatItCannotHave() {
        let wrong: [WrongValue<AMQPSubscriber.Configuration>] = [
            .init("prefetch") { $0.prefetch = 0 },
            .init("maxRedeliveryDelay") { $0.maxRedeliveryDelay = .zero },
            .init("maxRedeliveryDelay") { $0.maxRedeliveryDelay = .seconds(86_401) },
            .init("settlementInterval") { $0.settlementInterval = .seconds(-1) },
            .init("settlementInterval") { $0.settlementInterval = .milliseconds(1_001) },
            .init("prefetchBytes") { $0.prefetchBytes = 0 },
            .init("maxMessageBytes") { $0.maxMessageBytes = -1 },
        ]
        let free: Set = ["marshaler", "waitsInQueues", "isExclusive", "component"]
        #expect(
            WrongValue.problems(with: wrong, in: .init(), of: "AMQPSubscriber", free: free) {
                _ = try AMQPSubscriber(Self.nowhere, configuration: $0, logger: Self.silent)
            } == [])
    }

    @Test func aTopologyThatIsRightForNoTopicIsRefused() {
        let wrong: [WrongValue<AMQPTopology>] = [
            .init("exchange.type") { $0.exchange.name = .constant("e") },
            .init("queue.name") { $0.queue.name = .constant("") },
        ]
        let free: Set = [
            "bindingKey", "bindingArguments", "routingKey", "isPersistent", "publisherDeclares", "subscriberDeclares",
            "consumerArguments",
        ]
        #expect(
            WrongValue.problems(with: wrong, in: .durableQueue, of: "AMQPTopology", free: free) {
                _ = try AMQPSubscriber(Self.nowhere, topology: $0, logger: Self.silent)
            } == [])
    }
}
