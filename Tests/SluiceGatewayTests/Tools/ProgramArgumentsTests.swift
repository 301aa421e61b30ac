import Foundation
import GatewayTestSupport
import SluiceGateway
import SluiceTesting
import Testing

/// What the program says of arguments that it cannot use.
@Suite(.enabled(if: SluiceProcess.executable != nil, "needs the program"))
struct ProgramArgumentsTests {
    private func run(_ arguments: [String], _ environment: [String] = []) async throws -> (
        status: Int32, output: String
    ) {
        let program = try #require(SluiceProcess.executable).path
        return try await runTool(environment + [program] + arguments, in: try TemporaryDirectory())
    }

    private static let address = "amqp://bob:hunter2@h"

    static let misplaced: [[String]] = [
        ["publish", "--to", "\(address)/a/b", "t"],
        ["publish", "--to=\(address)/a/b", "t"],
        ["publish", "--to", "amqp://bob:hunter2", "t"],
        ["publish", "--to", "amq://bob:hunter2@h", "t"],
        ["publish", "--to", "kafka://bob:hunter2@h:9092", "t"],
        ["publish", "--to", "kafka://hunter2", "t"],
        ["publish", "--to", "http://bob:hunter2@h", "t"],
        ["publish", "--to", "hunter2", "t"],
        ["publish", "--to", "amqp://h", address],
        ["publish", "--to", "amqp://h", "t", address],
        ["publish", "--to", "amqp://h", "t", "one", address],
        ["publish", "--to", "amqp://h", "--metadata", "hunter2", "t"],
        ["publish", "--to", "amqp://h", "--metadata", "=hunter2", "t"],
        ["publish", "--to", "amqp://h", "--format", address, "t"],
        ["publish", "--to", "amqp://h", "--key", address, "t"],
        ["publish", "--to", "amqp://h", "--tp", address, "t"],
        ["publish", "--too=\(address)", "t"],
        ["publish", "--to", "amqp://h", "--password-hunter2", "t"],
        ["publish", "--to", "amqp://h", "-bob", "t"],
        ["publish", "--to", "amqp://h", "-p", "hunter2", "t"],
        ["publish", "--to", "--hunter2", "t"],
        ["publish", address],
        ["consume", "--from", "\(address)/a/b", "t"],
        ["consume", "--from", "amqp://h", "--group", address, "t"],
        ["consume", "--from", "sqlite:x", "--start", address, "t"],
        ["consume", "--from", "sqlite:x", "--count", address, "t"],
        ["consume", "--from", "sqlite:x", "--count=hunter2", "t"],
        ["consume", "--from", "sqlite:x", "--idle", "hunter2", "t"],
        ["consume", "--from", "sqlite:x", "--peek=hunter2", "t"],
        ["consume", "--from", "sqlite:x", address],
        ["health", "--address", "bob:hunter2@h:1"],
        ["health", "--timeout", "hunter2"],
        ["health", address],
        ["dashboards", "--out", address],
        ["rules", "--force=hunter2", "--out", "x"],
        ["run", address],
        ["run", "--to", address],
        ["metrics", "hunter2"],
        ["groups", address],
        ["groups", "list", "--format", address],
        ["groups", "list", "--data", address],
        ["groups", "seek", "g", "--to", "hunter2"],
        ["groups", "seek", address, "--to", "end"],
        ["groups", "seek", "g", "--topic", address, "--to", "end"],
        ["groups", "remove", address],
        ["groups", "remove", "g", "--hunter2"],
        ["pause", address],
        ["pause", "slack", "hunter2"],
        ["pause", "slack", "--data", address],
        ["pause", "slack", "--hunter2"],
        ["resume", address],
        ["resume", "slack", "--reason", "hunter2"],
        ["backup", address],
        ["backup", "--data=x", "dir", "hunter2"],
        [address],
        ["--to", address],
        ["--hunter2"],
        ["--generate-completion-script=hunter2"],
        ["publish", "--to", "amqp://h", "t", "x\n'hunter2' '--to'\n"],
        ["publish", "--to", "amqp://h", "t", "x' --to 'hunter2", "--to"],
    ]

    @Test(arguments: misplaced)
    func aMisplacedPasswordIsNeverRepeated(arguments: [String]) async throws {
        let answer = try await run(arguments)
        #expect(answer.status == 64, "\(answer.output)")
        #expect(!answer.output.contains("hunter2") && !answer.output.contains("bob"), "\(answer.output)")
        #expect(answer.output.hasPrefix("Error: ") && answer.output.contains("Usage: sluice"))
    }

    @Test func whatIsWrongIsSaidAllTheSame() async throws {
        for (arguments, words) in [
            (["publish", "t"], "Missing expected argument '--to <address>'"),
            (["publish", "--to"], "Missing value for '--to <address>'"),
            (["publish", "--to", "x", "t"], "--to: expected sqlite:PATH"),
            (["publish", "--to", "amqp://h/a/b", "t"], "write it as %2f"),
            (["publish", "--to", "sqlite:x", "--meta=1", "t"], "Unknown option"),
            (["publish", "--to", "sqlite:x", "--metadta=1", "t"], "Did you mean '--metadata'?"),
            (["publish", "--to", "sqlite:x", "t", "u"], "Unexpected argument"),
            (["publish", "--to", "sqlite:x", "t", "u", "v"], "2 unexpected arguments"),
            (["publish", "--to", "sqlite:x"], "Missing expected argument '<topic>'"),
            (["publish", "--to", "sqlite:x", ""], "<topic>: expected"),
            (["consume", "--from", "sqlite:x", "--count", "0", "t"], "--count: expected a whole number from 1"),
            (["rules", "--force=1", "--out", "x"], "'--force' takes no value"),
            (["poison", "retry", "--all", "--canary", "999"], "--canary: expected 0 to 100"),
            (["poison", "retry", "--all", "--max-failures", "120%"], "--max-failures: expected a share such as 20%"),
            (["poison", "retry", "--all", "--rate", "0/s"], "--rate: expected one such as 5/s or 30/m"),
            (["replay", "--to", "slack", "--rate", "fast"], "--rate: expected one such as 5/s or 30/m"),
        ] {
            let answer = try await run(arguments)
            #expect(answer.status == 64 && answer.output.contains(words), "\(arguments): \(answer.output)")
        }
    }

