import Foundation
import GatewayTestSupport
import Testing

@testable import SluiceGateway

/// The program itself, where a user has nothing else.
@Suite(.enabled(if: SluiceProcess.executable != nil, "the program is not built"))
struct BundleCommandTests {
    private func sluice(_ arguments: String..., in directory: TemporaryDirectory) async throws -> (
        status: Int32, output: String
    ) {
        try await runTool([try #require(SluiceProcess.executable).path] + arguments, in: directory)
    }

    @Test(arguments: ["dashboards", "rules"])
    func writesItsFilesAndKeepsAnothers(command: String) async throws {
        let bundle: FileBundle = command == "dashboards" ? .dashboards : .rules
        let directory = try TemporaryDirectory()
        let out = directory.path + "/out"
        #expect(try await sluice(command, "--out", out, in: directory).status == 0)
        for file in bundle.files {
            #expect(FileManager.default.contents(atPath: "\(out)/\(file.path)") == Data(file.bytes), "\(file.path)")
        }
        let again = try await sluice(command, "--out", out, in: directory)
        #expect(again.status == 0 && !again.output.contains("written"))

        let first = try #require(bundle.files.first)
        try Data("mine".utf8).write(to: URL(fileURLWithPath: "\(out)/\(first.path)"))
        let refused = try await sluice(command, "--out", out, in: directory)
        #expect(refused.status == 1 && refused.output.contains("\(out)/\(first.path)"))
        #expect(FileManager.default.contents(atPath: "\(out)/\(first.path)") == Data("mine".utf8))
        let forced = try await sluice(command, "--out", out, "--force", in: directory)
        #expect(forced.status == 0 && forced.output.contains("replaced \(out)/\(first.path)\n"))
        #expect(FileManager.default.contents(atPath: "\(out)/\(first.path)") == Data(first.bytes))
    }

    @Test func saysWhatIsMissingOrImpossible() async throws {
        let directory = try TemporaryDirectory()
        #expect(try await sluice("dashboards", in: directory).status == 64)
        #expect(try await sluice("rules", "--out", "", in: directory).status == 64)
        let impossible = try await sluice("rules", "--out", "/dev/null/x", in: directory)
        #expect(impossible.status == 73 && impossible.output.contains("/dev/null/x"))
    }

    @Test func printsWhatTheMetricsMean() async throws {
        let answer = try await sluice("metrics", in: try TemporaryDirectory())
        #expect(answer.status == 0 && answer.output == MetricsDocument.markdown)
    }
}
