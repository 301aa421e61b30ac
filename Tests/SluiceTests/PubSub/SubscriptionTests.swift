import Sluice
import SluiceTesting
import Synchronization
import Testing

struct SubscriptionTests {
    let settler = RecordingSettler()

    private func tags(_ deliveries: [Delivery]?) -> [Int]? {
        deliveries?.map { delivery in
            delivery.acknowledge()
            return Int(delivery.message.metadata["n"] ?? "") ?? -1
        }
    }

    private func deliveries(_ numbers: Range<Int>) -> [Delivery] {
        numbers.map { number in
            Delivery(Message(metadata: ["n": "\(number)"], payload: []), settler: settler, tag: UInt64(number))
        }
    }

    // MARK: Capacity

    @Test func takesNoMoreThanItsCapacity() throws {
        let subscription = try Subscription(capacity: 3)
        #expect(subscription.room == 3)
        #expect(subscription.offer(deliveries(0..<5)) == 3)
        #expect(subscription.count == 3)
        #expect(subscription.room == 0)
        #expect(subscription.offer(deliveries(5..<6)) == 0)
        #expect(tags(try subscription.take(10)) == [0, 1, 2])
        #expect(try subscription.take(10) == nil)
        // What was not taken was let go of here, and counts as rejected.
        #expect(settler.rejected.sorted() == [3, 4, 5])
    }

    @Test func refusesWhatHasNoRoom() throws {
        let error = #expect(throws: ConfigurationError.self) { try Subscription(capacity: 0, capacityBytes: -5) }
        #expect(error?.problems.map(\.field) == ["Subscription.capacity", "Subscription.capacityBytes"])
        #expect(try Subscription(capacity: 1, capacityBytes: 1).offer(deliveries(0..<2)) == 1)
        #expect(Subscription().capacity == 1_024 && Subscription().capacityBytes == 16 << 20)
    }

    /// Deliveries that are made when they are taken, between others that are there already.
    @Test(arguments: [1, 2, 3, 100, 255, 256, 257, 1_000])
    func makesLazyDeliveriesInTheirPlace(limit: Int) throws {
        let subscription = try Subscription(capacity: 1_000)
        subscription.offer(deliveries(0..<3))
        let source = Lazy(3..<303, settler)
        #expect(subscription.offer(source, count: 300) == 300)
        subscription.offer(deliveries(303..<310))
        #expect(subscription.offer(Lazy(310..<400, settler), count: 50) == 50)
        #expect(subscription.offer(Lazy(360..<365, settler), count: 5) == 5)
        #expect(subscription.count == 365 && source.made == 0)
        var taken: [Int] = []
        while let batch = tags(try subscription.take(limit)) {
            #expect(batch.count == min(limit, 365 - taken.count))
            taken += batch
        }
        #expect(taken == Array(0..<365))
        #expect(source.made == 300)
    }

    @Test func sharesLazyDeliveriesOut() throws {
        let subscription = try Subscription(capacity: 100)
        subscription.offer(Lazy(0..<100, settler), count: 100)
        #expect(tags(try subscription.take(64, sharers: 4)) == Array(0..<25))
        #expect(tags(try subscription.take(64, sharers: 4)) == Array(25..<43))
    }

    @Test func takesNoMoreLazyDeliveriesThanItsCapacity() throws {
        let subscription = try Subscription(capacity: 3)
        #expect(subscription.offer(Lazy(0..<5, settler), count: 5) == 3)
        #expect(subscription.room == 0)
        #expect(tags(try subscription.take(10)) == [0, 1, 2])
        subscription.cancel()
        #expect(subscription.offer(Lazy(0..<5, settler), count: 5) == 0)
    }

    @Test func rejectsLazyDeliveriesWhenItIsCancelled() throws {
        let subscription = try Subscription(capacity: 10)
        subscription.offer(Lazy(0..<5, settler), count: 5)
        #expect(tags(try subscription.take(2)) == [0, 1])
        subscription.cancel()
        #expect(settler.rejected == [2, 3, 4])
    }

