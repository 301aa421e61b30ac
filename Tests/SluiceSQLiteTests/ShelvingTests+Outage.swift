import Foundation
import Logging
import Sluice
import Synchronization
import Testing

@testable import SluiceSQLite

/// What a shelf is not for.
extension ShelvingTests {
    /// A hundred thousand in `make soak`.
    private static let backlog = ProcessInfo.processInfo.environment["SLUICE_SOAK"] == nil ? 20_000 : 100_000

    /// A thousand keys, all of which fail: to read the log on would help none.
    @Test func aDestinationThatIsAwayFillsNoShelfForLong() async throws {
        let total = Self.backlog
        let keys = 1_000
        let log = try directory.open()
        let desk = Desk { _ in true }
        try await publish(0..<total, to: log) { "\($0 % keys)" }
        // Slow enough for workers to have nothing to do, on a busy machine too, or nothing would be handed back at all.
        try await running(log, desk, redelivery: .seconds(2)) {
            // Every key was tried, and most of them again.
            try await eventually(within: Self.patience) {
                try Set(desk.attempts).count >= keys && desk.attempts.count > 3 * keys
                    && shelvedRows(directory.log) ?? 0 > 0
            }
            #expect(desk.attempts.allSatisfy { $0 < keys }, "the first of each key")
            let shelved = try #require(try shelvedRows(directory.log))
            #expect(shelved < 8_000)
            #expect(desk.mostRemembered < 15_000)
            desk.takesBad.raise()
            try await eventually(within: Self.patience) { desk.handledCount == total }
        }
        for key in 0..<keys {
            #expect(desk.numbers(of: "\(key)") == Array(stride(from: key, to: total, by: keys)), "key \(key)")
        }
        try await eventually { try await log.backlog(group: "g", topic: "t").messages == 0 }
        await log.close()
        #expect(try shelvedRows(directory.log) == 0)
    }

    /// Others come behind more of one key than any allowance holds.
    @Test func whatComesBehindAFailingKeyAloneIsReached() async throws {
        let log = try directory.open()
        let desk = Desk()
        try await publish(0..<10_000, to: log) { _ in "bad" }
        try await publish(10_000..<10_100, to: log) { "\($0)" }
        try await running(log, desk) {
            try await eventually(within: Self.patience) { desk.handledCount == 100 }
            desk.takesBad.raise()
            try await eventually(within: Self.patience) { desk.handledCount == 10_100 }
        }
        #expect(desk.numbers(of: "bad") == Array(0..<10_000))
        await log.close()
    }

    /// The shelf's messages are of other keys than when they were put there.
    @Test func aRouteThatReadsByOtherKeysGetsWhatWasPutAside() async throws {
        let log = try directory.open()
        let desk = Desk()
        try await publish(0..<6_000, to: log)
        try await running(log, desk) {
            try await eventually(within: Self.patience) { desk.handledCount == 3_000 }
            try await eventually { try #require(try shelvedRows(directory.log)) > 2_000 }
        }
        let second = Desk()
        second.takesBad.raise()
        try await running(log, second, ordering: .perKey(lanes: 8, by: .metadata("other"))) {
            try await eventually(within: Self.patience) { second.handledCount >= 3_000 }
            try await eventually { try await log.backlog(group: "g", topic: "t").messages == 0 }
        }
        #expect(second.numbers(of: "bad").sorted() == Array(stride(from: 0, to: 6_000, by: 2)))
        for other in 0..<7 {
            let numbers = second.numbers(of: "bad").filter { $0 % 7 == other }
            #expect(numbers == numbers.sorted(), "other \(other)")
        }
        await log.close()
        #expect(try shelvedRows(directory.log) == 0)
    }

    /// Some of these have no key any more.
    @Test func aRouteThatReadsWithoutKeysGetsWhatWasPutAside() async throws {
        let log = try directory.open()
        let desk = Desk()
        try await publish(0..<4_000, to: log)
        try await running(log, desk) {
            try await eventually(within: Self.patience) { desk.handledCount == 2_000 }
            try await eventually { try #require(try shelvedRows(directory.log)) > 900 }
        }
        let second = Desk()
        second.takesBad.raise()
        try await running(log, second, ordering: .perKey(lanes: 8)) {
            try await eventually(within: Self.patience) { second.handledCount >= 2_000 }
            try await eventually { try await log.backlog(group: "g", topic: "t").messages == 0 }
        }
        #expect(second.numbers(of: "bad").sorted() == Array(stride(from: 0, to: 4_000, by: 2)))
        await log.close()
        #expect(try shelvedRows(directory.log) == 0)
    }

    /// The queue is changed while something is put aside: no reader has handled that.
    @Test func aHandoverTakesWhatWasPutAside() async throws {
        let log = try directory.open()
        let desk = Desk()
        try await publish(0..<4_000, to: log)
        try await running(log, desk) {
            try await eventually(within: Self.patience) { desk.handledCount == 2_000 }
            try await eventually { try #require(try shelvedRows(directory.log)) > 900 }
        }
        await log.close()
        let again = try directory.open()
        let handover = try await again.beginHandover(
            of: "t", readBy: ["g"], required: ["g"], idle: .seconds(60), to: "mover")
        #expect(handover.messages == 2_000)
        let settled = try #require(handover.settled["g"])
        #expect((1...4_000).filter { settled.contains($0) } == (1...4_000).filter { $0.isMultiple(of: 2) })
        let subscriber = again.subscriber(group: "mover")
        let texts = try await subscriber.subscribe(to: "t").acknowledge(2_000).texts
        #expect(texts == stride(from: 0, to: 4_000, by: 2).map { "\($0)" })
        await subscriber.close()
        try await eventually { try await again.endHandover(of: "t", readBy: ["g"], to: "mover") }
        #expect(try await again.groups().allSatisfy { $0.backlog.messages == 0 })
        #expect(try shelvedRows(directory.log) == 0)
        await again.close()
    }
}
