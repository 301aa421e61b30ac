import Foundation

/// The status page as a browser shows it: a real one loads it, runs its script, and writes down what came of it.
package struct ShownStatusPage: Sendable {
    package static let hasBrowser = toolSucceeds(["chromium", "--version"])

    /// The document, as the browser had it at the end.
    package let document: String

    /// Lets the browser wait for the first answer of `/status.json`.
    /// - Parameter address: of the metrics listener, with a box that is open: `#sinks.slack`.
    package init(_ address: String) async throws {
        let directory = try TemporaryDirectory()
        // Its own clock stands still while a request is under way, so a second is enough on a busy machine, too.
        let (status, output) = try await runTool(
            [
                "sh", "-c", "exec \"$@\" 2>/dev/null", "sh", "chromium", "--headless", "--no-sandbox", "--disable-gpu",
                "--disable-dev-shm-usage", "--user-data-dir=\(directory.path)/profile", "--virtual-time-budget=1000",
                "--dump-dom", address,
            ], in: directory)
        guard status == 0, output.contains("<html") else {
            throw TestFailure("the browser ended with \(status): \(output.prefix(2_000))")
        }
        document = output
    }

    /// The verdict's level, such as `degraded`; `silent` where the gateway did not answer.
    package var level: String? { Self.between("data-level=\"", "\"", in: document) }

    package var headline: String { text(of: "<h1 id=\"headline\">", to: "</h1>") }

    /// All that stands in the verdict: what it says, since when, the remedy, and what else is the matter.
    package var verdict: String { text(of: "<section id=\"verdict\"", to: "</section>") }

    /// The word that stands on a box; nil where there is none of that name.
    package func state(of box: String) -> String? {
        let cells = document.components(separatedBy: "<li class=\"cell\"")
        return cells.first { $0.contains("<bdi class=\"name\">\(box)</bdi>") }
            .flatMap { Self.between("<span class=\"state\">", "</span>", in: $0) }
    }

    /// What stands on all boxes, in the box that is open, and below the picture.
    package var content: String { text(of: "<div id=\"content\"", to: "<footer") }

    private func text(of start: String, to end: String) -> String {
        guard let markup = Self.between(start, end, in: document) else { return "" }
        let text = (start + markup).replacing(#/<[^>]*>/#, with: " ")
            .replacing("&lt;", with: "<").replacing("&gt;", with: ">").replacing("&amp;", with: "&")
        return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    private static func between(_ start: String, _ end: String, in text: String) -> String? {
        guard let from = text.firstRange(of: start), let to = text[from.upperBound...].firstRange(of: end) else {
            return nil
        }
        return String(text[from.upperBound..<to.lowerBound])
    }
}
