import Crypto
import Foundation
import Testing

@testable import SluiceGateway

struct StatusPageTests {
    /// What stands between the tags of an element.
    private func inside(_ tag: String, _ markup: String) -> String? {
        guard let start = markup.range(of: "<\(tag)>"), let end = markup.range(of: "</\(tag)>") else { return nil }
        return String(markup[start.upperBound..<end.lowerBound])
    }

    @Test func thePolicyLetsItsOwnStyleAndScriptRunAndNothingElse() throws {
        let page = StatusPage.bundled
        let markup = String(decoding: page.markup, as: UTF8.self)
        for (tag, directive) in [("style", "style-src"), ("script", "script-src")] {
            let text = try #require(inside(tag, markup))
            #expect(!text.contains("/*\(tag.uppercased())*/"))
            let hash = Data(SHA256.hash(data: Data(text.utf8))).base64EncodedString()
            #expect(page.contentSecurityPolicy.contains("\(directive) 'sha256-\(hash)'"))
        }
        for directive in ["default-src 'none'", "connect-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
            #expect(page.contentSecurityPolicy.contains(directive))
        }
        #expect(!page.contentSecurityPolicy.contains("unsafe"))
    }

    @Test func thePageSendsNoRequestElsewhere() {
        let markup = String(decoding: StatusPage.bundled.markup, as: UTF8.self)
        let addresses = markup.ranges(of: "://").map { markup[$0.lowerBound...].prefix(40) }
        // Names of namespaces are no requests.
        #expect(addresses.allSatisfy { $0.hasPrefix("://www.w3.org/") })
        for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style=\"", "onclick="]
        {
            #expect(!markup.contains(word), "\(word)")
        }
    }
}
