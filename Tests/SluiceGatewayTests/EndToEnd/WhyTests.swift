import Foundation
import GatewayTestSupport
import Glibc
import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// `sluice why`, with the program and a gateway that it asks.
    @Suite(.timeLimit(.minutes(10)))
    struct WhyTests {
        /// What the JSON says, as far as it is looked at here.
        private struct Document: Decodable {
            struct Message: Decodable {
                struct Sink: Decodable {
                    struct Attempt: Decodable {
                        var attempt: Int
                        var result: String
                        var reason: String?
                        var retryAfterSeconds: Double?
                        var seconds: Double
                        var waitedSeconds: [String: Double]
                    }
                    struct Wait: Decodable {
                        var what: String
                        var until: String?
                        var words: String
                    }
                    struct End: Decodable { var outcome: String }

                    var route: String
                    var sink: String?
                    var destination: String?
                    var state: String
                    var since: String?
                    var reason: String?
                    var waitsFor: [Wait]
                    var attempts: [Attempt]
                    var ends: [End]
                }
                struct Taking: Decodable { var route: String }
                struct Position: Decodable { var offset: Int64 }

                var id: String
                var event: String?
                var key: String?
                var commit: String?
                var correlationId: String?
                var githubDelivery: String?
                var incident: String?
                var takenIn: [Taking]
                var queue: [Position]
                var sinks: [Sink]
            }

            var version: Int
            var messages: [Message]
            var leftOut: Int
        }

        private typealias Sink = Document.Message.Sink

        private let directory: TemporaryDirectory

        init() throws { directory = try TemporaryDirectory() }

        private func why(_ id: String, _ arguments: String...) async throws -> (status: Int32, output: String) {
            let program = try #require(SluiceProcess.executable).path
            return try await runTool(
                [program, "why", id, "--data", directory.path + "/data"] + arguments, in: directory)
        }

        private func document(_ id: String) async throws -> Document {
            let (status, output) = try await why(id, "--format", "json")
            guard status == 0 else { throw TestFailure("why has ended with \(status): \(output)") }
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return try decoder.decode(Document.self, from: Data(output.utf8))
        }

        /// What a sink has made of the only message of an id, once it is in this state. What was attempted is told some
        /// milliseconds later.
        private func sink(
            _ name: String, of id: String, in state: String, where isMet: (Sink) -> Bool = { _ in true }
        ) async throws -> Sink {
            var found: Sink?
            var last = ""
            try await eventually("\(name) is in the state \(state); it is \(last)") {
                let sinks = (try? await document(id))?.messages.first?.sinks
                found = sinks?.first { $0.sink == name || $0.route == name }
                last = found.map { "\($0)" } ?? "not told of"
                return found.map { $0.state == state && isMet($0) } ?? false
            }
            return try #require(found)
        }

        // MARK: Stories

        @Test func anEventThatWasDeliveredIsFoundByEachOfItsIDs() async throws {
            let (grafana, slack) = (try FakeGrafana(), try FakeSlack())
            try await withGateway(in: directory, grafana: grafana, slack: slack) { gateway in
                let commit = StubCommit()
                let delivery = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
                #expect(try await gateway.client.gitHub(Stub.push([commit]), delivery: delivery).status == 202)
                let part = try await sink("slack", of: commit.id, in: "delivered")
                #expect(part.attempts.map(\.result) == ["success"] && part.route == "log-to-slack")
                #expect(part.destination == "slack" && part.waitsFor.isEmpty && part.reason == nil)
                _ = try await sink("grafana", of: commit.id, in: "delivered")
                let message = try #require(try await document(commit.id).messages.first)
                #expect(message.commit == commit.id && message.event == "commitPushed")
                #expect(message.key == Stub.repository && message.githubDelivery == delivery)
                #expect(message.takenIn.map(\.route) == ["github-to-log"] && message.queue.map(\.offset) == [1])
                let correlation = try #require(message.correlationId)
                for id in [message.id, String(commit.id.prefix(7)), correlation, delivery] {
                    #expect(try await document(id).messages.map(\.id) == [message.id], "\(id)")
                }
                let (status, text) = try await why(commit.id)
                #expect(status == 0 && text.contains("slack: delivered at 20"), "\(text)")
                #expect(text.contains("taken in by github-to-log") && text.contains("on the queue: offset 1"))
                #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(text)")
                let unknown = try await why("0123456789abcdef")
                #expect(unknown.status == 1 && unknown.output == "error: nothing is known of 0123456789abcdef\n")
            }
        }

        @Test func anEventThatWasRetriedHasAllItsAttempts() async throws {
            let slack = try FakeSlack()
            // Without jitter: a drawn wait may be too short to be shown.
            let backoff = Backoff.constant(.milliseconds(20))
            try await withGateway(in: directory, slack: slack, configure: { $0.pace.retry = backoff }) { gateway in
                let left = Counter(2)
                slack.behave { _ in left.takeOne() ? .status(503) : .ordinary }
                let commit = StubCommit()
                #expect(try await gateway.client.push([commit]).status == 202)
                let part = try await sink("slack", of: commit.id, in: "delivered") { $0.attempts.count == 3 }
                #expect(part.attempts.map(\.result) == ["failure", "failure", "success"])
                #expect(part.attempts.map(\.attempt) == [1, 2, 3])
                #expect(part.attempts.first?.reason?.contains("503") == true && part.attempts[2].reason == nil)
                #expect(part.attempts.first?.waitedSeconds["backoff"] == nil)
                #expect(part.attempts[1].waitedSeconds["backoff"] ?? 0 > 0)
            }
        }

        @Test func anEventThatIsThrottledSaysUntilWhenAndGoesOnAfterARestart() async throws {
            let slack = try FakeSlack()
            slack.behave { _ in .status(429, headers: ["Retry-After": "600"]) }
            let (first, second) = (StubCommit(), StubCommit())
            var until: Timestamp?
            func isSame(_ text: String?) -> Bool {
                guard let until, let time = text.flatMap(RFC3339.parse) else { return false }
                return abs(time.milliseconds(since: until)) < 1_000
            }
            try await withGateway(in: directory, slack: slack) { gateway in
                #expect(try await gateway.client.push([first]).status == 202)
                var part = try await sink("slack", of: first.id, in: "in_hand") { part in
                    part.attempts.count == 1 && part.waitsFor.contains { $0.what == "backoff" }
                }
                #expect(part.attempts.first?.result == "throttled" && part.attempts.first?.retryAfterSeconds == 600)
                let shut = try #require(part.waitsFor.first { $0.what == "retry_after" })
                let end = try #require(shut.until.flatMap(RFC3339.parse))
                #expect((590_000...670_000).contains(end.milliseconds(since: .now())), "\(shut)")
                until = part.waitsFor.first { $0.what == "backoff" }?.until.flatMap(RFC3339.parse)
                #expect(until != nil)
                #expect(try await gateway.client.push([second]).status == 202)
                part = try await sink("slack", of: second.id, in: "queued") {
                    $0.waitsFor.contains { $0.what == "turn" }
                }
                #expect(part.attempts.isEmpty && part.waitsFor.contains { $0.what == "retry_after" })
                #expect(part.waitsFor.contains { $0.words == "1 message is before it" }, "\(part)")
                let text = try await why(first.id).output
                #expect(text.contains("waits: slack is shut: it answered") && text.contains("until 20"), "\(text)")
            }
            // Without a gateway its files say the same, as far as they know.
            let offline = try await why(first.id)
            #expect(offline.status == 0 && offline.output.hasPrefix("no gateway runs: this is what its files say"))
            let waiting = try await sink("log-to-slack", of: first.id, in: "waiting")
            #expect(waiting.waitsFor.map(\.what) == ["gateway", "backoff"] && isSame(waiting.waitsFor.last?.until))
            try await withGateway(in: directory, slack: slack) { gateway in
                // It waits on for the time that was named.
                let part = try await sink("slack", of: first.id, in: "in_hand")
                #expect(part.attempts.map(\.result) == ["throttled"])
                #expect(part.waitsFor.contains { $0.what == "backoff" && isSame($0.until) }, "\(part)")
            }
        }

        @Test func anEventForASinkThatIsHeldSaysWhatToMend() async throws {
            let slack = try FakeSlack()
            try await withGateway(in: directory, slack: slack) { gateway in
                slack.behave { _ in .status(410, body: "channel_is_archived") }
                let commit = StubCommit()
                #expect(try await gateway.client.push([commit]).status == 202)
                let part = try await sink("slack", of: commit.id, in: "in_hand") { part in
                    part.waitsFor.contains { $0.what == "held" } && !part.attempts.isEmpty
                }
                #expect(part.waitsFor.contains { $0.words.contains("channel_is_archived") })
                #expect(part.attempts.first?.result == "held")
                slack.behave { _ in .ordinary }
                let end = try await sink("slack", of: commit.id, in: "delivered")
                #expect(end.waitsFor.isEmpty && end.attempts.last?.result == "success")
                let reader = JournalReader(path: directory.path + "/data/journal.sqlite")
                try await eventually("it is released") {
                    try await reader.lastEvents(limit: 20).map(\.kind).contains(.released)
                }
                #expect(try await reader.lastEvents(limit: 20).contains { $0.kind == .held && $0.subject == "slack" })
            }
        }

        @Test func anEventThatComesTwiceIsDeliveredOnce() async throws {
            let slack = try FakeSlack()
            try await withGateway(in: directory, slack: slack) { gateway in
                let commit = StubCommit()
                for _ in 0..<2 { #expect(try await gateway.client.push([commit]).status == 202) }
                let part = try await sink("slack", of: commit.id, in: "delivered") { !$0.ends.isEmpty }
                #expect(part.ends.map(\.outcome) == ["deduplicated"] && part.attempts.count == 1)
                let message = try #require(try await document(commit.id).messages.first)
                #expect(message.takenIn.count == 2 && message.queue.map(\.offset) == [1, 2])
            }
        }

        @Test func anEventThatIsPoisonedSaysWhy() async throws {
            let slack = try FakeSlack()
            try await withGateway(in: directory, slack: slack) { gateway in
                slack.behave { _ in .status(400, body: "invalid_payload") }
                let commit = StubCommit()
                #expect(try await gateway.client.push([commit]).status == 202)
                let part = try await sink("slack", of: commit.id, in: "poisoned")
                #expect(part.attempts.map(\.result) == ["refused"] && part.reason?.isEmpty == false)
                #expect(part.attempts.first?.reason == part.reason && part.waitsFor.isEmpty)
                #expect(try await why(commit.id).output.contains("slack: poisoned at 20"))
            }
        }

        @Test func anEventForASinkThatIsPausedSaysSinceWhen() async throws {
            let slack = try FakeSlack()
            try await withGateway(in: directory, slack: slack) { gateway in
                let client = ControlClient(directory: directory.path + "/data")
                _ = try await client.pause("slack", reason: "the channel moves")
                let commit = StubCommit()
                #expect(try await gateway.client.push([commit]).status == 202)
                var part: Sink?
                try await eventually("it waits for the pause") {
                    part = (try? await document(commit.id))?.messages.first?.sinks.first { $0.sink == "slack" }
                    return part?.waitsFor.first?.what == "pause"
                }
                #expect(part?.waitsFor.first?.words.contains("(the channel moves)") == true)
                #expect(part?.attempts.isEmpty == true)
                let reader = JournalReader(path: directory.path + "/data/journal.sqlite")
                try await eventually("the journal knows") {
                    try await reader.lastEvents(limit: 1).first?.kind == .paused
                }
                _ = try await client.resume("slack")
                _ = try await sink("slack", of: commit.id, in: "delivered")
                try await eventually("the journal knows") {
                    try await reader.lastEvents(limit: 1).first?.kind == .resumed
                }
            }
        }

        // MARK: Ends of the program, and none

        @Test func whatWasWrittenBeforeAKillStaysReadable() async throws {
            let slack = try FakeSlack()
            let process = try SluiceProcess(sinkEnvironment(nil, slack), in: directory)
            let client = try await process.client()
            let commit = StubCommit()
            #expect(try await client.push([commit]).status == 202)
            _ = try await sink("slack", of: commit.id, in: "delivered")
            process.signal(SIGKILL)
            #expect(try await process.exitStatus() == -SIGKILL)
            _ = try await sink("log-to-slack", of: commit.id, in: "delivered")
            let second = try SluiceProcess(sinkEnvironment(nil, slack), in: directory)
            _ = try await second.client()
            _ = try await sink("slack", of: commit.id, in: "delivered")
            let reader = JournalReader(path: directory.path + "/data/journal.sqlite")
            let kinds = try await reader.lastEvents(limit: 10).map(\.kind)
            #expect(kinds.contains(.endedUncleanly) && kinds.first != .stopped, "\(kinds)")
            second.signal(SIGTERM)
            #expect(try await second.exitStatus() == 0)
            let last = try await JournalReader(path: reader.path, isLive: false).lastEvents(limit: 1)
            #expect(last.map(\.kind) == [.stopped])
        }

        @Test func theJournalOfARunningGatewayMayBeDeleted() async throws {
            let slack = try FakeSlack()
            try await withGateway(in: directory, slack: slack) { gateway in
                let commits = [StubCommit(), StubCommit()]
                #expect(try await gateway.client.push([commits[0]]).status == 202)
                _ = try await sink("slack", of: commits[0].id, in: "delivered")
                for suffix in ["", "-wal", "-shm"] {
                    try? FileManager.default.removeItem(atPath: directory.path + "/data/journal.sqlite" + suffix)
                }
                #expect(try await gateway.client.push([commits[1]]).status == 202)
                _ = try await sink("slack", of: commits[1].id, in: "delivered")
                #expect(try await why(commits[0].id).status == 1)
                let ready = try await gateway.client.ready()
                #expect(ready.status == 200 && ready.text.contains("journal: it was made again at 20"))
            }
        }

        @Test func withoutAJournalTheLogKnowsWhereAMessageIs() async throws {
            let slack = try FakeSlack()
            try await withGateway(in: directory, slack: slack) {
                $0.journalRetention = .zero
            } _: { gateway in
                slack.behave { _ in .status(429, headers: ["Retry-After": "600"]) }
                let commit = StubCommit()
                #expect(try await gateway.client.push([commit]).status == 202)
                #expect(!FileManager.default.fileExists(atPath: directory.path + "/data/journal.sqlite"))
                let push = CommitPushed(
                    id: commit.id, message: "", author: "", occurredOn: .now(), repository: Stub.repository)
                let id = Event.commitPushed(push).messageID.description
                _ = try await sink("slack", of: id, in: "in_hand") { $0.waitsFor.contains { $0.what == "retry_after" } }
                let unknown = try await why(commit.id)
                #expect(unknown.status == 1 && unknown.output.contains("there is no journal (JOURNAL_RETENTION)"))
            }
        }

        @Test func withoutGatewayAndJournalItEndsWith2() async throws {
            let none = try await why("0123456789abcdef")
            #expect(none.status == 2 && none.output.contains("no gateway that takes commands runs"), "\(none.output)")
        }

        @Test func onKafkaTheStoryIsWhatTheJournalAndThePositionsSay() async throws {
            let slack = try FakeSlack()
            let kafka = try KafkaForTests(realGroups: true)
            try await withGateway(in: directory, slack: slack) {
                kafka.use(in: &$0)
            } _: { gateway in
                let (first, second) = (StubCommit(), StubCommit())
                #expect(try await gateway.client.push([first]).status == 202)
                _ = try await sink("slack", of: first.id, in: "delivered")
                let message = try #require(try await document(first.id).messages.first)
                #expect(message.takenIn.map(\.route) == ["github-to-log"] && message.queue.count == 1)
                slack.behave { _ in .status(429, headers: ["Retry-After": "600"]) }
                #expect(try await gateway.client.push([second]).status == 202)
                let part = try await sink("slack", of: second.id, in: "in_hand") { !$0.attempts.isEmpty }
                #expect(part.waitsFor.contains { $0.what == "retry_after" && $0.until != nil }, "\(part)")
            }
        }

        // MARK: What else the journal is told

        @Test func reloadsAndSinksThatComeAndGoAreEvents() async throws {
            let slack = try FakeSlack()
            func text(_ rate: String, _ more: String = "") -> String {
                """
                sources: {github: {kind: github}}
                destinations: {slack: {throttle: {rate: \(rate)}}}
                sinks:
                  slack: {kind: slack, webhook: "\(slack.url)\(FakeSlack.path)"}
                \(more)
                """
            }
            let file = try FileForTests(text("1/s"))
            try await file.run { running in
                let reader = JournalReader(path: file.directory.path + "/data/journal.sqlite")
                func events() async throws -> [JournalEvent] { try await reader.lastEvents(limit: 50) }
                let other = "  other: {kind: slack, webhook: \"\(slack.url)\(FakeSlack.path)\"}"
                try file.write(text("2/s", other))
                try await running.gateway.reload()
                func reloaded(_ event: JournalEvent) -> Bool { event.detail?.contains("throttle") == true }
                try await eventually("the journal knows") {
                    let events = try await events()
                    return events.contains { $0.kind == .sinkBegan && $0.subject == "other" }
                        && events.contains(where: reloaded)
                }
                let reload = try #require(try await events().first(where: reloaded))
                let detail = try #require(reload.detail)
                #expect(detail.contains("destinations.slack.throttle.rate (sluice.yaml:2)"), "\(detail)")
                #expect(detail.contains("sinks.other") && !detail.contains("secret-of-slack"))
                try file.write(text("2/s", "  nonsense: 1"))
                await #expect(throws: (any Error).self) { try await running.gateway.reload() }
                try file.write(text("2/s"))
                try await running.gateway.reload()
                try await eventually("the journal knows") {
                    let kinds = try await events().map(\.kind)
                    return kinds.contains(.reloadRefused) && kinds.contains(.sinkEnded)
                }
            }
        }

        @Test func theJournalShowsItsMetrics() async throws {
            let slack = try FakeSlack()
            try await withGateway(in: directory, slack: slack) { gateway in
                #expect(try await gateway.client.push([StubCommit()]).status == 202)
                try await eventually("the attempts are counted") {
                    let metrics = try await gateway.client.metrics()
                    // At the webhook's route, Slack's and the gateway's own two.
                    return metrics.value("sluice_journal_attempts_total") == 4
                        && metrics.value("sluice_journal_dropped_total") == 0
                        && metrics.value("sluice_journal_bytes") ?? 0 > 0
                        && metrics.value("sluice_journal_oldest_timestamp_seconds") ?? 0 > 0
                }
            }
        }

        /// With the gateway, and without it.
        @Test(arguments: [true, false])
        func anIncidentIsFoundByItsID(_ isRunning: Bool) async throws {
            let slack = try FakeSlack()
            func check() async throws {
                let found = try await sink(
                    isRunning ? "slack" : "log-to-slack-facts", of: "outage 7", in: "delivered")
                #expect(found.route == "log-to-slack-facts")
                let told = try await document("outage 7").messages
                #expect(told.map(\.event) == ["incidentOpened"] && told.map(\.incident) == ["outage 7"])
                #expect(told.map(\.key) == ["web"] && told.allSatisfy { $0.githubDelivery == nil && $0.commit == nil })
                #expect(told.flatMap(\.takenIn).map(\.route) == ["incidents-to-log"])
                #expect(told.flatMap(\.queue).count == 1)
                #expect(
                    Set(told.flatMap(\.sinks).map(\.route)).isSubset(of: ["log-to-slack-facts", "facts-to-ledger"]))
            }
            try await withGateway(in: directory, slack: slack) {
                $0.sources.append(ConfiguredSource("incidents", IncidentsSource()))
                $0.change("slack") { sink in
                    sink.only = EventFilter([.init(event: [.incidentOpened])])
                    sink.start = .beginning
                }
            } _: { gateway in
                let body = #"{"id":"outage 7","service":"web","opened":"\#(RFC3339.format(.now()))"}"#
                #expect(
                    try await gateway.client.send("POST", "/webhooks/incidents", body: Array(body.utf8)).status == 202)
                try await eventually("Slack has it") { slack.posts.count == 1 }
                if isRunning { try await check() }
            }
            if !isRunning { try await check() }
        }
    }
}

/// Says yes so many times.
private final class Counter: Sendable {
    private let left: Atomic<Int>

    init(_ count: Int) { left = Atomic(count) }

    func takeOne() -> Bool { left.wrappingSubtract(1, ordering: .relaxed).oldValue > 0 }
}
