import Foundation
import Testing

/// What the documents refer to is there.
struct DocumentLinkTests {
    static let documents: [String] = {
        let named = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md"]
        let others = ["Examples/README.md", "dashboards/README.md", "prometheus/RUNBOOK.md"]
        let pages = (try? FileManager.default.contentsOfDirectory(atPath: Repository.file("docs").path)) ?? []
        return named + others + pages.filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" }
    }()

    @Test(arguments: documents)
    func everyLinkLeadsToAFileAndItsHeading(document: String) throws {
        for link in try links(of: document) {
            let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let path = parts[0].isEmpty ? document : directory(of: document) + parts[0]
            let file = Repository.file(path)
            #expect(FileManager.default.fileExists(atPath: file.path), "\(document): \(link)")
            if parts.count == 2, path.hasSuffix(".md") {
                let text = try String(contentsOf: file, encoding: .utf8)
                #expect(anchors(of: text).contains(parts[1]), "\(document): \(link)")
            }
        }
    }

    /// Each target that the library's users can import has a catalogue of its documentation.
    @Test func everyProductHasACatalogue() throws {
        let manifest = try String(contentsOf: Repository.file("Package.swift"), encoding: .utf8)
        let products = manifest.matches(of: /\.library\(name: "(\w+)"/).map { String($0.1) }
        #expect(products.count > 5)
        for product in products {
            let path = Repository.file("Sources/\(product)/\(product).docc/\(product).md").path
            #expect(FileManager.default.fileExists(atPath: path), "\(product)")
        }
    }

    private func directory(of document: String) -> String {
        document.contains("/") ? document.prefix { $0 != "/" } + "/" : ""
    }

    /// The targets of `[text](target)` outside of code, without those on other machines.
    private func links(of document: String) throws -> [String] {
        let text = try String(contentsOf: Repository.file(document), encoding: .utf8)
        let prose = text.replacing(/```[\s\S]*?```/, with: "")
        return prose.matches(of: /\]\(([^)\s]+)\)/).map { String($0.1) }.filter { !$0.contains("://") }
    }

    /// The headings as GitHub names them.
    private func anchors(of text: String) -> Set<String> {
        Set(
            text.split(separator: "\n").filter { $0.hasPrefix("#") }.map { line in
                line.drop { $0 == "#" || $0 == " " }.lowercased().filter {
                    $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" || $0 == "_"
                }.replacing(" ", with: "-")
            })
    }
}
