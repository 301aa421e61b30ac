import Foundation
import GatewayTestSupport
import SluiceTesting
import Testing

/// `sluice test` as a person runs it.
@Suite(.timeLimit(.minutes(10)), .enabled(if: SluiceProcess.executable != nil, "needs the program"))
struct TestCommandTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: "\(directory.path)/\(name)"))
    }

    private func sluice(_ arguments: String...) async throws -> (status: Int32, out: String, err: String) {
        let process = try SluiceProcess([:], ["test"] + arguments, in: directory)
        let status = try await process.exitStatus()
        return (status, process.standardOutput, process.errors)
    }

    private static let good = "scenario: Good\nsinks: {chat: {}}\narrivals: 2 at 0s\nexpect: {delivered: all}\n"
    private static let bad = "scenario: Bad\nsinks: {chat: {}}\narrivals: 2 at 0s\nexpect: {delivered: 1}\n"

    @Test func aScenarioThatComesOutAsExpectedIsALineAndEndsWith0() async throws {
        try write("good.yaml", Self.good)
        let (status, out, err) = try await sluice("good.yaml")
        #expect(status == 0)
        #expect(out.hasPrefix("ok    Good: 2 events; 2 attempts (1 each); 2 delivered; waits p50 0s"), "\(out)")
        #expect(err.isEmpty)
    }

    @Test func oneThatDoesNotEndsWith1AndOthersAreTriedAllTheSame() async throws {
        try write("a.yaml", Self.bad)
        try write("b.yaml", Self.good)
        try write("c.txt", "not a scenario")
        let (status, out, _) = try await sluice(".")
        #expect(status == 1)
        #expect(out.contains("FAIL  Bad"))
        #expect(out.contains("NOT MET: delivered  (./a.yaml:4)"), "\(out)")
        #expect(out.contains("ok    Good"))
        #expect(out.contains("1 as expected, 1 not\n"))
    }

    @Test func aFaultyFileEndsWith78AndOthersAreTriedAllTheSame() async throws {
        try write("a.yaml", "sinks: {chat: {}}\narivals: at 0s\nexpect: {delivered: soon}\n")
        try write("b.yaml", Self.bad)
        let (status, out, err) = try await sluice("a.yaml", "b.yaml")
        #expect(status == 78)
        #expect(err.contains("a.yaml:2:1: the key arivals is not known here: was arrivals meant?"))
        #expect(err.contains("a.yaml:3:21: expected all, or a number"), "\(err)")
        #expect(out.contains("FAIL  Bad"))
    }

    @Test(arguments: [["missing.yaml"], ["empty"]])
    func whatIsNotThereEndsWith78(arguments: [String]) async throws {
        try FileManager.default.createDirectory(atPath: "\(directory.path)/empty", withIntermediateDirectories: true)
        let (status, _, err) = try await sluice(arguments[0])
        #expect(status == 78)
        #expect(err.hasPrefix("error: the"))
    }

    @Test func verboseJSONListAndFilterDoWhatTheySay() async throws {
        try write("good.yaml", Self.good)
        try write("bad.yaml", Self.bad)
        let listed = try await sluice("--list", ".")
        #expect(listed.out == "./bad.yaml  Bad\n./good.yaml  Good\n")
        let filtered = try await sluice("--filter", "Good", ".")
        #expect(filtered.status == 0)
        let verbose = try await sluice("--verbose", "good.yaml")
        #expect(verbose.out.contains("as expected: delivered"))
        #expect(verbose.out.contains("0:00:00.000  #1  attempt 1: 200, delivered"), "\(verbose.out)")
        let json = try await sluice("--format", "json", ".")
        let lines = json.out.split(separator: "\n")
        #expect(lines.count == 2)
        for line in lines { _ = try JSONSerialization.jsonObject(with: Data(line.utf8)) }
        #expect(try await sluice("--format", "xml", ".").status == 64)
        #expect(try await sluice("--seed", "-1", ".").status == 64)
        #expect(try await sluice("--seeds", "0", ".").status == 64)
        #expect(try await sluice().status == 64)
    }

    @Test func manySeedsAreTriedUntilOneIsNotAsExpected() async throws {
        // Of two hundred draws from 0 to 1 s one is above 0.9.
        try write(
            "drawn.yaml",
            "seed: 1\nsinks: {chat: {}}\narrivals: at 0s\nanswers: {chat: {latency: 0s to 1s}}\n"
                + "expect: {waits: {longest: at most 900ms}}\n")
        let many = try await sluice("--seeds", "200", "--format", "json", "drawn.yaml")
        #expect(many.status == 1)
        #expect(!many.out.contains("\"seeds_tried\":200"), "\(many.out)")
        try write("good.yaml", Self.good)
        let good = try await sluice("--seeds", "3", "good.yaml")
        #expect(good.status == 0)
        #expect(good.out.contains("; seed 2, the last of 3\n"), "\(good.out)")
    }
}
