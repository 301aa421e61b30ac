import Foundation
import SluiceGateway
import Testing

/// What docs/ and `.env-example` say of options, sources and sinks is what the registry says.
struct RegistryDocumentTests {
    @Test func theTableOfVariablesIsCurrent() throws {
        let text = try String(contentsOf: Repository.file("docs/ENVIRONMENT.md"), encoding: .utf8)
        let isCurrent = try MarkedDocument.environment(text) == text
        #expect(isCurrent, "docs/ENVIRONMENT.md is stale; run: make docs")
    }

    @Test func theListsOfSourcesAndSinksAreCurrent() throws {
        let text = try String(contentsOf: Repository.file("docs/SOURCES-AND-SINKS.md"), encoding: .utf8)
        let isCurrent = try MarkedDocument.sourcesAndSinks(text) == text
        #expect(isCurrent, "docs/SOURCES-AND-SINKS.md is stale; run: make docs")
    }

    @Test func theExampleOfAnEnvironmentIsCurrentAndValid() throws {
        let text = try String(contentsOf: Repository.file(".env-example"), encoding: .utf8)
        let isCurrent = GatewayDocuments.environmentExample == text
        #expect(isCurrent, ".env-example is stale; run: make docs")
        #expect(try GatewayConfiguration(environment: [:], dotEnv: text).warnings.isEmpty)
    }
}
