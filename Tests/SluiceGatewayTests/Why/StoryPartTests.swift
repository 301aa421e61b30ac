import Foundation
import GatewayTestSupport
import Sluice
import SluiceSQLite
import SluiceTesting
import Testing

@testable import SluiceGateway

/// What is made of the rows of a journal, without a gateway.
struct StoryPartTests {
    private let directory: TemporaryDirectory
    private let message = MessageID()

    init() throws { directory = try TemporaryDirectory() }

    /// The rows that a journal gives back of what it was told.
    private func entries(_ note: (JournalUnderTest) -> Void) async throws -> [JournalEntry] {
        let under = JournalUnderTest(in: directory.path)
        try await under.whileWriting { note(under) }
        return try await under.reader.entries(of: [message])
    }

    private func end(_ outcome: DeliveryOutcome, _ under: JournalUnderTest, attempts: Int = 0) {
        under.journal.ended(
            DeliveryEnd(route: under.route, message: message, outcome: outcome, attempts: attempts, time: .now()))
    }

    @Test func theWaitsOfAnAttemptAreThoseSinceTheOneBefore() async throws {
        let arrival = MonotonicTime.now()
        func attempt(_ number: Int, _ under: JournalUnderTest, after seconds: Int, throttle: UInt64, backoff: UInt64) {
            let start = arrival.advanced(by: .seconds(seconds))
            under.journal.ended(
                AttemptEnd(
                    route: under.route, message: message, attempt: number, arrival: arrival, start: start,
                    end: start.advanced(by: .milliseconds(10)),
                    waits: .init(throttle: throttle * 1_000_000_000, backoff: backoff * 1_000_000_000),
                    result: .failure,
                    reason: "http_503"))
        }
        let entries = try await entries { under in
            attempt(1, under, after: 5, throttle: 2, backoff: 0)
            attempt(2, under, after: 20, throttle: 4, backoff: 12)
            // After a restart all of them are new.
            attempt(3, under, after: 1, throttle: 0, backoff: 0)
        }
        let part = StoryPart("log-to-slack", entries, [])
        try #require(part.attempts.count == 3)
        func waits(_ index: Int) -> [String] {
            part.attempts[index].waits.map { "\($0.stage) \($0.microseconds)" }
        }
        #expect(waits(0) == ["queue 3000000", "throttle 2000000"])
        #expect(waits(1) == ["throttle 2000000", "backoff 12000000"])
        #expect(waits(2) == ["queue 1000000"])
    }

    @Test func aSuccessStandsWhateverComesAfterIt() async throws {
        let entries = try await entries { under in
            under.attempt(message, 1, .failure, reason: "http_503")
            under.attempt(message, 2)
            end(.deduplicated, under)
        }
        let part = StoryPart("log-to-slack", entries, [SQLiteMessagePlace(.unread, ahead: 3)])
        #expect(
            part.state == .delivered && part.since == part.attempts.last?.time && part.reason == nil
                && part.waits.isEmpty)
    }

    @Test(arguments: [
        (DeliveryOutcome.poisoned, StoryPart.State.poisoned), (.discarded, .discarded), (.deduplicated, .deduplicated),
        (.filtered, .filtered), (.acked, .passedOver),
    ])
    func anEndForGoodSaysWhatItHasComeTo(_ outcome: DeliveryOutcome, _ state: StoryPart.State) async throws {
        let entries = try await entries { end(outcome, $0) }
        #expect(StoryPart("log-to-slack", entries, [SQLiteMessagePlace(.settled)]).state == state)
        // It is on its way again, as after `groups seek`.
        #expect(StoryPart("log-to-slack", entries, [SQLiteMessagePlace(.unread)]).state == .queued)
    }

    @Test func whatHasNoEndIsWhereTheQueueHasIt() async throws {
        let entries = try await entries { under in
            under.attempt(message, 1, .throttled, reason: "http_429")
            end(.rejected, under, attempts: 1)
        }
        let due = Timestamp(millisecondsSince1970: 1_900_000_000_000)
        var waiting = SQLiteMessagePlace(.waiting)
        waiting.due = due
        let part = StoryPart("log-to-slack", entries, [waiting])
        #expect(part.state == .waiting && part.reason == "http_429")
        #expect(part.waits.map(\.what) == ["backoff"] && part.waits.first?.until == due)
        #expect(StoryPart("r", entries, [SQLiteMessagePlace(.inFlight)]).state == .inHand)
        #expect(StoryPart("r", entries, [SQLiteMessagePlace(.putAside)]).waits.map(\.what) == ["order"])
        #expect(StoryPart("r", [], [SQLiteMessagePlace(.unread, ahead: 2)]).waits.map(\.what) == ["turn"])
        #expect(StoryPart("r", [], [SQLiteMessagePlace(.inFlight)]).state == .queued)
        #expect(StoryPart("r", [], [SQLiteMessagePlace(.settled)]).state == .passedOver)
        #expect(StoryPart("r", entries, []).state == .inHand)
        #expect(StoryPart("r", [], []).state == .unknown)
    }

    @Test func manyAttemptsAreCutToTheNewest() async throws {
        let entries = try await entries { under in
            for number in 1...150 { under.attempt(message, number, .held, reason: "gone") }
        }
        let part = StoryPart("log-to-slack", entries, [])
        #expect(part.attempts.count == 100 && part.attemptsLeftOut == 50 && part.attempts.last?.number == 150)
    }

    /// Nothing from outside breaks lines or moves the cursor, and words are broken at 80 columns.
    @Test func theTextIsSafeAndFits() throws {
        var story = Story(message: "id\u{1B}[2J\nx")
        story.key = "acme/\u{202E}web"
        story.event = "commitPushed"
        var part = StoryPart(route: "log-to-slack")
        part.state = .waiting
        part.waits = [
            .init(
                what: "held", until: Timestamp(millisecondsSince1970: 1_900_000_000_000),
                words: "slack is held: " + Array(repeating: "word", count: 60).joined(separator: " "))
        ]
        story.parts = [part]
        let text = Stories(id: "x", stories: [story], leftOut: 3).text
        #expect(!text.unicodeScalars.contains { $0.value == 0x1B || $0.value == 0x202E })
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(text)")
        #expect(text.contains("and 3 more messages of x"))
    }
}
