import Sluice
import Testing

@testable import SluiceSQLite

@Suite struct PublishAndSubscribeTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func deliversWhatWasPublishedInOrder() async throws {
        let log = try directory.open()
        let publisher = log.publisher(key: .metadata("repository"))
        let foreign = Message(
            id: "delivery-42", metadata: ["repository": "sluice", "über": "grün", "empty": ""], payload: [0, 255, 10])
        let empty = Message(payload: [])
        let large = Message(payload: [UInt8](repeating: 7, count: 1 << 20))
        let before = Timestamp.now()
        try await publisher.publish([foreign, empty], to: "ereignisse/ü")
        try await publisher.publish([large], to: "ereignisse/ü")

        let subscription = try await log.subscriber(group: "g").subscribe(to: "ereignisse/ü")
        let deliveries = try await subscription.acknowledge(3)
        #expect(deliveries.map(\.message) == [foreign, empty, large])
        #expect(deliveries.map(\.origin.offset) == [1, 2, 3])
        #expect(deliveries[0].origin.key == Array("sluice".utf8))
        #expect(deliveries[1].origin.key == nil)
        #expect(deliveries.allSatisfy { $0.origin.attempt == 1 && !$0.origin.redelivered })
        let time = try #require(deliveries[0].origin.timestamp)
        #expect(time >= before && time <= .now())
        await log.close()
    }

    @Test func wakesAWaitingSubscription() async throws {
        let log = try directory.open()
        let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
        async let delivery = subscription.acknowledge(1)
        try await log.publisher().publish([message("a")], to: "t")
        #expect(try await delivery.texts == ["a"])
        await log.close()
    }

    @Test func everyGroupGetsEverything() async throws {
        let log = try directory.open()
        try await log.publisher().publish((0..<1_000).map { message("\($0)") }, to: "t")
        let expected = (0..<1_000).map(String.init)
        for group in ["a", "b"] {
            let subscription = try await log.subscriber(group: group).subscribe(to: "t")
            #expect(try await subscription.acknowledge(1_000).texts == expected)
        }
        await log.close()
    }

    @Test func goesOnWhereItWasAfterReopening() async throws {
        var log = try directory.open()
        try await log.publisher().publish((0..<10).map { message("\($0)") }, to: "t")
        var deliveries = try await log.subscriber(group: "g").subscribe(to: "t").deliveries(10)
        for index in [0, 1, 2, 5, 7] { deliveries[index].acknowledge() }
        await log.close()

        log = try directory.open()
        deliveries = try await log.subscriber(group: "g").subscribe(to: "t").acknowledge(5)
        #expect(deliveries.texts == ["3", "4", "6", "8", "9"])
        #expect(deliveries.map(\.origin.redelivered) == [true, true, true, true, true])
        #expect(try await log.backlog(group: "g", topic: "t").messages <= 5)
        await log.close()
        log = try directory.open()
        #expect(try await log.backlog(group: "g", topic: "t") == SQLiteBacklog(messages: 0))
        await log.close()
    }

    @Test func manyPublishersShareTheLog() async throws {
        let log = try directory.open()
        let publisher = log.publisher()
        try await withThrowingTaskGroup { group in
            for writer in 0..<50 {
                group.addTask {
                    for index in 0..<20 { try await publisher.publish([message("\(writer)/\(index)")], to: "t") }
                }
            }
            try await group.waitForAll()
        }
        let deliveries = try await log.subscriber(group: "g").subscribe(to: "t").acknowledge(1_000)
        #expect(Set(deliveries.texts).count == 1_000)
        #expect(deliveries.map(\.origin.offset) == (1...1_000).map { Int64($0) })
        await log.close()
    }

    /// All of them or none: a part that cannot be taken takes the others with it.
    @Test func messagesOfSeveralTopicsAreOneCommit() async throws {
        let log = try directory.open()
        let publisher = log.publisher(key: .metadata("key"))
        let keyed = Message(metadata: ["key": "k"], payload: [1])
        try await publisher.publish([([message("a"), message("b")], "t"), ([], "none"), ([keyed], "u")])
        let (first, second) = (SQLiteLogView(path: directory.log), SQLiteLogView(path: directory.log))
        let (events, facts) = (try first.messages(in: "t"), try second.messages(in: "u"))
        #expect(events.count == 2 && facts.map(\.message) == [keyed] && facts[0].key == Array("k".utf8))
        #expect(Set((events + facts).map(\.timestamp)).count == 1)
        #expect(try first.lastOffset(in: "none") == nil)
        try shell(
            """
            sqlite3 '\(directory.log)' "CREATE TRIGGER refuse BEFORE INSERT ON messages_2 BEGIN SELECT RAISE(ABORT, 'no'); END"
            """)
        await #expect(throws: SQLiteLogError.self) {
            try await publisher.publish([([message("c")], "t"), ([keyed], "u")])
        }
        #expect(try first.lastOffset(in: "t") == 2)
        try await publisher.publish([])
        await log.close()
        await #expect(throws: (any Error).self) { try await publisher.publish([([keyed], "u")]) }
    }
}
