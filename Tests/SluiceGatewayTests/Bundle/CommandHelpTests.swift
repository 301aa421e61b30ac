import Foundation
import GatewayTestSupport
import SluiceGateway
import SluiceTesting
import Testing

/// What the program says of itself, and the documents that are made of it.
@Suite(.timeLimit(.minutes(5)), .enabled(if: SluiceProcess.executable != nil, "needs the program"))
struct CommandHelpTests {
    private struct Command: Decodable {
        var commandName: String
        var discussion: String?
        var subcommands: [Command]?
    }

    private struct Dump: Decodable {
        var command: Command
    }

    private func run(_ arguments: String...) async throws -> (status: Int32, output: String) {
        let program = try #require(SluiceProcess.executable).path
        return try await runTool([program] + arguments, in: try TemporaryDirectory())
    }

    /// Every command with its whole name.
    private func commands() async throws -> [(name: String, command: Command)] {
        let text = try await run("--experimental-dump-help").output
        func all(_ command: Command, _ parent: String) -> [(String, Command)] {
            let name = parent + command.commandName
            return [(name, command)] + (command.subcommands ?? []).flatMap { all($0, name + " ") }
        }
        return all(try JSONDecoder().decode(Dump.self, from: Data(text.utf8)).command, "")
            // The parser's own.
            .filter { !$0.0.hasSuffix(" help") }
    }

    @Test func everyCommandHasAnExample() async throws {
        let commands = try await commands()
        #expect(commands.count > 25)
        for (name, command) in commands {
            let lines = (command.discussion ?? "").split(separator: "\n").map { $0.drop { $0 == " " } }
            #expect(lines.contains { $0.contains("\(name) ") || $0 == name }, "\(name) has no example")
        }
    }

    @Test func theHelpAndThePageSayWhatEveryExitStatusMeans() async throws {
        let help = try await run("--help").output
        let page = try String(contentsOf: Repository.file("docs/COMMANDS.md"), encoding: .utf8)
        for (status, meaning) in ExitStatus.meanings {
            let words = meaning.split(separator: " ").joined(separator: " ")
            #expect(help.split(whereSeparator: \.isWhitespace).joined(separator: " ").contains("\(status) \(words)"))
            #expect(page.contains("| \(status) | \(meaning) |"))
        }
        let statuses = [0, 1, 64, ExitStatus.noGateway, ExitStatus.cannotWrite, ExitStatus.faultyFile]
        for status in statuses { #expect(ExitStatus.meanings.contains { $0.status == "\(status)" }) }
    }

    @Test func everyDocumentThatIsMadeIsCurrent() async throws {
        let copy = try TemporaryDirectory()
        let manager = FileManager.default
        try manager.copyItem(at: Repository.file("docs"), to: URL(fileURLWithPath: copy.path + "/docs"))
        let made = try await run("documents", copy.path)
        #expect(made.status == 0, "\(made.output)")
        let names = try manager.contentsOfDirectory(atPath: copy.path + "/docs").map { "docs/\($0)" }
        for name in names + [".env-example"] {
            let isCurrent =
                manager.contents(atPath: "\(copy.path)/\(name)") == manager.contents(atPath: Repository.file(name).path)
            #expect(isCurrent, "\(name) is stale; run: make docs")
        }
        #expect(names.contains("docs/COMMANDS.md"))
    }
}
