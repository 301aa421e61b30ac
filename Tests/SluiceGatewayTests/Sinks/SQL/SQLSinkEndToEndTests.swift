import Foundation
import GRDB
import GatewayTestSupport
import Glibc
import Sluice
import SluiceSQLite
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// A gateway that keeps its events in a file for queries.
    struct SQLSinkEndToEndTests {
        private let directory: TemporaryDirectory

        init() throws { directory = try TemporaryDirectory() }

        private var path: String { directory.path + "/history.db" }

        private func commits() throws -> [String] {
            let database = try DatabaseQueue(path: path)
            defer { try? database.close() }
            return try database.read { try String.fetchAll($0, sql: "SELECT commit_id FROM events ORDER BY sequence") }
        }

        private func start() throws -> SluiceProcess {
            let file = directory.path + "/sluice.yaml"
            let text = """
                process: {data: "\(directory.path)/data"}
                sources:
                  github: {kind: github}
                sinks:
                  history: {kind: sql, path: "\(path)"}
                """
            try Data(text.utf8).write(to: URL(fileURLWithPath: file))
            return try SluiceProcess([:], ["run", "--config", file], in: directory)
        }

        @Test(.timeLimit(.minutes(10)), .enabled(if: SluiceProcess.executable != nil, "needs the program"))
        func everyEventIsThereOnceHoweverOftenTheProgramIsKilled() async throws {
            var accepted: [String] = []
            for _ in 0..<3 {
                let process = try start()
                let client = try await process.client()
                for _ in 0..<40 {
                    let commit = StubCommit()
                    if try await client.push([commit]).status == 202 { accepted.append(commit.id) }
                }
                let expected = accepted.count - 20
                try await eventually("some are written") {
                    FileManager.default.fileExists(atPath: path) && (try? commits().count) ?? 0 >= expected
                }
                process.signal(SIGKILL)
                #expect(try await process.exitStatus() == -SIGKILL)
            }
            let process = try start()
            _ = try await process.client()
            try await eventually("all are written") { try commits().count >= accepted.count }
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
            // In order, and once.
            #expect(try commits() == accepted)
        }

        /// What waits is written in few transactions: what one writes has one time.
        @Test func manyEventsThatWaitShareATransaction() async throws {
            let slack = try FakeSlack()
            let data = directory.path + "/data"
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            let log = try SQLiteLog.open(.init(path: data + "/events.sqlite"))
            let pushes = FactFixtures.events(of: FactFixtures.push(1...600, at: 1))
            let deployed = (1...100).map { FactFixtures.deployment(of: $0, at: 2) }
            try await log.publisher(key: Event.orderingKeySelector).publish(
                (pushes + deployed).map { $0.message() }, to: "events")
            await log.close()
            try await withGateway(in: directory, slack: slack) { configuration in
                var sink = ConfiguredSink("history", SQLSinkOptions(path: path), start: .beginning)
                sink.only = EventFilter([.init(event: [.commitPushed])])
                configuration.sinks.append(sink)
            } _: { gateway in
                try await eventually("all are written") { (try? commits().count) ?? 0 == 600 }
                let acked = ["handler_name": "log-to-history", "outcome": "acked"]
                let filtered = ["handler_name": "log-to-history", "outcome": "filtered"]
                try await eventually("all are settled") {
                    let metrics = try await gateway.client.metrics()
                    return metrics.value("sluice_deliveries_total", acked) == 600
                        && metrics.value("sluice_deliveries_total", filtered) == 100
                }
            }
            #expect(try commits() == (1...600).map(FactFixtures.commit))
            let database = try DatabaseQueue(path: path)
            let times = try await database.read { database in
                try Int.fetchOne(database, sql: "SELECT count(DISTINCT recorded) FROM events") ?? 0
            }
            #expect(times <= 100, "\(times) transactions")
            try database.close()
        }

        @Test func aNewFileBeginsWithTheBeginningAndADamagedOneHoldsIt() async throws {
            let slack = try FakeSlack()
            let options = SQLSinkOptions(path: path)
            let (first, second) = (StubCommit(), StubCommit())
            try await withGateway(in: directory, slack: slack) { gateway in
                #expect(try await gateway.client.push([first]).status == 202)
                try await eventually("Slack has it") { slack.pushes[first.id] != nil }
            }
            try await withGateway(in: directory, slack: slack) { configuration in
                configuration.sinks.append(ConfiguredSink("history", options, start: .beginning))
            } _: { gateway in
                try await eventually("what was there before") { (try? commits()) == [first.id] }
            }
            let good = try #require(FileManager.default.contents(atPath: path))
            try Data("text that is no database, however long".utf8).write(to: URL(fileURLWithPath: path))
            try await withGateway(in: directory, slack: slack) { configuration in
                configuration.sinks.append(ConfiguredSink("history", options, start: .beginning))
            } _: { gateway in
                #expect(try await gateway.client.push([second]).status == 202)
                try await eventually("it is said") {
                    try await gateway.client.ready().text.contains("the file \(path) cannot be used")
                }
                try good.write(to: URL(fileURLWithPath: path))
                try await eventually("it goes on") { (try? commits()) == [first.id, second.id] }
            }
        }
    }
}
