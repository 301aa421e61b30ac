import Sluice
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceKafka

@Suite(.timeLimit(.minutes(10)))
struct BackPressureTests {
    /// A publisher to a cluster that is down, whose queue takes ten messages.
    private func stuck(_ adjust: (inout KafkaPublisher.Configuration) -> Void = { _ in }) throws -> (
        KafkaUnderTest, KafkaPublisher, Topic
    ) {
        let kafka = try KafkaUnderTest()
        try kafka.faults().takeDown()
        let publisher = try KafkaPublisher(of: kafka, key: .metadata("key")) {
            $0.queuedMessages = 10
            adjust(&$0)
        }
        return (kafka, publisher, kafka.uniqueTopic())
    }

    private func queued(_ publisher: KafkaPublisher) -> Int { publisher.statistics?.queuedMessages ?? 0 }

    @Test func aFullQueueMakesPublishWaitAndLosesNothing() async throws {
        let (kafka, publisher, topic) = try stuck()
        try await withThrowingDiscardingTaskGroup { group in
            for key in 0..<20 {
                group.addTask {
                    for batch in 0..<5 {
                        try await publisher.publish(
                            (0..<7).map { Message(key: "\(key)", "\(key):\(batch * 7 + $0)") }, to: topic)
                    }
                }
            }
            try await eventually("a full queue") { queued(publisher) == 10 }
            try kafka.faults().bringUp()
        }
        await publisher.close()
        let byKey = try await RawConsumer(kafka, topic).read { $0.texts.count >= 700 }.textsByKey
        for key in 0..<20 { #expect(byKey["\(key)"] == (0..<35).map { "\(key):\($0)" }) }
    }

    @Test func aCallLargerThanTheQueueGoesThroughInOrder() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka, key: .metadata("key")) { $0.queuedMessages = 10 }
        try await publisher.publish((0..<1_000).map { Message(key: "k", "\($0)") }, to: topic)
        await publisher.close()
        #expect(try await RawConsumer(kafka, topic).read(1_000).textsByKey["k"] == (0..<1_000).map(String.init))
    }

    @Test func aPublishThatWaitsForRoomCanBeCancelled() async throws {
        let (kafka, publisher, topic) = try stuck()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await publisher.publish((0..<10).map { "first \($0)" }, to: topic) }
            try await eventually("a full queue") { queued(publisher) == 10 }
            for _ in 0..<5 {
                let waiting = Task { try await publisher.publish(["cancelled"], to: topic) }
                let behind = Task { try await publisher.publish(["behind"], to: topic) }
                waiting.cancel()
                await #expect(throws: CancellationError.self) { try await waiting.value }
                group.addTask { try await behind.value }
            }
            try kafka.faults().bringUp()
            try await group.waitForAll()
        }
        await publisher.close()
        let records = try await RawConsumer(kafka, topic).read { $0.texts.count >= 11 }
        #expect(records.texts == Set((0..<10).map { "first \($0)" } + ["behind"]))
    }

    @Test func aPublishThatWaitsForReportsCanBeCancelled() async throws {
        let (kafka, publisher, topic) = try stuck()
        let waiting = Task { try await publisher.publish(["a", "b"], to: topic) }
        try await eventually("messages in the queue") { queued(publisher) == 2 }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        // Their reports come later, when no call waits for them.
        try kafka.faults().bringUp()
        try await publisher.publish(["c"], to: topic)
        await publisher.close()
        let records = try await RawConsumer(kafka, topic).read { $0.texts.contains("c") }
        #expect(records.texts.isSubset(of: ["a", "b", "c"]))
    }

    @Test func publishesThatAreCancelledAllTheTimeDoNoHarm() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let publisher = try KafkaPublisher(of: kafka) { $0.queuedMessages = 50 }
        await withDiscardingTaskGroup { group in
            for number in 0..<2_000 {
                group.addTask {
                    let task = Task { try await publisher.publish((0..<20).map { "\(number)/\($0)" }, to: topic) }
                    if number % 2 == 0 { task.cancel() }
                    let result = await task.result
                    if number % 2 == 1 { #expect(throws: Never.self) { try result.get() } }
                }
            }
        }
        await publisher.close()
    }

    @Test func aTaskThatWasCancelledBeforePublishesNothing() async throws {
        let kafka = try KafkaUnderTest()
        let publisher = try KafkaPublisher(of: kafka)
        let topic = try await kafka.topic()
        let gate = Gate()
        let task = Task {
            try? await gate.wait()
            try await publisher.publish(["never"], to: topic)
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        await publisher.close()
    }
}
