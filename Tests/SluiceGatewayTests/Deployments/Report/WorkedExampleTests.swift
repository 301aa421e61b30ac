import Foundation
import Testing

@testable import SluiceGateway

/// docs/DEPLOYMENTS.md says what the report says.
struct WorkedExampleTests {
    private static let examples: [WorkedExample] = {
        let text = try? String(contentsOf: Repository.file("docs/DEPLOYMENTS.md"), encoding: .utf8)
        return WorkedExample.read(text ?? "")
    }()

    @Test func theDocumentHasExamplesOfEveryRule() throws {
        let words = Self.examples.flatMap(\.expected).joined(separator: " ")
        for kind in DeploymentKind.allCases { #expect(words.contains(" \(kind.rawValue)"), "\(kind)") }
        for rule in FailureRule.allCases { #expect(words.contains(rule.rawValue), "\(rule)") }
        // Beyond 4,096 pushes, or where a service has moved to another repository: too much for a row.
        for gap in Gap.allCases where ![.tooFar, .otherRepository, .ambiguousRepository, .ambiguousHash].contains(gap) {
            #expect(words.contains("unknown \(gap.rawValue)"), "\(gap)")
        }
        #expect(Self.examples.count >= 25)
    }

    @Test(arguments: examples)
    func isAsTheDocumentSays(_ example: WorkedExample) throws {
        let (deployments, figures) = try example.sentences()
        var said: [String] = []
        for sentence in example.expected {
            let isOfDeployment = DeploymentKind.allCases.contains { kind in
                let rest = sentence.split(separator: " ").dropFirst().first ?? ""
                return rest.hasPrefix(kind.rawValue) && !sentence.hasPrefix("known ")
            }
            if isOfDeployment {
                said.append(sentence)
            } else {
                #expect(figures.contains(sentence), "\(sentence) is not in \(figures.sorted())")
            }
        }
        // A row about figures alone need not name the deployments.
        if !said.isEmpty { #expect(said == deployments) }
    }
}
