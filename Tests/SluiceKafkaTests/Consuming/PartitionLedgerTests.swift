import Sluice
import SluiceTesting
import Testing

@testable import SluiceKafka

/// Places are offsets + 1.
struct PartitionLedgerTests {
    private let now = MonotonicTime(nanoseconds: 1_000_000_000)

    private func message(_ place: Int64) -> Message { Message(payload: Array("\(place)".utf8)) }

    @Test func beginsWhereTheFirstRecordLies() {
        var ledger = PartitionLedger(nil)
        #expect(ledger.takeCommit() == nil && ledger.lag() == nil)
        #expect(ledger.continues(with: 1))
        #expect(ledger.read(41, nil) == .deliver(redelivered: false))
        #expect(ledger.takeCommit()?.settled == OffsetSet(through: 40))
        #expect(ledger.acknowledge(41) == [.empty, .commit])
        #expect(ledger.takeCommit()?.settled == OffsetSet(through: 41))
        #expect(ledger.takeCommit() == nil)
    }

    @Test func pinsTheEndOfAnEmptyPartition() {
        var ledger = PartitionLedger(nil)
        ledger.reachedEnd(at: 0)
        #expect(ledger.takeCommit()?.settled == OffsetSet(through: 0))
        ledger.note(high: 0)
        #expect(ledger.lag()?.messages == 0)
    }

    @Test func skipsWhatWasSettledBeforeAndMarksWhatMayHaveBeenDelivered() {
        var ledger = PartitionLedger(
            SettledOffsets(settled: OffsetSet(through: 10, ranges: [13...14]), deliveredThrough: 16))
        let admissions = (Int64(11)...18).map { ledger.read($0, nil) }
        let again = PartitionLedger.Admission.deliver(redelivered: true)
        let new = PartitionLedger.Admission.deliver(redelivered: false)
        #expect(admissions == [again, again, .skip, .skip, again, again, new, new])
        #expect(ledger.inHand == 6)
    }

    /// What rests in a route without an order is counted as what waits here: it takes no room of what is in hand, and no
    /// rebalance waits for it.
    @Test func whatRestsTakesNoRoom() {
        var ledger = PartitionLedger(SettledOffsets(offset: 0, metadata: ""))
        for place in Int64(1)...2_000 { _ = ledger.read(place, nil) }
        let full = ledger.room(metadataRoom: 3_000, isShelfFull: false)
        #expect(full == 0)
        for place in Int64(1)...1_990 { ledger.rest(place) }
        ledger.rest(1)
        #expect(ledger.inHand == 10 && ledger.unsettled == 2_000)
        let room = ledger.room(metadataRoom: 3_000, isShelfFull: false)
        #expect(room > 1_000)
        ledger.takeUp(7)
        ledger.takeUp(7)
        #expect(ledger.inHand == 11)
        let changes = [ledger.acknowledge(7), ledger.reject(8, message(8), .init(), after: .seconds(1), now: now)]
        #expect(changes == [.commit, .redeliver])
        #expect(ledger.inHand == 10 && ledger.unsettled == 1_999 && ledger.waiting.entries.map(\.place) == [8])
        #expect(ledger.abandon() == 1_999 && ledger.unsettled == 0)
        ledger.rest(9)
        #expect(ledger.unsettled == 0)
    }

    @Test func countsOffsetsWithoutMessagesAsSettled() {
        var ledger = PartitionLedger(SettledOffsets(offset: 0, metadata: ""))
        _ = ledger.read(3, nil)
        _ = ledger.read(7, nil)
        #expect(ledger.takeCommit()?.settled == OffsetSet(through: 2, ranges: [4...6]))
        _ = ledger.acknowledge(3)
        #expect(ledger.takeCommit()?.settled == OffsetSet(through: 6))
        _ = ledger.acknowledge(7)
        ledger.reachedEnd(at: 9)
        #expect(ledger.takeCommit()?.settled == OffsetSet(through: 9))
        ledger.note(high: 9)
        #expect(ledger.lag()?.messages == 0)
    }

    @Test func noticesThatOffsetsWentBack() {
        var ledger = PartitionLedger(SettledOffsets(offset: 5, metadata: ""))
        #expect(!ledger.continues(with: 5) && ledger.continues(with: 6))
        _ = ledger.read(6, nil)
        #expect(!ledger.continues(with: 6))
    }

