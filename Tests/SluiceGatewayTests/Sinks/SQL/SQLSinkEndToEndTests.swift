import Foundation
import GRDB
import GatewayTestSupport
import Glibc
import Sluice
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
