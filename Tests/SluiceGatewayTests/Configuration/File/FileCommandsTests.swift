import Foundation
import GatewayTestSupport
import Sluice
import SluiceSQLite
import SluiceTesting
import Testing

@testable import SluiceGateway

/// `sluice check`, `run --config` and `diff` as a person runs them.
@Suite(.timeLimit(.minutes(10)), .enabled(if: SluiceProcess.executable != nil, "needs the program"))
struct FileCommandsTests {
    private static let good = """
        sources:
          github: {kind: github}
        sinks:
          chat: {kind: slack, webhook: "http://127.0.0.1:9/${WORD}"}

        """

    private func sluice(
        _ file: FileForTests, _ environment: [String: String] = [:], _ arguments: String...
    ) async throws -> (status: Int32, out: String, err: String) {
        let process = try SluiceProcess(environment, arguments, in: file.directory)
        let status = try await process.exitStatus()
        return (status, process.standardOutput, process.errors)
    }

    @Test func checkEndsWith0For1ForWarningsAnd78ForFaults() async throws {
        let file = try FileForTests(Self.good, others: ["bad.yaml": "sinks: {chat: {kind: slak}}\n"])
        let word = ["WORD": "of-slack"]
        let fine = try await sluice(file, word, "check")
        #expect(fine.status == 0)
        #expect(fine.err == "sluice.yaml is well: sources github; queue the embedded log; sinks chat\n")
        let warned = word.merging(["SLACK_START": "now"]) { $1 }
        #expect(try await sluice(file, warned, "check").status == 0)
        let strict = try await sluice(file, warned, "check", "sluice.yaml", "--strict")
        #expect(strict.status == 1 && strict.err.hasPrefix("warning: SLACK_START is set and no longer counts"))
        #expect(try await sluice(file, word, "check", "--strict").status == 0)
        let bad = try await sluice(file, word, "check", "bad.yaml")
        #expect(bad.status == 78)
        #expect(
            bad.err.hasPrefix("bad.yaml:1:22: expected a kind, grafana, slack, http or sql: was slack meant?\n"),
            "\(bad.err)")
        #expect(try await sluice(file, ["SLUICE_CONFIG": "bad.yaml"], "check").status == 78)
        #expect(try await sluice(file, [:], "check").err.contains("4:32: the variable WORD is not set"))
        #expect(try await sluice(file, [:], "run", "--config", "bad.yaml").status == 78)
    }

    @Test func checkPrintsWhatIsInForceAndTheSchema() async throws {
        let file = try FileForTests(Self.good)
        let printed = try await sluice(file, ["WORD": "of-slack"], "check", "--print")
        #expect(printed.status == 0 && printed.out.contains("# built-in, of kind slack"))
        #expect(!printed.out.contains("of-slack"))
        let schema = try await sluice(file, [:], "check", "--schema")
        #expect(schema.status == 0)
        #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(schema.out.utf8)) }
    }

    /// The shell makes the file before the program looks for one.
    @Test func whatIsPrintedOfTheEnvironmentGoesIntoTheFile() async throws {
        let file = try FileForTests("")
        let environment = ["SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x"]
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: file.path))
        let process = try SluiceProcess(
            environment, ["check", "--print"], in: file.directory, standardOutput: output)
        #expect(try await process.exitStatus() == 0, "\(process.errors)")
        try output.close()
        let read = try await sluice(file, environment, "check")
        #expect(read.status == 0, "\(read)")
        #expect(
            read.err.contains("sluice.yaml is well: sources github, deployments; queue the embedded log; sinks slack"))
    }

    /// Nothing is delivered; a group for which messages wait is named with the line to write.
    @Test func connectTriesEachSinkAndNamesGroupsThatNoSinkReads() async throws {
        let (grafana, slack, gone) = (try FakeGrafana(), try FakeSlack(), try FakeSlack())
        gone.goDown()
        func text(_ password: String) -> String {
            """
            sources: {github: {kind: github}}
            sinks:
              graphs: {kind: grafana, url: "\(grafana.url)", credentials: "\(FakeGrafana.user):\(password)"}
              chat: {kind: slack, webhook: "\(slack.url)\(FakeSlack.path)"}

            """
        }
        let file = try FileForTests(text(FakeGrafana.password))
        let fine = try await sluice(file, [:], "check", "--connect")
        #expect(fine.status == 0, "\(fine)")
        #expect(fine.out.contains("ok    sinks.graphs: connected, the credentials are accepted\n"))
        #expect(fine.out.contains("ok    sinks.chat: connected, in the clear;"))
        #expect(slack.requests.isEmpty && grafana.annotations.isEmpty)

        try file.write(text("wrong") + "  away: {kind: slack, webhook: \"\(gone.url)\(FakeSlack.path)\"}\n")
        let bad = try await sluice(file, [:], "check", "--connect")
        #expect(bad.status == 1)
        #expect(bad.out.contains("FAIL  sinks.graphs: the credentials are refused\n"), "\(bad.out)")
        #expect(bad.out.contains("FAIL  sinks.away: request to away failed: connect_failed"))
        #expect(!bad.out.contains("secret-of-slack"))

        let log = try SQLiteLog.open(.init(path: DataDirectory(file.directory.path + "/data").log))
        _ = try await log.introduce([("log-to-old", .beginning)], topic: "events")
        try await log.publisher().publish([Message(payload: [1])], to: "events")
        await log.close()
        try file.write(text(FakeGrafana.password))
        let unread = try await sluice(file, [:], "check", "--connect")
        #expect(unread.status == 1)
        #expect(
            unread.out.contains("group log-to-old: no sink reads it, and 1 messages wait: write `group: log-to-old`"),
            "\(unread.out)")
    }

    /// What only the file says of the process, commands find there.
    @Test func commandsFindTheGatewayByItsFile() async throws {
        let (webhooks, metrics) = (try HeldPort(), try HeldPort())
        let file = try FileForTests(
            """
            process: {data: here, bind: "127.0.0.1:\(webhooks.number)", metrics_bind: "${ADDRESS}", metrics_token: "${TOKEN}"}
            sinks: {chat: {kind: slack, webhook: "http://127.0.0.1:9/x"}}

            """)
        let nothing = ["SLUICE_DATA": "", "BIND_ADDR": "", "METRICS_BIND_ADDR": ""]
        // What is needed for the rest of the file alone is not asked for.
        let own = nothing.merging(["ADDRESS": "127.0.0.1:\(metrics.number)"]) { $1 }
        let process = try SluiceProcess(own.merging(["TOKEN": "of-prometheus"]) { $1 }, ["run"], in: file.directory)
        try await eventually("it is ready; it said \(process.errors)") {
            try await sluice(file, own, "health").status == 0
        }
        let paused = try await sluice(file, own, "pause", "chat")
        #expect(paused.status == 0 && paused.out.contains("chat is paused"), "\(paused)")
        #expect(try await sluice(file, own, "diff", "sluice.yaml").status == 0)
        process.signal(SIGTERM)
        #expect(try await process.exitStatus() == 0)
        withExtendedLifetime((webhooks, metrics)) {}
        try file.write("process: [\n")
        let broken = try await sluice(file, own, "health")
        #expect(broken.status == 78 && broken.err.contains("sluice.yaml:"), "\(broken)")
        try file.write("process: {metrics_bind: nowhere}\n")
        let wrong = try await sluice(file, own, "health")
        #expect(wrong.status == 78 && wrong.err.contains("process.metrics_bind: expected an address"), "\(wrong)")
    }

    @Test func diffTellsWhatEachChangeTakesAndSIGHUPMakesThem() async throws {
        let file = try FileForTests(
            Self.good,
            others: [
                "same.yaml": Self.good, "bad.yaml": "sinks: []\n",
                "new.yaml": Self.good.replacing("of-slack", with: "x") + """
                      more: {kind: slack, webhook: "http://127.0.0.1:9/secret-marker", destination: chat}
                    defaults: {retry: {attempts: 3}}
                    queue: {retention: 9d}

                    """,
            ])
        let environment = ["WORD": "of-slack"]
        let process = try SluiceProcess(environment, ["run", "--config", "sluice.yaml"], in: file.directory)
        _ = try await process.client()
        let same = try await sluice(file, environment, "diff", "same.yaml")
        #expect(same.status == 0 && same.out == "nothing would change\n", "\(same)")
        let changed = try await sluice(file, environment, "diff", "new.yaml")
        #expect(changed.status == 1)
        let lines = changed.out.split(separator: "\n").map {
            $0.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
        }
        #expect(lines.contains("sinks.chat.retry.attempts: 8 → 3 live"), "\(changed.out)")
        #expect(lines.contains("+ sinks.more: kind slack live"))
        #expect(lines.contains("+ queue.retention: 9d needs a restart"))
        #expect(!changed.out.contains("secret-marker"))
        #expect(try await sluice(file, environment, "diff", "bad.yaml").status == 78)
        try file.write(
            String(
                decoding: FileManager.default.contents(atPath: "\(file.directory.path)/new.yaml") ?? Data(),
                as: UTF8.self))
        process.signal(SIGHUP)
        try await eventually("it is reloaded") { process.errors.contains("the configuration was reloaded") }
        #expect(process.errors.contains("a restart is needed"))
        let after = try await sluice(file, environment, "diff", "new.yaml")
        #expect(after.status == 1 && after.out.split(separator: "\n").count == 1, "\(after.out)")
        process.signal(SIGTERM)
        #expect(try await process.exitStatus() == 0)
        #expect(try await sluice(file, environment, "diff", "new.yaml").status == 2)
    }
}
