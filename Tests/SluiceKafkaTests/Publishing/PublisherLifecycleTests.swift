import CRDKafka
import Sluice
import SluicePrometheus
import SluiceTestBrokers
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceKafka

@Suite(.timeLimit(.minutes(10)))
struct PublisherLifecycleTests {
    @Test func takesNothingAfterItWasClosed() async throws {
        let kafka = try KafkaUnderTest()
        let publisher = try KafkaPublisher(of: kafka)
        await publisher.close()
        await publisher.close()
        await #expect(throws: ClosedError.self) {
            try await publisher.publish(["late"], to: "t")
        }
    }

    @Test func closingWaitsForWhatIsBeingPublished() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        try kafka.mock?.setRoundTrip(milliseconds: 200)
        let publisher = try KafkaPublisher(of: kafka) { $0.linger = .seconds(20) }
        let publishing = Task { try await publisher.publish((0..<50).map(String.init), to: topic) }
        try await eventually("messages in the queue") { publisher.statistics?.queuedMessages == 50 }
        await publisher.close()
        try await publishing.value
        try kafka.mock?.setRoundTrip(milliseconds: 0)
        #expect(try await RawConsumer(kafka, topic).read(50).texts == Set((0..<50).map(String.init)))
    }

    @Test func whatWasPublishedBeforeTheCloseIsThere() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka)
        let published = Published()
        try await withThrowingDiscardingTaskGroup { group in
            for task in 0..<20 {
                group.addTask {
                    for number in 0... {
                        do {
                            try await publisher.publish(["\(task)/\(number)"], to: topic)
                        } catch is ClosedError {
                            return
                        }
                        published.add("\(task)/\(number)")
                    }
                }
            }
            try await eventually("some load") { published.all.count > 500 }
            await publisher.close()
        }
        let expected = published.all
        let records = try await RawConsumer(kafka, topic).read { $0.texts.isSuperset(of: expected) }
        #expect(records.texts == expected)
    }

    @Test func closingGivesUpAfterTheDeliveryTimeout() async throws {
        let kafka = try KafkaUnderTest()
        try kafka.faults().takeDown()
        let publisher = try KafkaPublisher(of: kafka) {
            $0.queuedMessages = 10
            $0.deliveryTimeout = .seconds(1)
        }
        let messages = (0..<30).map { Message(payload: Array("\($0)".utf8)) }
        let publishing = Task { try await publisher.publish(messages, to: "t") }
        try await eventually("a full queue") { publisher.statistics?.queuedMessages == 10 }
        let elapsed = await ContinuousClock().measure { await publisher.close() }
        #expect(elapsed < .seconds(60))
        let error = await #expect(throws: PublishError.self) { try await publishing.value }
        #expect(error?.notAccepted == messages.map(\.id))
        #expect(error?.disposition.isPermanent == false)
    }

    @Test func anUnreachableClusterAtTheStartIsWaitedFor() async throws {
        let kafka = try KafkaUnderTest()
        let mock = try kafka.faults()
        try mock.takeDown()
        let publisher = try KafkaPublisher(of: kafka)
        let topic = try await kafka.topic()
        let publishing = Task { try await publisher.publish(["early"], to: topic) }
        try await eventually("the reason") {
            publisher.connectionState.reason.map { $0 != "not connected yet" } == true
        }
        #expect(!publisher.connectionState.isConnected)
        try mock.bringUp()
        try await publishing.value
        #expect(publisher.connectionState.isConnected)
        await publisher.close()
    }

    @Test func aMessageThatIsNotTakenInTimeIsNotAccepted() async throws {
        let kafka = try KafkaUnderTest()
        try kafka.faults().takeDown()
        let publisher = try KafkaPublisher(of: kafka) { $0.deliveryTimeout = .milliseconds(500) }
        let messages = [Message(payload: [1]), Message(payload: [2])]
        let error = await #expect(throws: PublishError.self) { try await publisher.publish(messages, to: "t") }
        #expect(error?.notAccepted == messages.map(\.id))
        #expect(error?.disposition == .retry())
        #expect(error?.reason == "kafka_msg_timed_out")
        #expect(error?.description.contains("no broker took it in time: ") == true)
        await publisher.close()
    }

    @Test func aFatalErrorReplacesTheProducer() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka) {
            $0.queuedMessages = 10
            $0.linger = .seconds(5)
        }
        // A call that is partly queued and partly waits for room.
        let waiting = Task { try await publisher.publish((0..<30).map { "lost \($0)" }, to: topic) }
        try await eventually("a full queue") { publisher.statistics?.queuedMessages == 10 }
        try publisher.fail(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER)
        let error = await #expect(throws: PublishError.self) { try await waiting.value }
        #expect((error?.underlying as? KafkaError)?.isFatal == true)
        #expect((error?.underlying as? KafkaError)?.code.rawValue == 45)
        #expect(error?.disposition == .retry())
        let text = "again"
        try await eventually("a new producer") {
            do {
                try await publisher.publish([text], to: topic)
                return true
            } catch is KafkaError {
                return false
            } catch is PublishError {
                return false
            }
        }
        #expect(publisher.connectionState.isConnected)
        await publisher.close()
        try await RawConsumer(kafka, topic).read { $0.texts.contains(text) }
    }

    /// librdkafka looks for messages whose time is over when it tries to connect, which it does ever less often.
    @Test func aMessageTimesOutInTimeHoweverLongItsBrokerIsAway() async throws {
        var kafka = try KafkaUnderTest(brokers: 1)
        let mock = try kafka.faults()
        kafka.configuration.properties["reconnect.backoff.ms"] = nil
        kafka.configuration.properties["reconnect.backoff.max.ms"] = nil
        // They would wake what waits.
        kafka.configuration.statisticsInterval = .seconds(3_600)
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka) { $0.deliveryTimeout = .seconds(1) }
        try await eventually("a connection") { (try? await publisher.publish(["x"], to: topic)) != nil }
        try mock.takeDown()
        func timeOut() async -> Duration {
            await ContinuousClock().measure {
                await #expect(throws: PublishError.self) { try await publisher.publish(["y"], to: topic) }
            }
        }
        // Each ends at an attempt to connect. After as many, librdkafka's own default has it wait for 7.5 s and more
        // until the next.
        for _ in 0..<4 { _ = await timeOut() }
        // The best of some: other processes may have the machine for a while.
        var best = Duration.seconds(3_600)
        for _ in 0..<6 where best >= .seconds(6) { best = min(best, await timeOut()) }
        #expect(best < .seconds(6))
        await publisher.close()
    }

    @Test func aProducerThatIsReplacedSaysWhy() async throws {
        let kafka = try KafkaUnderTest()
        let monitor = ClientMonitor(secrets: SecretTexts(), logger: .silent, meter: nil)
        let isFirst = Atomic<Bool>(true)
        let core = try ProducerCore(monitor: monitor, drainTime: .seconds(1), logger: .silent) {
            () throws(KafkaError) in
            guard isFirst.exchange(false, ordering: .relaxed) else { throw KafkaError(.systemResource, detail: "none") }
            return try NativeClient(
                .producer, try KafkaPublisher.Configuration().native(kafka.configuration), events: RD_KAFKA_EVENT_DR,
                monitor: monitor)
        }
        let thread = try WorkerThread(name: "test") { core.run() }
        let client = try core.enter()
        rd_kafka_test_fatal_error(client.native.handle, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "told to")
        client.leave()
        try await eventually("the reason") { monitor.connectionState.reason?.contains("replaced after") == true }
        #expect(monitor.connectionState.reason?.contains("told to") == true)
        core.close()
        await thread.end()
    }

    @Test func aPublisherCanBeClosedWhileItsProducerIsReplaced() async throws {
        let kafka = try KafkaUnderTest()
        for _ in 0..<5 {
            let publisher = try KafkaPublisher(of: kafka)
            try publisher.fail(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER)
            await publisher.close()
        }
    }

    @Test func aPublisherThatIsForgottenEndsItsThread() async throws {
        let kafka = try KafkaUnderTest()
        weak var core: ProducerCore?
        do {
            let publisher = try KafkaPublisher(of: kafka)
            core = publisher.core
            try await publisher.publish(["x"], to: kafka.topic())
        }
        try await eventually("the end of the thread") { core == nil }
    }

    @Test func publishSeriesExistFromTheStart() async throws {
        let registry = PrometheusRegistry()
        let instruments = Instruments(factory: PrometheusMetricsFactory(registry))
        let kafka = try KafkaUnderTest()
        let publisher = try KafkaPublisher(of: kafka, instruments: instruments)
        func value(_ series: String) -> String? {
            String(decoding: registry.exposition(.text), as: UTF8.self).split(separator: "\n").first {
                $0.hasPrefix(series + " ")
            }?.split(separator: " ").last.map(String.init)
        }
        let up = "sluice_connection_up{component=\"kafka-publisher\"}"
        #expect(value(up) == "0")
        #expect(value("sluice_kafka_transactions_total{component=\"kafka-publisher\",result=\"committed\"}") == "0")
        try await publisher.publish(["x"], to: kafka.topic())
        #expect(value(up) == "1")
        try await eventually("brokers") { value("sluice_kafka_brokers_up{component=\"kafka-publisher\"}") != "0" }
        await publisher.close()
        #expect(value(up) == "0")
    }
}

/// What the brokers have taken.
private final class Published: Sendable {
    private let texts = Mutex<Set<String>>([])

    var all: Set<String> { texts.withLock(\.self) }

    func add(_ text: String) {
        texts.withLock { _ = $0.insert(text) }
    }
}

extension KafkaPublisher {
    /// Lets the producer of the moment report a fatal error.
    func fail(_ code: rd_kafka_resp_err_t) throws {
        let client = try core.enter()
        rd_kafka_test_fatal_error(client.native.handle, code, "told to by a test")
        client.leave()
    }
}
