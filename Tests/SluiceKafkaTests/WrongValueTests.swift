import Sluice
import SluiceKafka
import SluiceTesting
import Testing

/// Every value out of its range is refused where it is configured, by an error that names its field. No broker is asked.
struct WrongValueTests {
    private static let nowhere = KafkaConfiguration(brokers: ["127.0.0.1:1"])

    /// What we refuse ourselves, and what librdkafka does.
    private static let wrong: [WrongValue<KafkaConfiguration>] = [
        .init("brokers") { $0.brokers = [] }, .init("brokers[0]") { $0.brokers = ["host"] },
        .init("brokers[1]") { $0.brokers = ["host:1", "host:0"] },
        .init("statisticsInterval") { $0.statisticsInterval = .milliseconds(99) },
        .init("statisticsInterval") { $0.statisticsInterval = .seconds(86_401) },
        .init("tls.key") { $0.tls = .init(certificate: "/nowhere.pem") },
        .init("tls.certificateAuthorities") { $0.tls = .init(certificateAuthorities: "/nowhere.pem") },
        .init("properties[no.such.property]") { $0.properties["no.such.property"] = "1" },
        .init("properties[socket.timeout.ms]") { $0.properties["socket.timeout.ms"] = "soon" },
        .init("properties[compression.type]") { $0.properties["compression.type"] = "best" },
    ]

    @Test func aClusterIsRefusedTheSameWayByAllThatUseIt() {
        func problems(_ use: (KafkaConfiguration) throws -> Void) -> [String] {
            WrongValue.problems(
                with: Self.wrong, in: Self.nowhere, of: "KafkaConfiguration", areNamedAtOnce: false, use)
                + WrongValue.problems(
                    with: Array(
                        Self.wrong.prefix {
                            !$0.field.hasPrefix("properties") && $0.field != "tls.certificateAuthorities"
                        }),
                    in: Self.nowhere, of: "KafkaConfiguration", free: ["properties"], use)
        }
        #expect(problems { try $0.validate() } == [])
        #expect(problems { _ = try KafkaPublisher($0, logger: .silent) } == [])
        #expect(problems { _ = try KafkaSubscriber($0, group: "g", logger: .silent) } == [])
        #expect(problems { _ = try KafkaTopics($0, logger: .silent) } == [])
    }

