import CBundle
import Crypto
import Foundation
import SluicePrometheus

/// The status page: one document with its style and script inside, and a policy that lets nothing else run.
struct StatusPage: Sendable {
    let markup: [UInt8]
    /// The same, compressed with gzip; nil where there was no memory for it.
    let packed: [UInt8]?
    let contentSecurityPolicy: String

    /// - Parameters:
    ///   - document: with `/*STYLE*/` and `/*SCRIPT*/` where the other two belong.
    init(document: String, style: String, script: String) {
        markup = Array(
            document.replacing("/*STYLE*/", with: style, maxReplacements: 1)
                .replacing("/*SCRIPT*/", with: script, maxReplacements: 1).utf8)
        packed = Gzip.compress(markup, 9)
        contentSecurityPolicy = [
            "default-src 'none'", "style-src '\(Self.hash(style))'", "script-src '\(Self.hash(script))'",
            "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        ].joined(separator: "; ")
    }

    /// As browsers hash what stands in an element (CSP 3, section 2.3.1).
    private static func hash(_ text: String) -> String {
        "sha256-" + Data(SHA256.hash(data: Data(text.utf8))).base64EncodedString()
    }

    /// The one inside of the program.
    static let bundled = StatusPage(
        document: text(sluice_status_page()), style: text(sluice_status_style()), script: text(sluice_status_script()))

    private static func text(_ file: sluice_bundled_file) -> String {
        String(decoding: UnsafeBufferPointer(start: file.bytes, count: file.size), as: UTF8.self)
    }
}
