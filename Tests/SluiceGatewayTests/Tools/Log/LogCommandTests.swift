import Foundation
import GatewayTestSupport
import Sluice
import SluiceSQLite
import SluiceTesting
import Testing

@testable import SluiceGateway

/// `sluice log` as it is called.
@Suite(.timeLimit(.minutes(5)), .enabled(if: SluiceProcess.executable != nil, "needs the program"))
struct LogCommandTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func log(_ arguments: String...) async throws -> (status: Int32, output: String) {
        let program = try #require(SluiceProcess.executable).path
        return try await runTool(
            ["env", "-u", "KAFKA_BROKERS", program, "log"] + arguments, in: try TemporaryDirectory())
    }

    private func files() throws -> [String: Int] {
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        return try Dictionary(
            uniqueKeysWithValues: names.map { name in
                let attributes = try FileManager.default.attributesOfItem(atPath: "\(directory.path)/\(name)")
                return (name, attributes[.size] as? Int ?? 0)
            })
    }

    private func open() throws -> SQLiteLog {
        try SQLiteLog.open(SQLiteLog.Configuration(path: directory.path + "/events.sqlite"))
    }

    @Test func looksBesideARunningGatewayAndWithoutOneAndChangesNothing() async throws {
        let running = try open()
        try await running.publisher().publish((1...3).map { Message(text: "message \($0)") }, to: "events")
        let subscription = try await running.subscriber(group: "log-to-slack").subscribe(to: "events")
        for isRunning in [true, false] {
            if !isRunning {
                subscription.cancel()
                await running.close()
            }
            let before = try files()
            let topics = try await log("topics", "--data", directory.path)
            #expect(topics.status == 0 && topics.output.contains("events"), "\(topics.output)")
            #expect(topics.output.contains("1…3"), "\(topics.output)")
            let stats = try await log("stats", "--data", directory.path)
            #expect(stats.status == 0 && stats.output.contains("log-to-slack"), "\(stats.output)")
            #expect(stats.output.contains("of it free"), "\(stats.output)")
            let exact = try await log("stats", "--exact", "--format", "json", "--data", directory.path)
            #expect(exact.status == 0 && exact.output.contains("\"bytes_estimated\":false"), "\(exact.output)")
            #expect((try? JSONSerialization.jsonObject(with: Data(exact.output.utf8))) != nil)
            let tail = try await log("tail", "-n", "2", "--log", "sqlite:\(directory.path)")
            #expect(tail.status == 0 && tail.output.contains("message 3"), "\(tail.output)")
            #expect(!tail.output.contains("message 1") && !tail.output.contains("\u{1B}"), "\(tail.output)")
            let export = try await log("export", "--data", directory.path)
            #expect(export.status == 0 && export.output.hasSuffix("3 messages exported\n"), "\(export.output)")
            if !isRunning { #expect(try files() == before) }
            #expect(try files().keys.sorted() == before.keys.sorted())
        }
    }

    @Test func anArgumentThatCannotBeUsedEndsIt() async throws {
        for arguments in [
            ["tail", "--log", "amqp://bob:hunter2@h"], ["tail", "--log", "hunter2"],
            ["tail", "--log", "sqlite:x", "--data", "x"], ["tail", "-n", "hunter2"], ["tail", "-n", "100001"],
            ["tail", "--since", "hunter2"], ["tail", "--only", "hunter2"], ["tail", "--format", "hunter2"],
            ["topics", "--format", "hunter2"], ["stats", "--exact", "--log", "kafka://h:1"],
            ["tail", "--log", "kafka://h:1"], ["tail", "-n", "3", "--log", "kafka://h:1"],
            ["export", "--log", "kafka://h:1"], ["import", "--log", "kafka://h:1"], ["export", "amqp://bob:hunter2@h"],
        ] {
            let program = try #require(SluiceProcess.executable).path
            let answer = try await runTool([program, "log"] + arguments, in: try TemporaryDirectory())
            #expect(answer.status == 64 && !answer.output.contains("hunter2"), "\(arguments): \(answer.output)")
        }
    }

    @Test func anImportMakesTheDataDirectory() async throws {
        let program = try #require(SluiceProcess.executable).path
        let line = #"{"topic":"events","payload":"a","timestamp":"2026-01-02T03:04:05.678Z"}"# + "\n"
        let imported = try await runTool(
            [program, "log", "import", "--data", directory.path + "/new"], input: Array(line.utf8),
            in: try TemporaryDirectory())
        #expect(imported.status == 0 && imported.output == "1 messages imported\n", "\(imported.output)")
        let tail = try await log("tail", "--data", directory.path + "/new")
        #expect(tail.output.hasPrefix("2026-01-02T03:04:05.678Z  message "), "\(tail.output)")
        let mode = try FileManager.default.attributesOfItem(atPath: directory.path + "/new")[.posixPermissions] as? Int
        #expect(mode == 0o700)
    }

    @Test func aMissingLogIsSaid() async throws {
        for command in ["topics", "stats", "tail", "export"] {
            let answer = try await log(command, "--data", directory.path)
            #expect(answer.status == 1 && answer.output.contains("there is no such file"), "\(answer.output)")
        }
        #expect(try files().isEmpty)
    }
}
