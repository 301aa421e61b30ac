import Sluice
import SluiceSQLite
import Testing

@testable import SluiceGateway

/// What makes messages of the poison queue one cause, and which of them a command is about.
struct PoisonCauseTests {
    @Test(arguments: [
        ("Slack refused the message (invalid_payload)", "Slack refused the message (invalid_payload)"),
        ("expected an object at byte 0", "expected an object at byte N"),
        ("expected an object at byte 1734.", "expected an object at byte N."),
        ("Grafana answered 400: bad request data", "Grafana answered 400: bad request data"),
        ("what answered with status 413 is no sink", "what answered with status 413 is no sink"),
        ("took 1.25 s of 300s", "took N s of Ns"),
        ("commit 4f2c1d9e00aa is not known", "commit ID is not known"),
        ("017f22e2-79b0-7cc3-98c4-dc0c0c07398f is gone", "ID is gone"),
        ("since 2026-01-02T03:04:05.678Z, or 2026-01-02", "since TIME, or TIME"),
        ("request req_8fj2k3l4m5n6p7q8r9s0: no", "request ID: no"),
        ("12345678 bytes of 9", "N bytes of N"), ("field a1 of v2", "field aN of vN"),
        ("", ""), ("ünïcode 5 – \u{1}bell", "ünïcode N – \u{FFFD}bell"),
    ])
    func whatIsDifferentInEachIsLeftOut(reason: String, expected: String) {
        #expect(PoisonCause.normalized(reason) == expected)
    }

    @Test func aCauseIsCalledTheSameInEveryProcess() {
        let cause = PoisonCause(route: "log-to-slack", reason: "expected an object at byte 7")
        #expect(cause == PoisonCause(route: "log-to-slack", reason: "expected an object at byte 99"))
        #expect(cause.key == PoisonCause(route: "log-to-slack", reason: "expected an object at byte 99").key)
        #expect(cause.key != PoisonCause(route: "log-to-grafana", reason: "expected an object at byte 7").key)
        #expect(cause.key.utf8.count == 8)
        #expect(cause.key == "70b8d270")
    }

    @Test func whatTheFirstReleaseWroteSaysLessAndIsReadAlike() {
        // The names of Watermill's, which it wrote.
        let metadata: Metadata = [
            "reason_poisoned": "expected an object at byte 3", "handler_poisoned": "log-to-slack",
            "topic_poisoned": "events", "subscriber_poisoned": "sqlite", "event_type": "commitPushed", "own": "kept",
        ]
        let time = Timestamp(millisecondsSince1970: 1_700_000_000_000)
        let message = PoisonedMessage(
            LoggedMessage(
                message: Message(id: "a", metadata: metadata, payload: []), offset: 3, timestamp: time, key: nil))
        #expect(message.route == "log-to-slack" && message.cause.reason == "expected an object at byte N")
        #expect(message.poisonedAt == time && message.attempts == nil && message.rounds == 0)
        #expect(message.event == "commitPushed" && message.truncatedFrom == nil)
        let restored = PoisonedMessage.restored(Message(id: "a", metadata: metadata, payload: [1]))
        #expect(restored.metadata == ["event_type": "commitPushed", "own": "kept"] && restored.payload == [1])
        #expect(restored.id == "a")
    }

    @Test func aFilterIsWhatItWasOnTheOtherSideOfTheSocket() throws {
        var filter = PoisonFilter()
        (filter.causes, filter.route, filter.event, filter.ids) = (["ab", "cd"], "slack", "commitPushed", ["7", "x"])
        filter.since = Timestamp(millisecondsSince1970: 5)
        filter.until = Timestamp(millisecondsSince1970: 9)
        #expect(try PoisonFilter(arguments: filter.arguments) == filter)
        #expect(try PoisonFilter(arguments: [:]).isEmpty)
        #expect(throws: ControlFailure.self) { try PoisonFilter(arguments: ["since": "today"]) }
    }

    private func message(_ offset: Int64, route: String = "log-to-slack", at time: Int64 = 0) -> PoisonedMessage {
        PoisonedMessage(
            LoggedMessage(
                message: Message(
                    id: MessageID("id-\(offset)"),
                    metadata: [
                        PoisonMetadata.handler: route, PoisonMetadata.reason: "byte \(offset)",
                        PoisonMetadata.time: "\(time)", "event_type": "commitPushed",
                    ], payload: []), offset: offset, timestamp: Timestamp(millisecondsSince1970: 1), key: nil))
    }

    @Test func aFilterMatchesWhatHasAllOfIt() {
        var filter = PoisonFilter()
        #expect(filter.matches(message(1)))
        for (route, isRight) in [
            ("slack", true), ("log-to-slack", true), ("log-to-slack-pushes", false), ("grafana", false),
        ] {
            filter.route = route
            #expect(filter.matches(message(1)) == isRight, "\(route)")
        }
        filter = PoisonFilter()
        filter.route = "slack"
        #expect(filter.matches(message(1, route: "log-to-slack-pushes")))
        filter.ids = ["id-7", "8"]
        #expect(filter.matches(message(7)) && filter.matches(message(8)) && !filter.matches(message(9)))
        filter = PoisonFilter()
        (filter.since, filter.until) = (Timestamp(millisecondsSince1970: 10), Timestamp(millisecondsSince1970: 20))
        #expect([9, 10, 19, 20].map { filter.matches(message(1, at: $0)) } == [false, true, true, false])
        filter = PoisonFilter()
        filter.causes = [String(message(1).cause.key.prefix(4)).uppercased()]
        #expect(filter.matches(message(1)) && !filter.matches(message(1, route: "other")))
    }

    @Test func groupsSayHowManySinceWhenAndWhatTheyWaitFor() {
        let messages = (1...5).map { message($0, at: $0 * 10) } + [message(6, route: "rabbitmq-to-log")]
        var groups = PoisonGroup.grouped(messages)
        #expect(groups.map(\.count) == [5, 1] && groups[0].sample.offset == 1)
        #expect(groups[0].first.millisecondsSince1970 == 10 && groups[0].last.millisecondsSince1970 == 50)
        groups[0].explain([])
        #expect(groups[0].waitsFor.contains("sluice poison retry --cause \(groups[0].cause.key)"))
        var job = RedriveJob(kind: .retry, lane: "log-to-slack", name: "slack")
        (job.id, job.causes) = (7, [groups[0].cause.key])
        groups[0].explain([RedriveRecord(job: job, progress: RedriveProgress())])
        #expect(groups[0].waitsFor == "job 7 (running) puts them back")
    }
}
