import Logging
import Sluice
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceKafka

/// What TLS and SASL settings do on the wire, as far as it can be seen without a broker that knows them.
@Suite(.timeLimit(.minutes(10)))
struct SecurityTests {
    /// A publisher that only connects, and what it logs.
    private func connect(
        to address: String, _ adjust: (inout KafkaConfiguration) -> Void
    ) throws -> (publisher: KafkaPublisher, log: LogRecorder) {
        var configuration = KafkaConfiguration(brokers: [address])
        adjust(&configuration)
        let log = LogRecorder()
        return (try KafkaPublisher(configuration, logger: log.logger), log)
    }

    @Test func showsItsCertificateToABrokerThatItTrusts() async throws {
        let server = try await TLSListener()
        let (publisher, log) = try connect(to: server.address) {
            var tls = KafkaConfiguration.TLS(certificateAuthorities: server.files.authority)
            tls.certificate = server.files.certificate
            tls.key = server.files.key
            tls.keyPassword = server.files.keyPassword
            $0.tls = tls
        }
        // OpenSSL tells of a client after the handshake, then what came through: Kafka's first request.
        try await eventually("a handshake") {
            let text = server.text
            return text.contains("CN = a client") && text.contains("CIPHER is") && text.contains("librdkafka")
        }
        await publisher.close()
        #expect(!log.lines.joined().contains(server.files.keyPassword))
    }

    @Test func refusesABrokerThatAStrangerHasSigned() async throws {
        let server = try await TLSListener()
        let (publisher, _) = try connect(to: server.address) {
            $0.tls = KafkaConfiguration.TLS(certificateAuthorities: server.files.stranger)
        }
        try await eventually("the reason") {
            publisher.connectionState.reason?.contains("certificate could not be verified") == true
        }
        #expect(!publisher.connectionState.isConnected)
        #expect(!server.text.contains("CIPHER is"))
        await publisher.close()
    }

    @Test func refusesABrokerOfAnotherName() async throws {
        let server = try await TLSListener()
        let byNumber = server.address.replacing("localhost", with: "127.0.0.1")
        for verifies in [true, false] {
            let (publisher, _) = try connect(to: byNumber) {
                var tls = KafkaConfiguration.TLS(certificateAuthorities: server.files.authority)
                tls.certificate = server.files.certificate
                tls.key = server.files.key
                tls.keyPassword = server.files.keyPassword
                tls.verifiesHostname = verifies
                $0.tls = tls
            }
            try await eventually("an end of the handshake") {
                verifies
                    ? publisher.connectionState.reason?.contains("certificate could not be verified") == true
                    : server.text.contains("CIPHER is")
            }
            await publisher.close()
        }
    }

    @Test(arguments: TLSListener.faults)
    func saysWhatIsWrongWithACertificate(_ fault: TLSListener.Fault) async throws {
        let server = try await TLSListener(fault.identity, asksForCertificate: false)
        let (host, words) = (fault.host, fault.words)
        let (publisher, log) = try connect(to: "\(host):\(server.port)") {
            $0.tls = .init(certificateAuthorities: fault.authority(of: server.files))
            $0.properties["reconnect.backoff.ms"] = "10"
            $0.properties["reconnect.backoff.max.ms"] = "20"
        }
        try await eventually("the reason") {
            publisher.connectionState.reason?.contains(words) == true
        }
        let shown = "\(host):\(server.port): its certificate could not be verified: \(words)"
        #expect(publisher.connectionState.reason?.hasPrefix(shown) == true)
        // Tried again and again, and told of once.
        try await eventually("more attempts") {
            log.entries.count { $0.level == .debug && $0.message == "a broker cannot be reached" } >= 3
        }
        let told = log.entries.filter { $0.level >= .notice }
        #expect(told.count == 1 && told.first?.metadata["error"]?.contains(words) == true, "\(log.text)")
        await publisher.close()
    }

