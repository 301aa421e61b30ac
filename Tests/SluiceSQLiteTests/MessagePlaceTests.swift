import Sluice
import Testing

@testable import SluiceSQLite

/// Where a message is for a group: by the ledger of the process that leads it, and by the file alone.
@Suite(.timeLimit(.minutes(5))) struct MessagePlaceTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func kinds(_ log: SQLiteLog, _ offsets: ClosedRange<Int64>) async throws -> [SQLiteMessagePlace.Kind?] {
        var kinds: [SQLiteMessagePlace.Kind?] = []
        for offset in offsets { kinds.append(try await log.place(of: offset, group: "g", topic: "t")?.kind) }
        return kinds
    }

    @Test func whatThisProcessHasInHandIsKnownExactly() async throws {
        let log = try directory.open()
        try await log.publisher().publish((1...6).map { message("\($0)") }, to: "t")
        #expect(try await log.place(of: 1, group: "g", topic: "t") == nil)
        let subscriber = try log.subscriber(group: "g", configuration: .init(capacity: 4, maxInFlight: 4))
        let subscription = try await subscriber.subscribe(to: "t")
        let deliveries = try await subscription.deliveries(4)
        deliveries[0].acknowledge()
        deliveries[2].acknowledge()
        deliveries[3].reject(after: .seconds(600))
        try await eventually { try await log.place(of: 4, group: "g", topic: "t")?.kind == .waiting }
        try await eventually {
            try await kinds(log, 1...4) == [.settled, .inFlight, .settled, .waiting]
        }
        let waiting = try #require(try await log.place(of: 4, group: "g", topic: "t"))
        #expect(waiting.isLedHere && waiting.ahead == 1)
        let due = try #require(waiting.due)
        #expect((590_000...610_000).contains(due.milliseconds(since: .now())))
        let behind = try #require(try await log.place(of: 9, group: "g", topic: "t"))
        #expect(behind.kind == .unread && behind.ahead == 6)
        subscription.cancel()
        await log.close()
        // Of what was in flight the file knows nothing.
        let view = SQLiteLogView(path: directory.log)
        #expect(try view.place(of: 1, group: "g", topic: "t")?.kind == .settled)
        #expect(try view.place(of: 3, group: "g", topic: "t")?.kind == .settled)
        let second = try #require(try view.place(of: 2, group: "g", topic: "t"))
        #expect(second.kind == .unread && !second.isLedHere && second.ahead == 0)
        #expect(try view.place(of: 2, group: "other", topic: "t") == nil)
        #expect(try view.place(of: 2, group: "g", topic: "other") == nil)
    }

    @Test func whatIsPutAsideIsNotSettled() async throws {
        let log = try directory.open()
        try await log.publisher().publish((1...3).map { message("\($0)") }, to: "t")
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        let deliveries = try await subscription.deliveries(3)
        deliveries[1].shelve([7])
        deliveries[2].acknowledge()
        try await eventually { try await log.backlog(group: "g", topic: "t").shelved == 1 }
        // It may be handed out again at any time.
        let kinds = try await kinds(log, 1...3)
        #expect(kinds == [.inFlight, .putAside, .settled] || kinds == [.inFlight, .inFlight, .settled])
        deliveries[0].acknowledge()
        try await eventually { try await self.kinds(log, 1...1) == [.settled] }
        subscription.cancel()
        await log.close()
        #expect(try SQLiteLogView(path: directory.log).place(of: 2, group: "g", topic: "t")?.kind == .putAside)
    }

    @Test func theLedgerKnowsWhatIsPutAsideAndNotYetWritten() {
        var ledger = GroupLedger(settled: OffsetSet())
        ledger.read(through: 3)
        ledger.deliver((1...3).map { .init(offset: $0, feed: 0, attempt: 1) })
        ledger.shelve(2, [7], feed: 0)
        _ = ledger.acknowledge(3)
        func kind(_ offset: Int64, isOnShelf: Bool = false) -> SQLiteMessagePlace.Kind {
            ledger.place(of: offset, isOnShelf: isOnShelf, now: (.now(), .now())).kind
        }
        #expect(kind(1) == .inFlight && kind(2) == .putAside && kind(3) == .settled && kind(4) == .unread)
        ledger.shelf.confirm(inserted: 1, deleted: 0)
        #expect(kind(2, isOnShelf: true) == .putAside)
        // A row that is left after the message was handled counts for nothing.
        #expect(kind(2) == .settled)
        #expect(ledger.place(of: 4, isOnShelf: false, now: (.now(), .now())).ahead == 1)
    }

    @Test func aMessageIsFoundByItsIDAndTime() async throws {
        let log = try directory.open()
        let (own, foreign) = (message("own"), Message(id: "a foreign id", payload: []))
        try await log.publisher().publish([message("a"), own, foreign, message("b"), own], to: "t")
        let now = Timestamp.now()
        let view = SQLiteLogView(path: directory.log)
        #expect(try view.offsets(of: own.id, in: "t").map(\.offset) == [2, 5])
        #expect(try view.offsets(of: foreign.id, in: "t").map(\.offset) == [3])
        #expect(try view.offsets(of: MessageID(), in: "t").isEmpty)
        #expect(try view.offsets(of: own.id, in: "other").isEmpty)
        #expect(try view.offsets(of: own.id, in: "t", limit: 2).map(\.offset) == [5])
        let minute = Duration.seconds(60)
        #expect(
            try view.offsets(
                of: own.id, in: "t", from: now.advanced(by: .zero - minute), through: now.advanced(by: minute)
            )
            .map(\.offset) == [2, 5])
        #expect(try view.offsets(of: own.id, in: "t", from: now.advanced(by: minute)).isEmpty)
        await log.close()
    }
}
