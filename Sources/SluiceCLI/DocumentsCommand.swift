import ArgumentParser
import Foundation
import SluiceGateway

/// `sluice documents`: writes the parts of the repository's documents that are made from the program. For `make docs`.
struct DocumentsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "documents",
        abstract: "Bring .env-example and what is made of docs/ in a working copy up to date.",
        discussion: """
            For `make docs`.

              sluice documents .
            """,
        shouldDisplay: false)

    @Argument(help: "The root of the working copy.")
    var directory: String

    /// The pages of which the program makes a part, each from its present text.
    private static var pages: KeyValuePairs<String, (String) throws -> String> {
        [
            "ENVIRONMENT": MarkedDocument.environment,
            "SOURCES-AND-SINKS": MarkedDocument.sourcesAndSinks,
            "SCENARIOS": ScenarioDocuments.scenarios,
            "HTTP-SINK": HTTPSinkDocuments.page,
            "SQL-SINK": SQLSinkDocuments.page,
            "CONFIGURATION": ConfigurationDocuments.configuration,
        ]
    }

    func run() throws {
        let root = URL(fileURLWithPath: directory)
        for (name, make) in Self.pages {
            let page = root.appendingPathComponent("docs/\(name).md")
            try Data(make(String(contentsOf: page, encoding: .utf8)).utf8).write(to: page)
        }
        try Data(CommandPage.markdown.utf8).write(to: root.appendingPathComponent("docs/COMMANDS.md"))
        try Data(GatewayDocuments.environmentExample.utf8).write(to: root.appendingPathComponent(".env-example"))
    }
}