    @Test func knowsABrokerByItsAddress() async throws {
        let server = try await TLSListener(.address, asksForCertificate: false)
        let (publisher, _) = try connect(to: "127.0.0.1:\(server.port)") {
            $0.tls = .init(certificateAuthorities: server.files.authority)
        }
        try await eventually("a handshake") { server.text.contains("CIPHER is") }
        await publisher.close()
    }

    /// Copies of one configuration tell of one outage together, and of its end.
    @Test func manyClientsTellOnceOfABrokerThatIsAway() async throws {
        let broker = try MockCluster(brokers: 1)
        var configuration = KafkaConfiguration(brokers: broker.bootstrap)
        configuration.statisticsInterval = .milliseconds(100)
        configuration.properties["reconnect.backoff.ms"] = "10"
        configuration.properties["reconnect.backoff.max.ms"] = "20"
        try broker.takeDown()
        let log = LogRecorder()
        let publishers = try (0..<4).map { _ in try KafkaPublisher(configuration, logger: log.logger) }
        let topics = try KafkaTopics(configuration, logger: log.logger)
        let line = "a broker cannot be reached"
        try await eventually("attempts of all") {
            log.entries.count { $0.message == line } >= 8
        }
        #expect(log.entries.count { $0.message == line && $0.level == .warning } == 1, "\(log.text)")
        try broker.bringUp()
        try await eventually("its end") {
            publishers.allSatisfy(\.connectionState.isConnected)
                && log.entries.contains { $0.message == "a broker is reached again" }
        }
        #expect(log.entries.count { $0.message == "a broker is reached again" } == 1)
        for publisher in publishers { await publisher.close() }
        await topics.close()
    }

    @Test func aKeyThatCannotBeReadIsWrongConfiguration() async throws {
        let server = try await TLSListener()
        let error = #expect(throws: ConfigurationError.self) {
            try connect(to: server.address) {
                var tls = KafkaConfiguration.TLS(certificateAuthorities: server.files.authority)
                tls.certificate = server.files.certificate
                tls.key = server.files.key
                tls.keyPassword = "another-word"
                $0.tls = tls
            }
        }
        #expect(error?.field == "KafkaConfiguration.tls.key")
        #expect(error?.description.contains("another-word") == false)
    }

    @Test(arguments: [KafkaConfiguration.SASL.Mechanism.plain, .scramSHA256, .scramSHA512])
    func provesItselfAndSaysThatItWasRefused(_ mechanism: KafkaConfiguration.SASL.Mechanism) async throws {
        let broker = try RefusingBroker()
        let (publisher, log) = try connect(to: broker.address) {
            $0.sasl = .init(mechanism, username: "someone", password: "word-of-someone")
        }
        try await eventually("the refusal") {
            publisher.connectionState.reason?.contains(RefusingBroker.refusal) == true
        }
        #expect(broker.mechanisms.first == mechanism.name)
        let token = String(decoding: try #require(broker.tokens.first), as: UTF8.self)
        if mechanism == .plain {
            #expect(token == "\0someone\0word-of-someone")
        } else {
            #expect(token.hasPrefix("n,,n=someone,r=") && !token.contains("word"))
        }
        await publisher.close()
        #expect(!log.lines.isEmpty && !log.lines.joined().contains("word-of-someone"))
        #expect(publisher.connectionState.reason?.contains("word-of-someone") == false)
    }

    @Test func aPublishTellsThatTheCredentialsWereRefused() async throws {
        let broker = try RefusingBroker()
        var configuration = KafkaConfiguration(brokers: [broker.address])
        configuration.sasl = .init(.plain, username: "someone", password: "word-of-someone")
        var options = KafkaPublisher.Configuration()
        options.deliveryTimeout = .seconds(1)
        let publisher = try KafkaPublisher(configuration, configuration: options, logger: .silent)
        let error = await #expect(throws: PublishError.self) { try await publisher.publish(["x"], to: "t") }
        #expect(error?.description.contains(RefusingBroker.refusal) == true)
        #expect(error?.description.contains("word-of-someone") == false)
        await publisher.close()
    }
}
