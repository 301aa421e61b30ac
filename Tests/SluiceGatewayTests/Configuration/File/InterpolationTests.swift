import Foundation
import GatewayTestSupport
import Testing

@testable import SluiceGateway

/// `${…}` in a file, several files as one, and the environment beside them.
struct InterpolationTests {
    private func data(_ written: String, _ environment: [String: String], _ others: [String: String] = [:]) throws
        -> String?
    {
        let file = try FileForTests("process:\n  data: \(written)\n", others: others)
        return try file.read(environment).dataDirectory
    }

    @Test(arguments: [
        ("${X}", "value"), ("\"a/${X}/b\"", "a/value/b"), ("${X}${X}", "valuevalue"), ("${NONE:-other}", "other"),
        ("${X:-other}", "value"), ("${EMPTY:-other}", "other"), ("$${X}", "${X}"), ("a$b", "a$b"), ("$Y", "$Y"),
        ("${NONE:-}x", "x"), ("${NONE:-a:-b}", "a:-b"), ("'${X}'", "value"), ("${file:word}", "of-the-file"),
        ("${file:lines}", "a"), ("${file:windows}", "a"), ("${QUOTED}", "'\"{a: b}"),
    ])
    func putsWhatItNamesInItsPlace(written: String, value: String) throws {
        let environment = ["X": "value", "EMPTY": "", "QUOTED": "'\"{a: b}"]
        let others = ["word": "of-the-file\n", "lines": "a\n", "windows": "a\r\n"]
        #expect(try data(written, environment, others) == value)
    }

    /// A value is a value, whatever stands in it.
    @Test func whatStandsInAVariableIsNeverStructure() throws {
        let hostile = "x\n  log_level: debug # ${Y}"
        let file = try FileForTests("process:\n  metrics_token: ${X}\n")
        #expect(file.faults(["X": hostile]) == ["2:18: expected visible ASCII characters without spaces"])
    }

