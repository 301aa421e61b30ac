import Sluice
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceKafka

/// Records that are read without a group, here and there.
@Suite(.timeLimit(.minutes(10)))
struct RecordsTests {
    @Test func readsAStretchOfAPartition() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let topics = try KafkaTopics(kafka.configuration, timeout: .seconds(30), readsRecords: true, logger: .silent)
        let producer = try RawProducer(kafka.configuration)
        for number in 0..<30 {
            try producer.produce(
                Array("\(number)".utf8), partition: 2, timestamp: 1_700_000_000_000 + Int64(number), to: topic)
        }
        try producer.flush()
        #expect(try await topics.bounds(of: topic) == [0: 0..<0, 1: 0..<0, 2: 0..<30, 3: 0..<0])
        func read(_ partition: Int32, _ first: Int64, _ last: Int64, limit: Int = 100) async throws -> [String] {
            try await topics.records(of: topic, partition: partition, from: first, through: last, limit: limit)
                .map { String(decoding: $0.message.payload, as: UTF8.self) }
        }
        #expect(try await read(2, 0, 1_000) == (0..<30).map(String.init))
        #expect(try await read(2, 7, 9) == ["7", "8", "9"])
        #expect(try await read(2, 7, 29, limit: 2) == ["7", "8"])
        #expect(try await read(2, 29, 29) == ["29"])
        // What is not there does not keep the caller.
        for (partition, first, last) in [(2, 30, 40), (1, 0, 5), (2, 5, 4)] as [(Int32, Int64, Int64)] {
            #expect(try await read(partition, first, last) == [])
        }
        let one = try await topics.records(of: topic, partition: 2, from: 3, through: 3)
        #expect(one.first?.offset == 3 && one.first?.timestamp == Timestamp(millisecondsSince1970: 1_700_000_000_003))
        await topics.close()
    }

    @Test func whatIsLargeComesWholeAndInParts() async throws {
        let kafka = try KafkaUnderTest()
        let topic = try await kafka.topic()
        let topics = try KafkaTopics(kafka.configuration, timeout: .seconds(30), readsRecords: true, logger: .silent)
        let producer = try RawProducer(kafka.configuration)
        for number in 0..<6 {
            try producer.produce([UInt8](repeating: UInt8(number), count: 700_000), partition: 0, to: topic)
        }
        try producer.flush()
        let found = try await topics.records(of: topic, partition: 0, from: 1, through: 5)
        #expect(found.map(\.message.payload.count) == Array(repeating: 700_000, count: 5))
        #expect(found.map { $0.message.payload.first } == [1, 2, 3, 4, 5])
        await topics.close()
    }
}