    /// Secrets that come by the environment are not shown either.
    @Test func variablesAreNotRepeated() async throws {
        for environment in ["AMQP_URI=\(Self.address)/a/b", "AMQP_URI=bob:hunter2"] {
            let answer = try await run(["consume", "--from", "amqp:", "t"], [environment])
            #expect(answer.status == 64 && !answer.output.contains("hunter2"), "\(answer.output)")
        }
        for (variable, value) in [
            ("KAFKA_BROKERS", "bob:hunter2@h:9092"), ("KAFKA_BROKERS", "hunter2"), ("AMQP_URI", "amqp://bob:hunter2"),
            ("GRAFANA_URL", "http://bob:hunter2@h"), ("KAFKA_PROPERTIES", "hunter2"), ("BIND_ADDR", "hunter2"),
            ("SLACK_WEBHOOK_URL", "hunter2"), ("METRICS_BIND_ADDR", "hunter2"), ("LOG_LEVEL", "hunter2"),
            ("SHUTDOWN_TIMEOUT", "hunter2"), ("AMQP_QUEUE", "amq.hunter2"), ("KAFKA_TOPIC", "hunter2!"),
        ] {
            let answer = try await run(["run"], ["\(variable)=\(value)"])
            #expect(answer.status == 78 && !answer.output.contains("hunter2"), "\(variable): \(answer.output)")
            #expect(answer.output.contains(variable))
        }
    }

    /// As `sluice run` finds them: in `.env`, for what the environment does not set.
    @Test func theBrokersVariablesAreReadFromTheFileToo() async throws {
        let directory = try TemporaryDirectory()
        let program = try #require(SluiceProcess.executable).path
        func consume(_ environment: String = "") async throws -> (status: Int32, output: String) {
            let command = "cd \(directory.path) && \(environment) exec \(program) consume --from amqp: t"
            return try await runTool(["-u", "AMQP_URI", "sh", "-c", command], in: directory)
        }
        #expect(try await consume().output.contains("or AMQP_URI to be set"))
        try Data("AMQP_URI=amqp://bob:hunter2@h/a/b\nOTHER=\u{FF}\n".utf8).write(
            to: URL(fileURLWithPath: directory.path + "/.env"))
        let answer = try await consume()
        #expect(answer.status == 64 && answer.output.contains("write it as %2f"), "\(answer.output)")
        #expect(!answer.output.contains("hunter2"))
        #expect(try await !consume("AMQP_URI=amqp://h:x").output.contains("%2f"))
        let settings = try GatewayConfiguration.brokerSettings(
            environment: ["KAFKA_GROUP": "g", "HOME": "/", "KAFKA_TOPIC": ""],
            dotEnv: "KAFKA_GROUP=f\nKAFKA_TOPIC=t\nGRAFANA_URL=x\n")
        #expect(settings["KAFKA_GROUP"] == "g" && settings["KAFKA_TOPIC"] == "t" && settings["GRAFANA_URL"] == nil)
    }

    /// Rows of options that an address cannot honour.
    static let refused: [([String], String)] = [
        (["consume", "--from", "amqp://127.0.0.1:1", "--start", "end"], "--start"),
        (["consume", "--from", "amqp://127.0.0.1:1", "--start", "beginning"], "--start"),
        (["consume", "--from", "amqp://127.0.0.1:1", "--start", "2026-01-02T00:00:00Z"], "--start"),
        (["consume", "--from", "amqps://127.0.0.1:1", "--group", "g"], "--group"),
        (["consume", "--from", "amqp://127.0.0.1:1", "--peek", "--count", "70000"], "--count"),
        (["consume", "--from", "http://127.0.0.1:1", "--start", "end"], "--start"),
        (["consume", "--from", "http://127.0.0.1:1", "--group", "g"], "--group"),
        (["consume", "--from", "http://127.0.0.1:1", "--peek"], "--peek"),
        (["consume", "--from", "http://192.0.2.1:1"], "--from"),
        (["consume", "--from", "https://127.0.0.1:1"], "--from"),
        (["consume", "--from", "http://:1"], "http"),
        (["consume", "--from", "sqlite:log", "--group", "g", "--start", "end"], "--start"),
        (["consume", "--from", "sqlite:log", "--group", "g", "--peek"], "--peek"),
        (["consume", "--from", "sqlite:log", "--group", ""], "--group"),
        (["consume", "--from", "kafka://127.0.0.1:1", "--group", "g", "--peek"], "--peek"),
        (["publish", "--to", "amqp://127.0.0.1:1", "--key", "k"], "--key"),
        (["publish", "--to", "http://127.0.0.1:1", "--key", "k"], "--key"),
        (["publish", "--to", "sqlite:log", "--key", ""], "--key"),
    ]

    @Test(arguments: refused)
    func anOptionThatTheAddressCannotHonourIsAUsageError(arguments: [String], option: String) async throws {
        let answer = try await run(arguments + ["t"])
        #expect(answer.status == 64, "\(answer.output)")
        #expect(answer.output.contains("Error: ") && answer.output.contains(option))
    }
}
