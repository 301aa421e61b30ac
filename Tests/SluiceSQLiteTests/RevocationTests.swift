import Logging
import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceSQLite

/// What the log gives to another process, or to another subscription, is not attempted any more.
@Suite(.timeLimit(.minutes(10))) struct RevocationTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func open(lease: Duration) throws -> SQLiteLog {
        var configuration = directory.configuration()
        configuration.leaseDuration = lease
        return try SQLiteLog.open(configuration)
    }

    /// Another process takes the lease of one that is alive, and has the group's messages in its workers' hands.
    @Test(arguments: [Ordering.serial, .perKey(lanes: 4, by: .id), .unordered(limit: 4)])
    func aLostLeaseEndsTheWork(ordering: Ordering) async throws {
        // Long enough that the thief, who does not renew, is not taken for dead before the end of the test.
        let log = try open(lease: .seconds(6))
        try await log.publisher().publish((0..<40).map { message("\($0)") }, to: "t")
        let subscriber = log.subscriber(group: "g")
        let gate = Gate()
        let handled = Mutex<[String]>([])
        let router = Router(logger: Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() })
        try router.add(
            Route("r", from: subscriber, "t", ordering: ordering) { message, _ in
                try await gate.wait()
                handled.withLock { $0.append(message.text) }
            })
        let running = Task { try await router.run() }
        let inHand = ordering.concurrency
        try await SluiceTesting.eventually { gate.waiting == inHand }
        let thief = LeaseOwner(path: directory.log + "-owners")
        let id = thief.id.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        try shell(
            "sqlite3 '\(directory.log)' \".timeout 2000\" \"UPDATE groups SET owner = x'\(id)', lease_end = 9999999999999\""
        )
        try await SluiceTesting.eventually { !subscriber.isLeading }
        gate.open()
        // Time enough for the others, were they attempted.
        try await SluiceTesting.eventually { handled.withLock(\.count) == inHand }
        router.drain()
        try await running.value
        #expect(handled.withLock(\.count) == inHand)
        withExtendedLifetime(thief) {}
        await log.close()
    }

    /// A process that was paused wakes up later than its lease's end, and notices before anything else does.
    @Test func aLeaseThatHasRunOutIsNoticedByTheClock() async throws {
        let log = try directory.open()
        let group = ConsumerGroup(topic: "t", name: "g", writer: log.writer, readerSignal: log.reader.signal)
        let (feed, deliveries) = lead(group, count: 4, for: .milliseconds(20))
        deliveries[0].acknowledge()
        try await eventually { !deliveries[1].isOurs }
        // It was ours when it was handled; the lease may still be free.
        deliveries[1].acknowledge()
        deliveries[2].reject()
        group.extend(until: MonotonicTime.now().advanced(by: .seconds(100)))
        // What was dropped meanwhile is read again, so the old deliveries are not ours, though the lease is.
        #expect(!deliveries[3].isOurs)
        let rest = group.state.withLock { state -> ClosedRange<Int64>? in
            state.ledger?.absorb()
            return state.ledger.map { $0.settled.gap(after: $0.cursor) }
        }
        #expect(rest?.lowerBound == 3)
        let (unsettled, generation) = group.state.withLock { ($0.ledger?.unsettled, $0.generation) }
        #expect(unsettled == 0)
        #expect(group.owns(generation: generation))
        withExtendedLifetime(feed) {}
        await log.close()
    }

    @Test func aLeaseThatIsRenewedInTimeLosesNothing() async throws {
        let log = try directory.open()
        let group = ConsumerGroup(topic: "t", name: "g", writer: log.writer, readerSignal: log.reader.signal)
        let (feed, deliveries) = lead(group, count: 2, for: .milliseconds(1))
        group.extend(until: MonotonicTime.now().advanced(by: .seconds(100)))
        #expect(deliveries[0].isOurs)
        let inFlight = group.state.withLock { $0.ledger?.inFlight.count }
        #expect(inFlight == 2)
        withExtendedLifetime(feed) {}
        await log.close()
    }

    /// The group's next subscription gets what the first one holds, so the first one attempts it no more.
    @Test func whatAnEndedSubscriptionHoldsIsNotItsAnyMore() async throws {
        let log = try directory.open()
        try await log.publisher().publish((0..<4).map { message("\($0)") }, to: "t")
        let first = try await log.subscriber(group: "g").subscribe(to: "t")
        let held = try await first.deliveries(4)
        #expect(held.allSatisfy { $0.isOurs })
        first.cancel()
        let again = try await log.subscriber(group: "g").subscribe(to: "t").deliveries(4)
        #expect(held.allSatisfy { !$0.isOurs })
        #expect(again.texts == held.texts && again.allSatisfy { $0.isOurs })
        await log.close()
    }

    private func lead(
        _ group: ConsumerGroup, count: Int64, for duration: Duration
    ) -> (SubscriptionFeed, [Delivery]) {
        let feed = SubscriptionFeed(
            id: 0, group: group, subscription: Subscription(), maxInFlight: 10, gathering: .zero)
        var ledger = GroupLedger(settled: OffsetSet())
        ledger.deliver((1...count).map { GroupLedger.Outstanding(offset: $0, feed: 0, attempt: 1) })
        ledger.read(through: count)
        group.lead(ledger, until: MonotonicTime.now().advanced(by: duration))
        let generation = group.state.withLock(\.generation)
        let deliveries = (1...count).map { offset in
            Delivery(
                message("\(offset)"), settler: feed,
                tag: SubscriptionFeed.tag(offset: offset, generation: generation))
        }
        return (feed, deliveries)
    }
}
