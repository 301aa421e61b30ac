import Foundation
import Sluice
import Testing

@testable import SluiceGateway

/// docs/HTTP-SINK.md is true.
struct HTTPSinkDocumentTests {
    private let text: String

    init() throws {
        text = try String(contentsOf: Repository.file("docs/HTTP-SINK.md"), encoding: .utf8)
    }

    @Test func thePageIsCurrent() throws {
        let isCurrent = try HTTPSinkDocuments.page(text) == text
        #expect(isCurrent, "docs/HTTP-SINK.md is stale; run: make docs")
    }

    @Test func everySinkOnThePageCanBeRead() throws {
        let blocks = text.components(separatedBy: "```yaml\n").dropFirst().compactMap {
            $0.components(separatedBy: "\n```").first
        }
        #expect(blocks.count == 3)
        for block in blocks {
            let plain = block.replacing(/\$\{[^}]*\}/, with: "https://x.example.org/key")
            var faults = YAMLFaults()
            let root = try #require(YAMLDocument.read(plain, &faults))
            guard case .mapping(let sinks)? = root["sinks"]?.content else {
                Issue.record("no sinks in \(block)")
                continue
            }
            for sink in sinks {
                guard case .mapping(let entries) = sink.value.content else { continue }
                #expect(entries.first?.key == "kind")
                let own = YAMLValue(content: .mapping(Array(entries.dropFirst())), place: sink.place)
                var options = HTTPSinkOptions()
                HTTPSinkOptions.keys.read(own, into: &options, &faults)
            }
            #expect(faults.all.map(\.description) == [])
        }
    }

    @Test func thePageHasEveryPresetAndField() {
        for preset in HTTPSinkOptions.Preset.all { #expect(text.contains("`\(preset)`: ")) }
        for name in TemplateField.all.flatMap(\.names) { #expect(text.contains("`\(name)`")) }
    }
}
