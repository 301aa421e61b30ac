import Glibc
import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceKafka

@Suite(.timeLimit(.minutes(10)))
struct ProducerExecutorTests {
    /// Notes on which threads messages were marshaled.
    private final class Witness: KafkaMarshaler {
        let threads = Mutex<[pthread_t]>([])

        func marshal(_ message: Message, to topic: Topic, into record: inout KafkaRecord) {
            threads.withLock { $0.append(pthread_self()) }
            WatermillMarshaler().marshal(message, to: topic, into: &record)
        }

        func unmarshal(_ record: KafkaRecord, from topic: Topic) -> Message {
            WatermillMarshaler().unmarshal(record, from: topic)
        }
    }

    @Test func callsOfManyMessagesShareOneThread() async throws {
        let kafka = try KafkaUnderTest()
        let witness = Witness()
        var options = KafkaPublisher.Configuration()
        options.marshaler = witness
        let publisher = try KafkaPublisher(kafka.configuration, configuration: options, logger: .silent)
        let topic = Topic("shared")
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<20 {
                group.addTask {
                    let messages = (0..<ProducerExecutor.worthwhileCount).map { _ in Message(payload: [1]) }
                    try await publisher.publish(messages, to: topic)
                }
            }
        }
        let own = Set(witness.threads.withLock { $0 })
        #expect(own.count == 1)
        #expect(witness.threads.withLock(\.count) == 20 * ProducerExecutor.worthwhileCount)

        // A few are not worth the way.
        witness.threads.withLock { $0 = [] }
        try await publisher.publish([Message(payload: [1])], to: topic)
        #expect(own.isDisjoint(with: witness.threads.withLock { $0 }))
        await publisher.close()
    }

    private final class Counter: Sendable {
        private let count = Atomic<Int>(0)
        var value: Int { count.load(ordering: .relaxed) }
        func increment() { count.add(1, ordering: .relaxed) }
    }

    @Test func whatComesWhileTheThreadIsIdleWakesIt() async {
        let (wakes, runs) = (Counter(), Counter())
        let executor = ProducerExecutor { wakes.increment() }
        func start() -> Task<Void, Never> {
            Task(executorPreference: executor) { runs.increment() }
        }
        // Nothing has looked yet: the first look finds it.
        let first = start()
        #expect(wakes.value == 0)
        #expect(executor.runNext())
        #expect(runs.value == 1)
        #expect(!executor.runNext())
        // Now it may sleep: one wakes it, and the next need not.
        let others = [start(), start()]
        #expect(wakes.value == 1)
        #expect(executor.runNext() && executor.runNext() && !executor.runNext())
        #expect(runs.value == 3)
        await first.value
        for task in others { await task.value }
    }
}
