import ArgumentParser
import SluiceGateway

/// `sluice test`: policies have unit tests.
struct TestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Try policies in scenarios, in virtual time.",
        discussion: """
            A scenario is a file in YAML: the policies to try, written as in sluice.yaml; the events that come; what each \
            destination answers, and when; and what is expected then. It runs the gateway's own middlewares, workers and \
            destinations, with an hour in less than a second, and touches no network and no disk.

              scenario: Slack asks to wait
              destinations:
                slack: {retry_after: {maximum: 1h, jitter: 10%}}
              sinks:
                slack: {kind: slack}
              arrivals: every 5s for 5m
              answers:
                slack:
                  latency: 80ms
                  when:
                    - {times: 1, status: 429, retry_after: 30s}
              expect:
                - {delivered: all, by: 6m}
                - {attempts: 0, from: 100ms, to: 30s}
                - {order: kept, poisoned: none}

            One that comes out as expected is a line with its figures. One that does not shows what was expected and what came, \
            and a timeline: when, which event, which attempt, what was answered, what it waited for, and why. A seed repeats \
            a run exactly. Every key is in docs/SCENARIOS.md; examples are in Examples/scenarios.

            Ends with 0 when all is as expected, 1 when something is not, 78 when a file is at fault: each fault is a line \
            with file, line and column.

              sluice test Examples/scenarios
              sluice test --verbose --seed 7 outage.yaml
              sluice test --seeds 100 outage.yaml
            """)

    @Flag(
        name: .shortAndLong, help: "Print every expectation and the whole timeline, also of what comes out as expected."
    )
    var verbose = false

    @Option(name: .long, help: "text, or json (an object a line).")
    var format = "text"

    @Option(name: .long, help: ArgumentHelp("Run with this seed instead of the file's.", valueName: "number"))
    var seed: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Run each with so many seeds, one after the other, until it does not come out as expected.",
            valueName: "count"))
    var seeds: String?

    @Option(name: .long, help: ArgumentHelp("Only scenarios whose name or file has this in it.", valueName: "text"))
    var filter: String?

    @Flag(name: .long, help: "List the scenarios instead of running them.")
    var list = false

    @Argument(help: ArgumentHelp("Scenario files, or directories of them.", valueName: "file"))
    var files: [String]

    func run() async throws {
        guard ["text", "json"].contains(format) else { throw UsageError("--format: expected text or json") }
        let seed = try seed.map { text throws(UsageError) in try Arguments.wholeNumber(text, "--seed") }
        let seeds = try seeds.map { text throws(UsageError) in try Arguments.count(text, "--seeds") } ?? 1
        let tool = ScenarioTool(seed: seed, seeds: seeds)
        var outcomes = Outcomes()
        try await Tool.run {
            for path in try ScenarioTool.paths(files) { try await run(path, tool, &outcomes) }
            if !list, format == "text", outcomes.all != 1 { try Tool.write(Array(outcomes.summary.utf8)) }
        }
        if outcomes.faulty > 0 { throw ExitCode(ExitStatus.faultyFile) }
        if outcomes.failed > 0 { throw ExitCode.failure }
    }

    /// A file with faults keeps no other from being tried.
    private func run(_ path: String, _ tool: ScenarioTool, _ outcomes: inout Outcomes) async throws {
        let file: ScenarioTool.File
        do {
            file = try ScenarioTool.read(path)
        } catch let error as FileFaults {
            Tool.say("\(error)")
            outcomes.faulty += 1
            return
        }
        if let filter, !file.title.contains(filter), !path.contains(filter) { return }
        if list { return try Tool.write(Array("\(path)  \(file.title)\n".utf8)) }
        let result: ScenarioResult
        do {
            result = try await tool.run(file)
        } catch {
            // What keeps one from running keeps no other.
            Tool.say("\(path): \(error)")
            outcomes.failed += 1
            return
        }
        if result.isMet { outcomes.passed += 1 } else { outcomes.failed += 1 }
        let text =
            format == "json"
            ? result.json(isVerbose: verbose) : result.text(isVerbose: verbose, colours: Terminal.colours)
        try Tool.write(Array(text.utf8))
    }

    private struct Outcomes {
        var passed = 0
        var failed = 0
        var faulty = 0

        var all: Int { passed + failed + faulty }

        var summary: String {
            var parts = ["\(passed) as expected"]
            if failed > 0 { parts.append("\(failed) not") }
            if faulty > 0 { parts.append("\(faulty) with faults") }
            return "\n\(parts.joined(separator: ", "))\n"
        }
    }
}
