import GatewayTestSupport
import Logging
import Sluice
import SluiceKafka
import Synchronization
import Testing

@testable import SluiceGateway

/// `sluice publish` and `sluice consume` on Kafka.
@Suite(.timeLimit(.minutes(10)))
struct KafkaToolsTests {
    private let kafka: KafkaForTests
    private let address: BrokerAddress
    private let topic: Topic

    init() async throws {
        kafka = try KafkaForTests()
        address = .kafka(kafka.client)
        topic = Topic(kafka.topic)
        let topics = try KafkaTopics(kafka.client, logger: Logger(label: "test"))
        try await topics.create(topic, partitions: 4, replication: nil, retention: nil)
        await topics.close()
    }

    @Test func linesGoInAndComeOut() async throws {
        #expect(try await address.publish(["one\ntw", "o\n"], to: topic) == 2)
        #expect(try await address.publish(["three"], to: topic) == 1)
        for _ in 0..<2 {
            #expect(try await Set(address.consume(of: topic)) == ["one", "two", "three"])
        }
        #expect(try await address.consume(of: topic, start: .end) == [])
        var two = ConsumeTool()
        two.count = 2
        #expect(try await address.consume(two, of: topic).count == 2)
    }

    /// A place in a group takes seconds, which are no silence.
    @Test func aGroupGoesOnWhereItWas() async throws {
        _ = try await address.publish(["{\"payload\":\"1\"}\n{\"payload\":\"2\"}\n"], to: topic)
        let group = "g-\(kafka.topic)"
        var one = ConsumeTool()
        one.count = 1
        let first = try await address.consume(one, of: topic, group: group)
        let rest = try await address.consume(of: topic, group: group)
        #expect(first.count == 1 && Set(first + rest).count == 2 && rest.count == 1)
        #expect(try await address.consume(of: topic, group: group) == [])
    }

    @Test func whatAnyProducerWritesIsShown() async throws {
        struct Odd: KafkaMarshaler {
            func marshal(_ message: Message, to topic: Topic, into record: inout KafkaRecord) {
                guard !message.payload.isEmpty else { return }
                record.value = message.payload
                record.headers.append("bytes", [0xFF, 0x00])
                record.headers.appendNull("null")
            }

            func unmarshal(_ record: KafkaRecord, from topic: Topic) -> Message { Message(payload: []) }
        }
        var options = KafkaPublisher.Configuration()
        options.marshaler = Odd()
        let publisher = try KafkaPublisher(
            kafka.client, key: KeySelector { _ in Array("key".utf8) }, configuration: options,
            logger: Logger(label: "test"))
        // A tombstone, and bytes that are no text.
        try await publisher.publish([Message(payload: []), Message(payload: [0xFF, 0x00])], to: topic)
        await publisher.close()
        var json = ConsumeTool.untilIdle
        json.format = .json
        let lines = try await address.consume(json, of: topic)
        #expect(lines.count == 2)
        #expect(lines.first?.contains(#""key":"key""#) == true && lines.first?.contains(#""payload":null"#) == true)
        #expect(lines.last?.contains(#""payload_base64":"/wA=""#) == true)
        #expect(lines.last?.contains(#""null":"""#) == true)
        // What comes out goes in again.
        var back = PublishTool()
        back.format = .json
        #expect(try await address.publish(lines.map { $0 + "\n" }, back, to: topic) == 2)
        #expect(try await address.consume(json, of: topic).count == 4)
    }

    @Test func aBadLineIsNamedAndWhatStandsBeforeItIsPublished() async throws {
        var tool = PublishTool()
        tool.format = .json
        let error = await #expect(throws: ToolError.self) {
            try await address.publish(["{\"payload\":\"1\"}\nnonsense\n{\"payload\":\"2\"}\n"], tool, to: topic)
        }
        #expect(error?.description == "line 2: not a JSON object")
        #expect(try await address.consume(of: topic) == ["1"])
    }

    @Test func aClusterThatCannotBeReachedIsAnErrorInTime() async throws {
        // Nothing listens there.
        var configuration = KafkaConfiguration(brokers: ["127.0.0.1:1"])
        configuration.properties["delivery.timeout.ms"] = "1000"
        let away = BrokerAddress.kafka(configuration)
        let refused = await #expect(throws: PublishError.self) { try await away.publish(["x"]) }
        #expect(refused?.description.contains("Connection refused") == true)
        var tool = ConsumeTool.untilIdle
        tool.patience = .seconds(1)
        for group in [nil, "g"] {
            let error = await #expect(throws: ToolError.self) { try await away.consume(tool, group: group) }
            #expect(error?.description.contains("Connection refused") == true)
        }
    }
}

struct SilenceTests {
    /// Gives nothing, and says why for the first looks.
    private final class Quiet: MessageSource {
        let topic: Topic = "t"
        private let looks = Mutex(0)
        private let obstructed: Int

        init(obstructed: Int) {
            self.obstructed = obstructed
        }

        var count: Int { looks.withLock(\.self) }

        var obstacle: String? {
            let look = looks.withLock { looks in
                looks += 1
                return looks
            }
            return look <= obstructed ? "busy" : nil
        }

        func next(_ limit: Int) async throws -> [ConsumedMessage]? {
            try? await Task.sleep(for: .seconds(3_600))
            return nil
        }

        func close() async {}
    }

    @Test func onlyTimeInWhichSomethingCouldHaveComeIsSilence() async throws {
        var tool = ConsumeTool()
        tool.idle = .milliseconds(1)
        let quiet = Quiet(obstructed: 6)
        #expect(try await tool.run(from: quiet) { _ in } == 0)
        #expect(quiet.count > 6)
    }

    @Test func whatNeverCanReadIsAnError() async throws {
        var tool = ConsumeTool()
        tool.idle = .milliseconds(1)
        tool.patience = .milliseconds(50)
        let error = await #expect(throws: ToolError.self) {
            try await tool.run(from: Quiet(obstructed: .max)) { _ in }
        }
        #expect(error?.description == "nothing can be read: busy")
    }
}
