import Sluice
import Testing

@testable import SluiceSQLite

/// Messages may gather after the newest was handed out, for a handler that takes many at once.
@Suite struct GatheringTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// With a lease that does not lapse on a machine that stands still for a while: all would be read again.
    private func open() throws -> SQLiteLog {
        var configuration = directory.configuration()
        configuration.leaseDuration = .seconds(3_600)
        return try SQLiteLog.open(configuration)
    }

    @Test func theFirstComesAtOnceAndWhatFollowsItGathers() async throws {
        let log = try open()
        // For so long that only the first can come within this test.
        let subscription = try await log.subscriber(group: "g", configuration: .init(gathering: .seconds(60)))
            .subscribe(to: "t")
        let publisher = log.publisher()
        try await publisher.publish([message("first")], to: "t")
        #expect(try await subscription.acknowledge(1).texts == ["first"])
        for text in ["second", "third"] { try await publisher.publish([message(text)], to: "t") }
        // Others read on meanwhile.
        #expect(try await log.subscriber(group: "other").subscribe(to: "t").deliveries(3).count == 3)
        #expect(subscription.count == 0)
        await log.close()
    }

    @Test func whatHasGatheredComesInTheEnd() async throws {
        let log = try open()
        let subscription = try await log.subscriber(group: "g", configuration: .init(gathering: .milliseconds(50)))
            .subscribe(to: "t")
        for text in ["first", "second", "third"] { try await log.publisher().publish([message(text)], to: "t") }
        #expect(try await subscription.deliveries(3).texts == ["first", "second", "third"])
        await log.close()
    }

    @Test func aBacklogIsReadWithoutWaiting() async throws {
        let log = try open()
        let texts = (0..<2_000).map(String.init)
        try await log.publisher().publish(texts.map { message($0) }, to: "t")
        let subscription = try await log.subscriber(group: "g", configuration: .init(gathering: .seconds(60)))
            .subscribe(to: "t")
        #expect(try await subscription.deliveries(texts.count).texts == texts)
        await log.close()
    }

    @Test func whatIsRejectedComesAgainWithoutWaiting() async throws {
        let log = try open()
        let subscription = try await log.subscriber(group: "g", configuration: .init(gathering: .seconds(60)))
            .subscribe(to: "t")
        try await log.publisher().publish([message("first")], to: "t")
        try await subscription.deliveries(1)[0].reject()
        #expect(try await subscription.deliveries(1).texts == ["first"])
        await log.close()
    }

    @Test func itIsAtMostAMinute() throws {
        let log = try open()
        #expect(throws: ConfigurationError.self) {
            try log.subscriber(group: "g", configuration: .init(gathering: .seconds(61)))
        }
    }
}
