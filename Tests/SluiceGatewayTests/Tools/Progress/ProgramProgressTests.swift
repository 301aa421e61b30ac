import Foundation
import GatewayTestSupport
import SluiceTesting
import Testing

/// What the program shows while it works, on a terminal and in a pipe.
@Suite(.timeLimit(.minutes(5)), .enabled(if: SluiceProcess.executable != nil, "needs the program"))
struct ProgramProgressTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// Publishes what comes through a pipe.
    private func publishing(_ input: Pipe, standardError: FileHandle? = nil) throws -> SluiceProcess {
        try SluiceProcess(
            ["TERM": "xterm"], ["publish", "--to", "sqlite:\(directory.path)/log.sqlite", "t"], in: directory,
            standardInput: input.fileHandleForReading, standardError: standardError)
    }

    @Test func aBarStandsOnATerminalWhileItTakesLongAndGoesBeforeTheLastWord() async throws {
        let (input, terminal) = (Pipe(), try PseudoTerminal())
        let process = try publishing(input, standardError: terminal.handle)
        try await eventually("a bar; it said: \(terminal.text)") {
            // It is shown when something has changed.
            try input.fileHandleForWriting.write(contentsOf: Data("line\n".utf8))
            return terminal.text.contains("\rpublishing  ")
        }
        #expect(terminal.text.contains(" messages  "))
        try input.fileHandleForWriting.close()
        #expect(try await process.exitStatus() == 0)
        try await eventually("the last word") { terminal.text.contains(" messages published") }
        let last = try #require(terminal.text.split(separator: "\u{1B}[K").last)
        #expect(last.hasSuffix(" messages published\r\n") && last.first?.isNumber == true, "\(terminal.text)")
    }

    @Test func nothingButTheLastWordStandsInAPipe() async throws {
        let input = Pipe()
        let process = try publishing(input)
        let start = ContinuousClock.now
        var lines = 0
        try await eventually("it has taken longer than a bar waits") {
            try input.fileHandleForWriting.write(contentsOf: Data("line\n".utf8))
            lines += 1
            return start.duration(to: .now) > .milliseconds(1_300)
        }
        try input.fileHandleForWriting.close()
        #expect(try await process.exitStatus() == 0)
        #expect(process.errors == "\(lines) messages published\n")
    }
}