    @Test func whatSluiceReliesOnIsNotForProperties() {
        let wrong: [WrongValue<KafkaConfiguration>] = [
            .init("properties[enable.auto.commit]") { $0.properties["enable.auto.commit"] = "true" }
        ]
        #expect(
            WrongValue.problems(with: wrong, in: Self.nowhere, of: "KafkaConfiguration") {
                _ = try KafkaSubscriber($0, group: "g", logger: .silent)
            } == [])
    }

    @Test func aPublisherRefusesWhatItCannotHave() {
        let wrong: [WrongValue<KafkaPublisher.Configuration>] = [
            .init("linger") { $0.linger = .milliseconds(-1) }, .init("linger") { $0.linger = .seconds(901) },
            .init("deliveryTimeout") { $0.deliveryTimeout = .zero },
            .init("deliveryTimeout") { $0.deliveryTimeout = .seconds(25 * 86_400) },
            .init("deliveryTimeout") { $0.deliveryTimeout = $0.linger },
            .init("queuedMessages") { $0.queuedMessages = 0 },
            .init("queuedMessages") { $0.queuedMessages = 10_000_001 },
            .init("queuedBytes") { $0.queuedBytes = 1_023 },
            // Less than a message may have.
            .init("queuedBytes") { $0.queuedBytes = 10_240 },
            .init("queuedBytes") { $0.queuedBytes = 1 << 41 },
            .init("transactionalID") { $0.transactionalID = "" },
            .init("transactionTimeout") { $0.transactionTimeout = .milliseconds(999) },
        ]
        let free: Set = ["compression", "partitioner", "timestamp", "marshaler", "createsMissingTopics", "component"]
        #expect(
            WrongValue.problems(with: wrong, in: .init(), of: "KafkaPublisher", free: free) {
                _ = try KafkaPublisher(Self.nowhere, configuration: $0, logger: .silent)
            } == [])
    }

    @Test func aSubscriberRefusesWhatItCannotHave() {
        let wrong: [WrongValue<KafkaSubscriber.Configuration>] = [
            .init("capacity") { $0.capacity = 0 }, .init("maxInFlight") { $0.maxInFlight = 0 },
            .init("commitInterval") { $0.commitInterval = .milliseconds(9) },
            .init("commitInterval") { $0.commitInterval = .seconds(3_601) },
            .init("drainTimeout") { $0.drainTimeout = .seconds(-1) },
            .init("commitTimeout") { $0.commitTimeout = .seconds(-1) },
            .init("sessionTimeout") { $0.sessionTimeout = .zero },
            .init("sessionTimeout") { $0.sessionTimeout = .seconds(3_601) },
            .init("heartbeatInterval") { $0.heartbeatInterval = .zero },
            .init("heartbeatInterval") { $0.heartbeatInterval = .seconds(16) },
            .init("heartbeatInterval") { $0.heartbeatInterval = .seconds(Int64.max) },
            .init("maxPollInterval") { $0.maxPollInterval = .seconds(44) },
            .init("maxPollInterval") { $0.maxPollInterval = .seconds(86_401) },
            .init("prefetchMessages") { $0.prefetchMessages = 0 },
            .init("prefetchMessages") { $0.prefetchMessages = 10_000_001 },
            .init("prefetchKilobytes") { $0.prefetchKilobytes = 0 },
            .init("prefetchKilobytes") { $0.prefetchKilobytes = 2_097_152 },
        ]
        let free: Set = ["start", "marshaler", "readsCommittedOnly", "createsMissingTopics"]
        #expect(
            WrongValue.problems(with: wrong, in: .init(), of: "KafkaSubscriber", free: free) {
                _ = try KafkaSubscriber(Self.nowhere, group: "g", configuration: $0, logger: .silent)
            } == [])
        #expect(throws: ConfigurationError("KafkaSubscriber.group", expected: "a name, or nil")) {
            try KafkaSubscriber(Self.nowhere, group: "", logger: .silent)
        }
    }

    @Test func topicsRefuseWhatTheyCannotHave() async throws {
        for timeout in [Duration.zero, .seconds(3_601)] {
            let error = #expect(throws: ConfigurationError.self) {
                try KafkaTopics(Self.nowhere, timeout: timeout, logger: .silent)
            }
            #expect(error?.field == "KafkaTopics.timeout")
        }
        let topics = try KafkaTopics(Self.nowhere, timeout: .milliseconds(1), logger: .silent)
        for (partitions, replication, field) in [(0, 1, "partitions"), (1, 0, "replication")]
            as [(Int32, Int16, String)]
        {
            let error = await #expect(throws: ConfigurationError.self) {
                try await topics.create("t", partitions: partitions, replication: replication, retention: nil)
            }
            #expect(error?.field == "KafkaTopicPlan.\(field)")
        }
        await topics.close()
    }

    /// No broker is asked for what cannot be.
    @Test func aGroupWithoutANameIsRefused() async throws {
        let topics = try KafkaTopics(Self.nowhere, logger: .silent)
        let calls: [@Sendable () async throws -> Void] = [
            { _ = try await topics.backlog(of: "t", group: "") }, { _ = try await topics.lag(of: "t", group: "") },
            { _ = try await topics.members(of: "") }, { _ = try await topics.delete(group: "") },
            { _ = try await topics.positions(of: "t", group: "") },
            { try await topics.seek("", of: "t", to: .beginning) },
        ]
        for call in calls {
            let error = await #expect(throws: ConfigurationError.self) { try await call() }
            #expect(error == ConfigurationError("KafkaTopics.group", expected: "a name"))
        }
        await topics.close()
    }

    @Test func whatIsWrongWithClusterGroupAndSubscriberIsToldAtOnce() {
        let error = #expect(throws: ConfigurationError.self) {
            try KafkaSubscriber(
                KafkaConfiguration(brokers: []), group: "", configuration: .init(capacity: 0), logger: .silent)
        }
        #expect(
            error?.problems.map(\.field)
                == ["KafkaSubscriber.group", "KafkaConfiguration.brokers", "KafkaSubscriber.capacity"])
    }

    @Test func transactionsNeedAName() async throws {
        let publisher = try KafkaPublisher(Self.nowhere, logger: .silent)
        let error = await #expect(throws: ConfigurationError.self) { try await publisher.transaction { _ in } }
        #expect(error?.field == "KafkaPublisher.transactionalID")
        await publisher.close()
    }
}