    private final class Lazy: LazyDeliveries {
        private let numbers: Range<Int>
        private let settler: RecordingSettler
        private let count = Atomic<Int>(0)

        init(_ numbers: Range<Int>, _ settler: RecordingSettler) {
            self.numbers = numbers
            self.settler = settler
        }

        func size(of places: Range<Int>) -> Int { places.count }

        var made: Int { count.load(ordering: .relaxed) }

        func make(_ places: Range<Int>, into deliveries: inout [Delivery]) {
            count.add(places.count, ordering: .relaxed)
            for number in numbers[(numbers.lowerBound + places.lowerBound)..<(numbers.lowerBound + places.upperBound)] {
                deliveries.append(
                    Delivery(Message(metadata: ["n": "\(number)"], payload: []), settler: settler, tag: UInt64(number)))
            }
        }
    }

    /// Every way to cut up what is offered and what is taken, around the size of a batch.
    @Test(arguments: [1, 2, 255, 256, 257, 600])
    func keepsTheOrderHoweverItIsCutUp(capacity: Int) throws {
        for offered in [1, 3, 100, 255, 256, 257, 512] {
            for limit in [1, 2, 100, 255, 256, 257, 1_000] {
                let subscription = try Subscription(capacity: capacity)
                var pending = deliveries(0..<700)[...]
                var taken: [Int] = []
                while taken.count < 700 {
                    pending = pending.dropFirst(subscription.offer(pending.prefix(offered)))
                    let before = subscription.count
                    let batch = try #require(tags(try subscription.take(limit)))
                    #expect(batch.count == min(limit, before))
                    #expect(subscription.count == before - batch.count)
                    taken += batch
                }
                #expect(taken == Array(0..<700))
                #expect(try subscription.take(1) == nil)
            }
        }
        #expect(settler.rejected == [])
    }

    @Test func givesAtLeastOneHoweverSmallTheLimit() throws {
        let subscription = Subscription()
        subscription.offer(deliveries(0..<3))
        #expect(tags(try subscription.take(0)) == [0])
        #expect(tags(try subscription.take(-1)) == [1])
        #expect(tags(try subscription.take(5)) == [2])
    }

    @Test func holdsNothingOnToWhatWasTaken() throws {
        let subscription = Subscription()
        subscription.offer(deliveries(0..<10))
        do { _ = try subscription.take(4) }
        #expect(settler.rejected == [0, 1, 2, 3])
        #expect(subscription.count == 6)
        subscription.cancel()
    }

    @Test func makesOnlyTheDeliveriesThatItHasRoomFor() throws {
        let subscription = try Subscription(capacity: 4)
        var made = 0
        let (taken, wake) = subscription.offer(upTo: 10) {
            defer { made += 1 }
            return deliveries(made..<made + 1)[0]
        }
        #expect(taken == 4)
        #expect(made == 4)
        #expect(!wake.isNeeded)
        #expect(tags(try subscription.take(10)) == [0, 1, 2, 3])
    }

    // MARK: Demand

    @Test func asksForMoreWhenHalfOfAFullQueueWasDrained() throws {
        let demands = Counter()
        let subscription = try Subscription(capacity: 8, onDemand: { demands.add() })
        #expect(subscription.offer(deliveries(0..<10)) == 8)
        _ = tags(try subscription.take(3))
        #expect(demands.value == 0)
        _ = tags(try subscription.take(1))
        #expect(demands.value == 1)
        _ = tags(try subscription.take(4))
        #expect(demands.value == 1)
        subscription.offer(deliveries(10..<12))
        _ = tags(try subscription.take(4))
        #expect(demands.value == 1)
    }

