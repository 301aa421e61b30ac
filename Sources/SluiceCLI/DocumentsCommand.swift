import ArgumentParser
import Foundation
import SluiceGateway

/// `sluice documents`: writes the parts of the repository's documents that are made from the program. For `make docs`.
struct DocumentsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "documents",
        abstract: "Bring README.md, .env-example and what is made of docs/ in a working copy up to date.",
        discussion: """
            For `make docs`.

              sluice documents .
            """,
        shouldDisplay: false)

    @Argument(help: "The root of the working copy.")
    var directory: String

    func run() throws {
        let root = URL(fileURLWithPath: directory)
        let readme = root.appendingPathComponent("README.md")
        let text = try MarkedDocument.readme(String(contentsOf: readme, encoding: .utf8))
        try Data(text.utf8).write(to: readme)
        let scenarios = root.appendingPathComponent("docs/SCENARIOS.md")
        try Data(ScenarioDocuments.scenarios(String(contentsOf: scenarios, encoding: .utf8)).utf8).write(to: scenarios)
        let sink = root.appendingPathComponent("docs/HTTP-SINK.md")
        try Data(HTTPSinkDocuments.page(String(contentsOf: sink, encoding: .utf8)).utf8).write(to: sink)
        let sql = root.appendingPathComponent("docs/SQL-SINK.md")
        try Data(SQLSinkDocuments.page(String(contentsOf: sql, encoding: .utf8)).utf8).write(to: sql)
        let configuration = root.appendingPathComponent("docs/CONFIGURATION.md")
        try Data(
            ConfigurationDocuments.configuration(String(contentsOf: configuration, encoding: .utf8)).utf8
        ).write(to: configuration)
        try Data(CommandPage.markdown.utf8).write(to: root.appendingPathComponent("docs/COMMANDS.md"))
        try Data(GatewayDocuments.environmentExample.utf8).write(to: root.appendingPathComponent(".env-example"))
    }
}
