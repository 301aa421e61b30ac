import Foundation
import SluiceGateway
import Testing

/// What README and `.env-example` say is what the registry says.
struct ReadmeTests {
    @Test func theReadmeIsCurrent() throws {
        let text = try String(contentsOf: Repository.file("README.md"), encoding: .utf8)
        let isCurrent = try MarkedDocument.readme(text) == text
        #expect(isCurrent, "README.md is stale; run: make docs")
    }

    @Test func theExampleOfAnEnvironmentIsCurrentAndValid() throws {
        let text = try String(contentsOf: Repository.file(".env-example"), encoding: .utf8)
        let isCurrent = GatewayDocuments.environmentExample == text
        #expect(isCurrent, ".env-example is stale; run: make docs")
        #expect(try GatewayConfiguration(environment: [:], dotEnv: text).warnings.isEmpty)
    }
}
