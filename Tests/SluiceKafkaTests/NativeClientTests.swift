import CRDKafka
import Logging
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceKafka

@Suite(.timeLimit(.minutes(10)))
struct NativeClientTests {
    private func client(_ kind: NativeClient.Kind, of kafka: KafkaUnderTest) throws -> NativeClient {
        let monitor = ClientMonitor(secrets: SecretTexts(), logger: .silent, meter: nil)
        return try NativeClient(
            kind, try kafka.configuration.native(options: [], required: [("group.id", "g")]), monitor: monitor)
    }

    @Test(arguments: [NativeClient.Kind.producer, .consumer])
    func tellsWhenItIsConnected(_ kind: NativeClient.Kind) async throws {
        let kafka = try KafkaUnderTest()
        let client = try client(kind, of: kafka)
        #expect(client.monitor.connectionState == KafkaConnectionState(isConnected: false, reason: "not connected yet"))
        try await eventually("the connection") {
            _ = client.poll(milliseconds: 10)
            return client.monitor.connectionState.isConnected
        }
        client.destroy()
        #expect(client.monitor.connectionState == KafkaConnectionState(isConnected: false, reason: "closed"))
    }

    @Test func noticesThatTheClusterWentAwayAndCameBack() async throws {
        let kafka = try KafkaUnderTest()
        let mock = try kafka.faults()
        let client = try client(.producer, of: kafka)
        for expected in [true, false, true] {
            if expected { try mock.bringUp() } else { try mock.takeDown() }
            try await eventually("connected to be \(expected)") {
                _ = client.poll(milliseconds: 10)
                return client.monitor.connectionState.isConnected == expected
            }
            #expect((client.monitor.connectionState.reason == nil) == expected)
        }
        client.destroy()
    }

    @Test func aWakeBeforeThePollIsNotLost() throws {
        let kafka = try KafkaUnderTest()
        let client = try client(.producer, of: kafka)
        client.wake()
        while client.poll(milliseconds: -1) != nil {}
        client.destroy()
    }

    /// Its main queue leads to its group's: that one leading back would be a circle, in which librdkafka's
    /// threads wait for themselves or run out of stack.
    @Test func theQueuesOfAConsumerThatIsLeftToItselfHaveAnEnd() throws {
        let kafka = try KafkaUnderTest()
        let client = try client(.consumer, of: kafka)
        client.forsake()
        #expect(rd_kafka_outq_len(client.handle) >= 0)
    }

    /// What a client finds out only after it has told its interceptors must not be freed twice.
    @Test(arguments: [NativeClient.Kind.producer, .consumer])
    func saysWhatKeepsItFromStarting(_ kind: NativeClient.Kind) throws {
        var configuration = KafkaConfiguration(brokers: ["localhost:9"])
        configuration.properties = ["security.protocol": "ssl", "ssl.ca.location": "/no/such/file.pem"]
        let monitor = ClientMonitor(secrets: SecretTexts(), logger: .silent, meter: nil)
        let callbacks =
            kind == .producer
            ? NativeClient.Callbacks(onSend: ProduceBatch.addHeaders) : NativeClient.Callbacks(onGroupTraffic: { _ in })
        for _ in 0..<20 {
            do {
                let native = try configuration.native(options: [], required: [("group.id", "g")])
                _ = try NativeClient(kind, native, callbacks: callbacks, monitor: monitor)
                Issue.record("a client without its certificates")
            } catch {
                #expect(error.detail.contains("ssl.ca.location"))
            }
        }
    }
}
