import Logging
import Sluice
import SluiceTesting
import Testing

@testable import SluiceKafka

@Suite(.timeLimit(.minutes(10)))
struct PublisherConfigurationTests {
    private func refusal(
        properties: [String: String] = [:], _ adjust: (inout KafkaPublisher.Configuration) -> Void = { _ in }
    ) -> String {
        var configuration = KafkaConfiguration(brokers: ["localhost:9"])
        configuration.sasl = .init(.plain, username: "user", password: "p4ssw0rd")
        configuration.properties = properties
        var options = KafkaPublisher.Configuration()
        adjust(&options)
        do {
            _ = try KafkaPublisher(configuration, configuration: options, logger: .silent)
            return "none"
        } catch {
            return "\(error)"
        }
    }

    @Test func takesItsDefaults() {
        #expect(refusal() == "none")
    }

    @Test func isIdempotentAndWaitsForEveryReplica() throws {
        let native = try KafkaPublisher.Configuration().native(KafkaConfiguration(brokers: ["localhost:9"]))
        #expect(native.text("enable.idempotence") == "true")
        #expect(native.text("acks") == "-1")
    }

    @Test func saysWhatLibrdkafkaSays() {
        #expect(refusal(properties: ["no.such": "1"]).contains("No such configuration property"))
        #expect(refusal(properties: ["acks": "1"]).contains("acks"))
        #expect(refusal { $0.compression = .init(name: "rar") }.contains("compression"))
        #expect(refusal { $0.partitioner = .init(name: "mine") }.contains("partitioner"))
        #expect(
            refusal(properties: ["sasl.mechanism": "p4ssw0rd"]).contains("p4ssw0rd") == false)
    }

    @Test func namesTheOptionThatIsWrong() {
        let cases: [(String, (inout KafkaPublisher.Configuration) -> Void)] = [
            ("linger", { $0.linger = .seconds(-1) }),
            ("linger", { $0.linger = .seconds(1_000) }),
            ("deliveryTimeout", { $0.deliveryTimeout = .zero }),
            ("deliveryTimeout", { $0.deliveryTimeout = $0.linger }),
            ("queuedMessages", { $0.queuedMessages = 0 }),
            ("queuedBytes", { $0.queuedBytes = 100_000 }),
            ("queuedBytes", { $0.queuedBytes = -1 }),
            ("transactionalID", { $0.transactionalID = "" }),
            ("transactionTimeout", { $0.transactionTimeout = .zero }),
        ]
        for (name, adjust) in cases { #expect(refusal(adjust).contains(name)) }
    }

    @Test func keepsWhatItReliesOn() {
        #expect(
            refusal(properties: ["delivery.report.only.error": "true"]).contains("Sluice relies on it"))
    }

    @Test func propertiesWinOverOptions() {
        #expect(refusal(properties: ["enable.idempotence": "false", "acks": "1"]) == "none")
        // The queue has to hold at least one message.
        #expect(refusal(properties: ["message.max.bytes": "100000000"]).contains("queuedBytes"))
    }
}