    @Test func bringsRejectedMessagesBackPacedAndCounted() throws {
        var ledger = PartitionLedger(SettledOffsets(offset: 0, metadata: ""))
        for place in Int64(1)...3 { _ = ledger.read(place, nil) }
        #expect(ledger.reject(2, message(2), .init(), after: .seconds(100), now: now) == .redeliver)
        #expect(ledger.reject(3, message(3), .init(), after: nil, now: now) == .redeliver)
        #expect(ledger.reject(1, message(1), .init(), after: nil, now: now) == [.empty, .redeliver])
        #expect(ledger.unsettled == 3 && ledger.inHand == 0)
        // At once the first time, and in the order of the log.
        let due = ledger.takeDue(now: now, limit: 9)
        #expect(
            due.map(\.place) == [1, 3] && due.allSatisfy { $0.item.origin.attempt == 2 && $0.item.origin.redelivered })
        #expect(ledger.nextDue == now.advanced(by: .seconds(100)))
        var origin = try #require(due.first).item.origin
        var last = now
        for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000, 1_000] {
            _ = ledger.reject(1, message(1), origin, after: nil, now: last)
            last = last.advanced(by: .milliseconds(expected))
            #expect(ledger.nextDue == last)
            origin = try #require(ledger.takeDue(now: last, limit: 9).first).item.origin
        }
    }

    @Test func afterItIsAbandonedNothingCounts() {
        var ledger = PartitionLedger(SettledOffsets(offset: 0, metadata: ""))
        for place in Int64(1)...3 { _ = ledger.read(place, nil) }
        _ = ledger.reject(1, message(1), .init(), after: nil, now: now)
        #expect(ledger.abandon() == 3)
        #expect(ledger.abandon() == 0)
        #expect(ledger.acknowledge(2) == [] && ledger.reject(3, message(3), .init(), after: nil, now: now) == [])
        #expect(ledger.takeCommit() == nil && ledger.lag() == nil && ledger.nextDue == nil && ledger.unsettled == 0)
        ledger.markDirty()
        #expect(!ledger.hasNews)
    }

    @Test func commitsAgainWhatCouldNotBeCommitted() {
        var ledger = PartitionLedger(SettledOffsets(offset: 0, metadata: ""))
        _ = ledger.read(1, nil)
        _ = ledger.acknowledge(1)
        #expect(ledger.hasNews)
        let commit = ledger.takeCommit()
        #expect(commit != nil && !ledger.hasNews)
        ledger.markDirty()
        #expect(ledger.takeCommit() == commit)
    }

    @Test func tellsTheLagAndTheAgeOfTheOldest() {
        var ledger = PartitionLedger(SettledOffsets(offset: 0, metadata: ""))
        for place in Int64(1)...10 { _ = ledger.read(place, Timestamp(millisecondsSince1970: place * 1_000)) }
        ledger.note(high: 20)
        var lag = ledger.lag()
        #expect(lag?.messages == 20 && lag?.oldest?.millisecondsSince1970 == 1_000)
        for place in [1, 2, 3, 9] as [Int64] { _ = ledger.acknowledge(place) }
        lag = ledger.lag()
        #expect(lag?.messages == 16 && lag?.oldest?.millisecondsSince1970 == 4_000)
        // Looking does not take the news from the commit.
        #expect(ledger.hasNews && ledger.takeCommit()?.settled == OffsetSet(through: 3, ranges: [9...9]))
    }

    /// Every order of reading, settling, crashing and going on: nothing is lost, nothing that was committed comes again.
    @Test(arguments: 0..<40)
    func losesNothingWhateverHappens(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed &* 0x9E37_79B9 &+ 1)
        // Some offsets hold no message.
        let log = (1...120).map(Int64.init).filter { _ in random.next() % 5 != 0 }
        var committed = SettledOffsets(offset: 0, metadata: "")
        var handled: [Int64: Int] = [:]
        for _ in 0..<400 where handled.count < log.count {
            var ledger = PartitionLedger(committed)
            var rest = log.filter { $0 > committed.settled.through }[...]
            var hands: [Int64] = []
            var acknowledged: [Int64] = []
            var time = now
            for _ in 0..<(random.next() % 60) {
                switch random.next() % 8 {
                case 0...3:
                    guard let place = rest.popFirst() else { continue }
                    if case .deliver = ledger.read(place, nil) {
                        #expect(!committed.settled.contains(place), "what was committed came again")
                        hands.append(place)
                    }
                case 4, 5:
                    guard !hands.isEmpty else { continue }
                    let place = hands.remove(at: Int(random.next() % UInt64(hands.count)))
                    _ = ledger.acknowledge(place)
                    handled[place, default: 0] += 1
                    acknowledged.append(place)
                case 6:
                    guard !hands.isEmpty else { continue }
                    let place = hands.remove(at: Int(random.next() % UInt64(hands.count)))
                    _ = ledger.reject(place, message(place), .init(), after: nil, now: time)
                    time = time.advanced(by: .milliseconds(1))
                    hands += ledger.takeDue(now: time, limit: 4).map(\.place)
                default:
                    guard let commit = ledger.takeCommit() else { continue }
                    committed = SettledOffsets(offset: commit.settled.through, metadata: commit.metadata())
                    #expect(committed == commit)
                    #expect(acknowledged.allSatisfy(committed.settled.contains))
                    #expect(!hands.contains(where: committed.settled.contains))
                }
                #expect(ledger.inHand == hands.count)
            }
        }
        #expect(Set(handled.keys) == Set(log))
    }

    /// A producer can write any time into a record (`CreateTime`), and a broker any offset into an answer.
    @Test func timesAndOffsetsAtTheirLimitsAreCounted() {
        let times: [Int64?] = [.max, .min, 0, nil, .min, .max, -1]
        var ledger = PartitionLedger(nil)
        for (place, time) in zip(Int64(1)..., times) {
            _ = ledger.read(place, time.map(Timestamp.init(millisecondsSince1970:)))
        }
        for high in [Int64.max, .min, -1_001, 0] {
            ledger.note(high: high)
            #expect(ledger.lag()?.messages == max(0, high))
        }
        for place in Int64(1)...7 { _ = ledger.acknowledge(place) }
        for high in [Int64.max, .min, -1_001, 0] {
            ledger.note(high: high)
            let expected: Int64 = high == .max ? .max - 7 : 0
            let found = ledger.lag()
            #expect(found?.messages == expected)
        }
        ledger.reachedEnd(at: SettledOffsets.largestOffset)
        #expect(ledger.takeCommit()?.settled.through == SettledOffsets.largestOffset)
        ledger.note(high: .min)
        #expect(ledger.lag()?.messages == 0)
    }
}