    @Test func everyReferenceThatIsNotSetIsToldAtItsPlace() throws {
        let file = try FileForTests("process:\n  data: ${A}/${B}\n  log_level: ${C}\n${D}: x\n")
        #expect(
            file.faults() == [
                "2:9: the variable A is not set: set it, or write ${A:-default}",
                "2:9: the variable B is not set: set it, or write ${B:-default}",
                "3:14: the variable C is not set: set it, or write ${C:-default}",
                "4:1: the key … is not known here; there are process, queue, journal, defaults, destinations, sources, "
                    + "sinks and simulator",
            ])
    }

    @Test func variablesMayStandInTheFileOfTheEnvironment() throws {
        let file = try FileForTests("process:\n  data: ${MY_OWN}\n")
        let configuration = try GatewayConfiguration(file: file.path, environment: [:], dotEnv: "MY_OWN=from-dot-env\n")
        #expect(configuration.dataDirectory == "from-dot-env")
        #expect(!configuration.warnings.contains { $0.contains("MY_OWN") })
    }

    @Test func aVariableThatTheFileNamesIsNoTypo() throws {
        let file = try FileForTests("process:\n  data: ${SLUICE_DIRECTORY}\n")
        #expect(try file.read(["SLUICE_DIRECTORY": "d"]).warnings == [])
        #expect(try file.read(["SLUICE_DIRECTORY": "d", "SLUICE_OTHER": "d"]).warnings.count == 1)
    }

    // MARK: Directories

    @Test func filesOfADirectoryAreOneConfiguration() throws {
        let file = try FileForTests(
            "sinks:\n  a: {kind: slack, webhook: \"https://a.example\", destination: chat}\n",
            others: [
                "b.yml": "sinks:\n  b: {kind: slack, webhook: \"https://b.example\", destination: chat}\n",
                "c.yaml": "destinations:\n  chat: {throttle: {rate: 5/m}}\n", "notes.txt": "no: [yaml",
                ".hidden.yaml": "no: [yaml", "z.yaml": "# nothing\n",
            ])
        let configuration = try file.read(whole: true)
        #expect(configuration.sinks.map(\.name).sorted() == ["a", "b"])
        #expect(configuration.inForce["destinations.chat.throttle.rate"]?.text == "5/m")
        #expect(configuration.inForce["destinations.chat.throttle.rate"]?.origin.description == "c.yaml:2")
    }

    @Test func nothingStandsInTwoFilesOfADirectory() throws {
        let file = try FileForTests(
            "sinks:\n  a: {kind: slack, webhook: \"https://a.example\"}\nqueue: {kind: log}\n",
            others: [
                "b.yaml":
                    "sinks:\n  a: {kind: slack, webhook: \"https://b.example\"}\nqueue: {retention: 5d, kind: log}\n",
                "c.yaml": "wrong\n", "a.yaml": "sinks: []\n",
            ])
        #expect(
            file.faults(whole: true)
                == [
                    "a.yaml:1:8: expected a mapping whose keys are names, not an empty list",
                    "b.yaml:1:1: sinks stands in \(file.directory.path)/a.yaml:1 too",
                    "c.yaml:1:1: expected a mapping with sections such as sources and sinks",
                    "sluice.yaml:1:1: sinks stands in \(file.directory.path)/a.yaml:1 too",
                    "sluice.yaml:3:9: queue.kind stands in \(file.directory.path)/b.yaml:3 too",
                ].map { $0.replacing(file.directory.path + "/", with: "") })
        let none = try TemporaryDirectory()
        let error = #expect(throws: FileFaults.self) { try GatewayConfiguration(file: none.path, environment: [:]) }
        #expect(error?.faults.map(\.text) == ["the directory has no files that end in .yaml or .yml"])
    }

    // MARK: The environment beside a file

    private static let sinks = "sinks:\n  chat: {kind: slack, webhook: \"https://a.example\"}\n"

    @Test func aVariableThatCountsNoMoreIsAWarning() throws {
        let file = try FileForTests(Self.sinks + "queue: {retention: 5d}\n")
        let warnings = try file.read([
            "SLACK_WEBHOOK_URL": "https://b.example", "SLACK_START": "beginning", "EVENT_RETENTION": "7",
            "SIMULATE_DEPLOYMENTS": "true",
        ]).warnings
        #expect(
            Set(warnings) == [
                "SLACK_WEBHOOK_URL is set and no longer counts: with a file, a sink of kind slack says it",
                "SLACK_START is set and no longer counts: with a file, a sink of kind slack says it",
                "EVENT_RETENTION is set and no longer counts: with a file, queue says it",
                "SIMULATE_DEPLOYMENTS is set and no longer counts: with a file, simulator says it",
            ])
    }

    @Test func aSecretTokenOrBrokerThatTheFileLeavesOutIsAFault() throws {
        let file = try FileForTests(Self.sinks + "sources:\n  github: {kind: github}\n")
        #expect(
            file.faults([
                "GITHUB_WEBHOOK_SECRET": "s", "KAFKA_BROKERS": "b:9092", "GRAFANA_TOKEN": "t", "AMQP_URI": "amqp://x",
            ]) == [
                "1:1: AMQP_URI is set, and a source of kind deployments in this file has no amqp.uri: write "
                    + "amqp.uri: ${AMQP_URI} there, or unset it",
                "1:1: GITHUB_WEBHOOK_SECRET is set, and a source of kind github in this file has no secret: write "
                    + "secret: ${GITHUB_WEBHOOK_SECRET} there, or unset it",
                "1:1: GRAFANA_TOKEN is set, and a sink of kind grafana in this file has no token: write "
                    + "token: ${GRAFANA_TOKEN} there, or unset it",
                "1:1: KAFKA_BROKERS is set, and queue in this file has no brokers: write "
                    + "brokers: ${KAFKA_BROKERS} there, or unset it",
            ])
        let named = try FileForTests(
            Self.sinks + "sources:\n  github: {kind: github, secret: \"${GITHUB_WEBHOOK_SECRET}\"}\n")
        #expect(try named.read(["GITHUB_WEBHOOK_SECRET": "s"]).warnings == [])
    }

    @Test func forWhatIsAboutTheProcessTheEnvironmentCountsMore() throws {
        let file = try FileForTests("process: {log_level: debug, shutdown_timeout: 5s, data: from-file}\n")
        let configuration = try file.read(["LOG_LEVEL": "error", "SLUICE_DATA": "from-environment"])
        #expect(configuration.warnings == [])
        #expect(configuration.dataDirectory == "from-environment")
        #expect(configuration.shutdownTimeout == .seconds(5))
        let values = configuration.inForce
        #expect(values["process.log_level"]?.text == "error")
        #expect(values["process.log_level"]?.origin == .environment("LOG_LEVEL"))
        #expect(values["process.shutdown_timeout"]?.origin.description == "sluice.yaml:1")
    }

    @Test func whatIsWrongWithTheEnvironmentIsToldAsThat() throws {
        let file = try FileForTests(Self.sinks)
        #expect(throws: EnvironmentError.self) { try file.read(["LOG_LEVEL": "loud"]) }
    }
}
