import Foundation
import SluiceGateway
import Testing

@Suite struct ReadmeTests {
    @Test func theReadmesTableIsTheConfigurations() throws {
        let readme = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("README.md")
        let text = try String(contentsOf: readme, encoding: .utf8)
        #expect(text.contains(GatewayConfiguration.markdownTable), "run: sluice run --help, and copy what changed")
    }
}