    @Test func asksForMoreAfterItSaidThatThereIsNoRoom() throws {
        let demands = Counter()
        let subscription = try Subscription(capacity: 1, onDemand: { demands.add() })
        subscription.offer(deliveries(0..<1))
        #expect(subscription.room == 0)
        _ = tags(try subscription.take(1))
        #expect(demands.value == 1)
        #expect(subscription.room == 1)
    }

    @Test func mayBeFedFromItsDemand() async throws {
        let feeder = Feeder(total: 5_000, settler: settler)
        let subscription = try Subscription(capacity: 16, onDemand: { feeder.feed() })
        feeder.subscription.withLock { $0 = subscription }
        feeder.feed()
        var next = 0
        while next < 5_000 {
            for number in try #require(tags(try await subscription.next(7))) {
                #expect(number == next)
                next += 1
            }
        }
        feeder.subscription.withLock { $0 = nil }
    }

    // MARK: Waiting

    @Test func wakesAConsumerThatWaits() async throws {
        let subscription = Subscription()
        async let batch = subscription.next()
        try await eventually { subscription.waiting == 1 }
        subscription.offer(deliveries(0..<3))
        #expect(tags(try await batch)?.first == 0)
    }

    @Test func sharesWhatArrivesBetweenAllWhoWait() async throws {
        let subscription = Subscription()
        let gate = Gate()
        let received = Counter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    _ = self.tags(try await subscription.next(1))
                    received.add()
                    // None of them comes back for more before all have one.
                    try await gate.wait()
                }
            }
            try await eventually("four consumers to wait") { subscription.waiting == 4 }
            subscription.offer(deliveries(0..<4))
            try await eventually("four consumers to have one each") { received.value == 4 }
            gate.open()
            try await group.waitForAll()
        }
    }

    @Test func givesEachDeliveryToOneOfSeveralConsumers() async throws {
        let subscription = try Subscription(capacity: 32)
        let total = 20_000
        let seen = try await withThrowingTaskGroup(of: [Int].self) { group in
            for limit in [1, 2, 7, 64] {
                group.addTask {
                    var mine: [Int] = []
                    while let batch = self.tags(try await subscription.next(limit)) {
                        #expect(batch == batch.sorted())
                        mine += batch
                    }
                    return mine
                }
            }
            var pending = deliveries(0..<total)[...]
            while !pending.isEmpty {
                pending = pending.dropFirst(subscription.offer(pending.prefix(10)))
                await Task.yield()
            }
            subscription.finish()
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(seen.sorted() == Array(0..<total))
        #expect(settler.acknowledged.count == total)
    }

    @Test func endsTheWaitOfACancelledTask() async throws {
        let subscription = Subscription()
        let waiting = Task { try await subscription.next() }
        try await eventually { subscription.waiting == 1 }
        waiting.cancel()
        #expect(try await waiting.value == nil)
        #expect(!subscription.isEnded)
        subscription.offer(deliveries(0..<1))
        #expect(tags(try await subscription.next()) == [0])
    }

    /// Offers and cancellations race for the same waiting consumers; whichever wins, nothing is lost or given twice.
    @Test func losesNothingWhenCancellationsRaceWithDeliveries() async throws {
        let subscription = try Subscription(capacity: 64)
        let total = 3_000
        let publishing = Task {
            var pending = deliveries(0..<total)[...]
            while !pending.isEmpty {
                pending = pending.dropFirst(subscription.offer(pending.prefix(1)))
                await Task.yield()
            }
            subscription.finish()
        }
        while !(subscription.isEnded && subscription.count == 0) {
            let consumers = (0..<3).map { _ in
                Task { _ = self.tags(try await subscription.next(2)) }
            }
            await Task.yield()
            for consumer in consumers { consumer.cancel() }
            for consumer in consumers { try await consumer.value }
        }
        await publishing.value
        #expect(settler.acknowledged.sorted() == Array(0..<UInt64(total)))
        #expect(settler.rejected == [])
    }

    // MARK: The end

    @Test func deliversWhatIsBufferedBeforeItEnds() async throws {
        let subscription = Subscription()
        subscription.offer(deliveries(0..<3))
        subscription.finish()
        #expect(subscription.isEnded)
        #expect(subscription.offer(deliveries(3..<4)) == 0)
        #expect(tags(try await subscription.next(2)) == [0, 1])
        #expect(tags(try await subscription.next(2)) == [2])
        #expect(try await subscription.next() == nil)
        #expect(try await subscription.next() == nil)
    }

    @Test func deliversWhatIsBufferedBeforeItFails() async throws {
        struct Broken: Error {}
        let subscription = Subscription()
        subscription.offer(deliveries(0..<1))
        subscription.finish(throwing: Broken())
        #expect(tags(try await subscription.next()) == [0])
        await #expect(throws: Broken.self) { try await subscription.next() }
        #expect(throws: Broken.self) { try subscription.take(1) }
    }

    @Test func wakesEveryoneWhenItEnds() async throws {
        let subscription = Subscription()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<10 { group.addTask { try await subscription.next() == nil } }
            try await eventually { subscription.waiting == 10 }
            subscription.finish()
            for try await ended in group { #expect(ended) }
        }
    }

    @Test func wakesEveryoneWhenItFails() async {
        struct Broken: Error {}
        let subscription = Subscription()
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<10 {
                group.addTask {
                    do { _ = try await subscription.next() } catch { return error is Broken }
                    return false
                }
            }
            subscription.finish(throwing: Broken())
            for await failed in group { #expect(failed) }
        }
    }

    @Test func keepsTheFirstEnd() async throws {
        struct Broken: Error {}
        let subscription = Subscription()
        subscription.finish()
        subscription.finish(throwing: Broken())
        #expect(try await subscription.next() == nil)
    }

    @Test func rejectsWhatIsBufferedWhenItIsCancelled() async throws {
        let ends = Counter()
        let subscription = Subscription(onEnd: { ends.add() })
        subscription.offer(deliveries(0..<300))
        let taken = try #require(try subscription.take(1))
        subscription.cancel()
        subscription.cancel()
        #expect(settler.rejected == Array(1..<300))
        #expect(ends.value == 1)
        #expect(subscription.room == 0)
        #expect(try await subscription.next() == nil)
        // What the consumer had taken is still its own to settle.
        taken[0].acknowledge()
        #expect(settler.acknowledged == [0])
    }

    @Test func wakesEveryoneWhenItIsCancelled() async throws {
        let subscription = Subscription()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<10 { group.addTask { try await subscription.next() == nil } }
            try await eventually { subscription.waiting == 10 }
            subscription.cancel()
            for try await ended in group { #expect(ended) }
        }
    }

    @Test func doesNotTellItsAdapterThatItEndedByItself() {
        let ends = Counter()
        let subscription = Subscription(onEnd: { ends.add() })
        subscription.finish()
        subscription.cancel()
        #expect(ends.value == 0)
    }

    @Test func rejectsWhatItHoldsWhenItsLastReferenceGoes() {
        do { Subscription().offer(deliveries(0..<3)) }
        #expect(settler.rejected.sorted() == [0, 1, 2])
    }
}

/// Counts across threads.
final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock(\.self) }
    func add() { count.withLock { $0 += 1 } }
}

/// An adapter that has `total` deliveries and gives as many as there is room for.
private final class Feeder: Sendable {
    let subscription = Mutex<Subscription?>(nil)
    private let total: Int
    private let settler: RecordingSettler
    private let next = Mutex(0)

    init(total: Int, settler: RecordingSettler) {
        self.total = total
        self.settler = settler
    }

    func feed() {
        guard let subscription = subscription.withLock(\.self) else { return }
        next.withLock { next in
            // Until it is full: only then does it ask for more.
            while next < total, subscription.room > 0 {
                let message = Message(metadata: ["n": "\(next)"], payload: [])
                next += subscription.offer([Delivery(message, settler: settler, tag: UInt64(next))])
            }
        }
    }
}
