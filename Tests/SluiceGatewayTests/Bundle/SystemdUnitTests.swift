import Foundation
import GatewayTestSupport
import Testing

@testable import SluiceGateway

@Suite struct SystemdUnitTests {
    private static let hasSystemd = FileManager.default.isExecutableFile(atPath: "/usr/bin/systemd-analyze")

    private func text() throws -> String {
        try String(contentsOf: Repository.file("packaging/sluice.service"), encoding: .utf8)
    }

    private func value(_ name: String) throws -> String? {
        try text().split(separator: "\n").first { $0.hasPrefix("\(name)=") }.map {
            String($0.dropFirst(name.count + 1))
        }
    }

    @Test func agreesWithTheProgram() throws {
        #expect(try value("RestartPreventExitStatus") == "\(EnvironmentError.exitStatus)")
        let timeout = try #require(try value("TimeoutStopSec").flatMap { Int($0) })
        #expect(.seconds(timeout) > GatewayConfiguration().shutdownTimeout)
    }

    @Test(.enabled(if: hasSystemd && SluiceProcess.executable != nil, "systemd-analyze is not installed"))
    func systemdUnderstandsItAndFindsItHardened() async throws {
        let directory = try TemporaryDirectory()
        let unit = directory.path + "/sluice.service"
        // Where the program is before it is installed.
        let program = try #require(SluiceProcess.executable).path
        try Data(try text().replacing("ExecStart=/usr/local/bin/sluice", with: "ExecStart=\(program)").utf8)
            .write(to: URL(fileURLWithPath: unit))
        let verified = try await runTool(["systemd-analyze", "verify", unit], in: directory)
        #expect(verified.status == 0 && verified.output == "", "\(verified.output)")
        // In tenths of systemd's exposure, of which 100 is the most.
        let security = try await runTool(
            ["systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=20", unit], in: directory)
        #expect(security.status == 0, "\(security.output)")
    }
}
