import Foundation
import GatewayTestSupport
import Testing

@testable import SluiceGateway

/// docs/CONFIGURATION.md says what the program does, and the examples can be read.
struct ConfigurationDocumentTests {
    private static let document = Repository.file("docs/CONFIGURATION.md")

    @Test func theDocumentIsCurrent() throws {
        let text = try String(contentsOf: Self.document, encoding: .utf8)
        let isCurrent = try ConfigurationDocuments.configuration(text) == text
        #expect(isCurrent, "docs/CONFIGURATION.md is stale; run: make docs")
    }

    @Test(arguments: ["docs/CONFIGURATION.md", "docs/FACTS.md", "README.md"])
    func everyFileInTheDocumentsIsRight(path: String) throws {
        let text = try String(contentsOf: Repository.file(path), encoding: .utf8)
        let blocks = text.split(separator: "```yaml\n").dropFirst().compactMap {
            $0.split(separator: "```", omittingEmptySubsequences: false).first.map(String.init)
        }.filter { ["sources:", "sinks:", "queue:"].contains(where: $0.hasPrefix) }
        if path == "docs/CONFIGURATION.md" { #expect(!blocks.isEmpty) }
        for block in blocks {
            // Secrets that lie in files on the reader's machine.
            let file = try FileForTests(
                block.replacing("${file:/run/secrets/", with: "${file:"),
                others: [
                    "grafana": "of-grafana", "routing-key": "of-the-pager", "token": "of-a-service",
                ])
            let used = ExampleConfigurations.variables(block)
            let environment = ExampleConfigurations.environment.filter { used.contains($0.key) }
            #expect(file.faults(environment) == [], "\(block)")
        }
    }

    @Test(arguments: try ExampleConfigurations.names())
    func everyExampleIsRightWithoutAWarning(name: String) throws {
        let file = try FileForTests(try ExampleConfigurations.text(name))
        let used = ExampleConfigurations.variables(try ExampleConfigurations.text(name))
        let environment = ExampleConfigurations.environment.filter { used.contains($0.key) }
        #expect(file.faults(environment) == [])
        #expect(try file.read(environment).allWarnings == [])
        // One that is forgotten is told.
        for variable in used where !ExampleConfigurations.optional.contains(variable) {
            let others = environment.filter { $0.key != variable }
            #expect(file.faults(others).contains { $0.contains("the variable \(variable) is not set") }, "\(variable)")
        }
    }
}
