import CRDKafka
import GatewayTestSupport
import Sluice
import SluiceKafka
import SluiceSQLite
import SluiceTestBrokers
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

/// What a gateway has delivered the others of its group know.
@Suite(.timeLimit(.minutes(5)))
struct KafkaDeliveredTests {
    private let route = "log-to-slack"

    private func place(_ offset: Int64, _ partition: Int32 = 0) -> RedrivePlace {
        RedrivePlace(partition: partition, offset: offset)
    }

    private func known(_ member: KafkaRedriveMember) -> [Int64] {
        (0..<10_000).filter { member.store.isDelivered(place($0), by: route) }
    }

    /// Lets it write what it has delivered, and take away what says nothing any more only where asked to.
    private func write(_ member: KafkaRedriveMember, cleaning: Bool = false) async throws {
        try await eventually("the topic is read") { member.store.state.withLock { $0.through != nil } }
        member.store.state.withLock { state in
            state.deliveredAt = MonotonicTime(nanoseconds: 0)
            state.cleanedAt = cleaning ? MonotonicTime(nanoseconds: 0) : .now()
        }
        await member.store.keepDelivered()
    }

    @Test func whatOneHasDeliveredTheOtherKnows() async throws {
        let kafka = try KafkaForTests()
        let (one, other) = (try await KafkaRedriveMember(kafka), try await KafkaRedriveMember(kafka))
        try await whileReading([one, other]) {
            for offset in [3, 4, 5_000] as [Int64] { one.store.delivered.note(place(offset), by: route) }
            other.store.delivered.note(place(4_999), by: route)
            // It knows at once what it has delivered itself.
            #expect(known(one) == [3, 4, 5_000])
            try await write(one)
            try await write(other)
            // What follows is told beside what was told before.
            one.store.delivered.note(place(7), by: route)
            try await write(one)
            for member in [one, other] {
                try await member.catchUp()
                #expect(known(member) == [3, 4, 7, 4_999, 5_000])
                #expect(!member.store.isDelivered(place(3, 1), by: route))
                #expect(!member.store.isDelivered(place(3), by: "log-to-grafana"))
            }
        }
        await one.close()
        await other.close()
    }

    @Test func whatItEndsWithIsToldToo() async throws {
        let kafka = try KafkaForTests()
        let one = try await KafkaRedriveMember(kafka)
        try await whileReading([one]) { try await one.catchUp() }
        one.store.delivered.note(place(8), by: route)
        await one.close()
        let next = try await KafkaRedriveMember(kafka)
        try await whileReading([next]) {
            try await next.catchUp()
            #expect(known(next) == [8])
            next.store.delivered.note(place(9), by: route)
            try await write(next)
            #expect(known(next) == [8, 9])
            // It goes on as another one, and says itself what the one before had said.
            let keys = next.store.state.withLock { $0.kept.delivered.keysToForget(outside: [:], writers: 1) }
            #expect(keys == ["delivered \(route) 0 0 \(one.store.gateway)"])
            try await next.store.takeAway(keys)
        }
        await next.close()
        let last = try await KafkaRedriveMember(kafka)
        try await whileReading([last]) {
            try await last.catchUp()
            #expect(known(last) == [8, 9])
        }
        await last.close()
    }

    /// Compaction leaves the last record of a gateway, and a record of a block has what its earlier ones had.
    @Test func compactionLosesNothing() async throws {
        let kafka = try KafkaForTests()
        let one = try await KafkaRedriveMember(kafka)
        try await whileReading([one]) {
            for offset in [3, 7] as [Int64] {
                one.store.delivered.note(place(offset), by: route)
                try await write(one)
            }
            let end = try await one.store.reader.bounds(of: one.store.topic)[0]?.upperBound ?? 0
            let found = try await one.store.reader.records(
                of: one.store.topic, partition: 0, from: 0, through: end - 1)
            let last = try #require(
                found.last { $0.message.metadata[KafkaRedriveRecord.keyName]?.contains("delivered") == true })
            let block = try #require(DeliveredBlock.decode(last.message.payload))
            #expect((0..<10).filter { block.contains($0) } == [3, 7])
        }
        await one.close()
    }

    /// What cannot be written is kept, and written another time.
    @Test func brokersThatAreAwayCostNothing() async throws {
        let kafka = try KafkaForTests()
        let one = try await KafkaRedriveMember(kafka)
        try await whileReading([one]) {
            try await one.catchUp()
            let mock = try kafka.faults()
            one.store.delivered.note(place(1), by: route)
            mock.fail(.produce, [RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED])
            await one.store.writeDelivered(isLast: false)
            one.store.delivered.note(place(2), by: route)
            #expect(known(one) == [1, 2])
            try await eventually("it is written") {
                try await write(one)
                return one.store.state.withLock { state in
                    (1...2).allSatisfy { state.kept.delivered.contains(place($0), by: route) }
                }
            }
            #expect(known(one) == [1, 2] && one.store.delivered.takeOut().isEmpty)
        }
        await one.close()
    }

    @Test func recordsOfEventsThatAreGoneGo() async throws {
        let kafka = try KafkaForTests()
        let one = try await KafkaRedriveMember(kafka)
        try await whileReading([one]) {
            one.store.delivered.note(place(1), by: route)
            one.store.delivered.note(place(5_000), by: route)
            try await write(one)
            #expect(known(one) == [1, 5_000])
            // The queue has no event yet, so that one that lies so far behind its end was in a topic of before.
            try await eventually("its record is taken away") {
                try await write(one, cleaning: true)
                try await one.catchUp()
                return known(one) == [1]
            }
        }
        await one.close()
    }

    @Test func whatIsNotWrittenForLongIsBounded() {
        let book = DeliveredBook()
        for number in 0..<3_000 as Range<Int64> { book.note(place(number * DeliveredBlock.size), by: route) }
        let blocks = book.takeOut()
        #expect(blocks.count == 1_024 && (blocks.keys.map(\.number).min() ?? 0) == 3_000 - 1_024)
        book.noteFailure()
        #expect(book.contains(place(2_999 * DeliveredBlock.size), by: route))
    }
}
