import Sluice
import SluiceTesting
import Synchronization
import Testing

/// Notes how deliveries end.
final class RecordingSettler: Settler {
    let records = Mutex<[(tag: UInt64, settlement: Settlement)]>([])

    func settle(_ tag: UInt64, _ settlement: Settlement) {
        records.withLock { $0.append((tag, settlement)) }
    }

    var acknowledged: [UInt64] {
        records.withLock { records in
            records.compactMap { if case .acknowledged = $0.settlement { $0.tag } else { nil } }
        }
    }

    var rejected: [UInt64] {
        records.withLock { records in
            records.compactMap { if case .rejected = $0.settlement { $0.tag } else { nil } }
        }
    }

    var count: Int { records.withLock(\.count) }

    /// Deliveries with tags in order.
    func deliveries(_ tags: Range<UInt64>) -> [Delivery] {
        tags.map { Delivery(Message(payload: []), settler: self, tag: $0) }
    }
}

struct DeliveryTests {
    let settler = RecordingSettler()

    @Test func acknowledgesOnce() {
        let delivery = Delivery(Message(payload: []), settler: settler, tag: 7)
        #expect(delivery.acknowledge())
        #expect(!delivery.acknowledge())
        #expect(!delivery.reject())
        #expect(settler.acknowledged == [7])
        #expect(settler.rejected == [])
    }

    @Test func rejectsOnceWithDelayAndReason() throws {
        struct Reason: Error {}
        let delivery = Delivery(Message(payload: []), settler: settler, tag: 8)
        #expect(delivery.reject(after: .seconds(3), because: Reason()))
        #expect(!delivery.acknowledge())
        #expect(!delivery.reject())
        #expect(settler.count == 1)
        let first = settler.records.withLock(\.first)
        let record = try #require(first)
        guard case .rejected(let rejection) = record.settlement else {
            Issue.record("it was not rejected")
            return
        }
        #expect(rejection.delay == .seconds(3))
        #expect(rejection.error is Reason)
    }

    @Test func isRejectedWhenItIsNeverSettled() {
        do { _ = Delivery(Message(payload: []), settler: settler, tag: 9) }
        #expect(settler.rejected == [9])
    }

    @Test func isNotRejectedAgainWhenItsLastReferenceGoes() {
        do { Delivery(Message(payload: []), settler: settler, tag: 1).acknowledge() }
        do { Delivery(Message(payload: []), settler: settler, tag: 2).reject() }
        #expect(settler.count == 2)
    }

    @Test func isSettledOnceByManyTasks() async {
        for tag in 0..<200 as Range<UInt64> {
            let delivery = Delivery(Message(payload: []), settler: settler, tag: tag)
            let counted = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<4 {
                    group.addTask { number % 2 == 0 ? delivery.acknowledge() : delivery.reject() }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(counted == 1)
        }
        #expect(settler.count == 200)
    }

    @Test func handsTheMessageBackToASettlerThatWantsIt() {
        final class Keeper: Settler {
            let kept = Mutex<[Message]>([])
            func settle(_ tag: UInt64, _ settlement: Settlement) { Issue.record("the other one is implemented") }
            func settle(_ tag: UInt64, _ settlement: Settlement, of message: Message, origin: Delivery.Origin) {
                kept.withLock { $0.append(message) }
            }
        }
        let keeper = Keeper()
        let messages = (0..<2).map { Message(payload: [$0]) }
        Delivery(messages[0], settler: keeper, tag: 0).reject()
        do { _ = Delivery(messages[1], settler: keeper, tag: 1) }
        let kept = keeper.kept.withLock(\.self)
        #expect(kept == messages)
    }

    @Test func saysWhatTheBrokerKnows() {
        let plain = Delivery(Message(payload: []), settler: settler, tag: 0)
        #expect(plain.origin.attempt == 1)
        #expect(!plain.origin.redelivered)
        #expect(plain.origin.partition == nil)
        #expect(plain.origin.key == nil)
        let origin = Delivery.Origin(attempt: 3, redelivered: true, partition: 2, offset: 17, key: [1])
        let known = Delivery(Message(payload: []), origin: origin, settler: settler, tag: 0)
        #expect(known.origin.attempt == 3)
        #expect(known.origin.redelivered)
        #expect(known.origin.partition == 2)
        #expect(known.origin.offset == 17)
        #expect(known.origin.key == [1])
    }
}
