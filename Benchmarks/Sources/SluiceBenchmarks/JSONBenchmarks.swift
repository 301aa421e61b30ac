import Foundation
import Sluice
import SluiceGateway

/// Why the gateway has a reader of JSON, and of times, of its own: what it takes to read GitHub's real webhooks, beside
/// Foundation's.
enum JSONBenchmarks {
    /// What the gateway wants of a push.
    private struct Push: Decodable {
        struct Repository: Decodable {
            enum CodingKeys: String, CodingKey {
                case name
                case fullName = "full_name"
            }
            var name: String?
            var fullName: String?
        }
        struct Author: Decodable {
            var name: String?
            var username: String?
        }
        struct Commit: Decodable {
            var id: String?
            var message: String?
            var timestamp: String?
            var url: String?
            var author: Author?
        }
        var ref: String?
        var before: String?
        var after: String?
        var forced: Bool?
        var deleted: Bool?
        var repository: Repository?
        var commits: [Commit]?
    }

    static func run(scale: Double) async throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../../Tests/Payloads/github/push")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }
        Report.subject("Reading GitHub's pushes", columns: ["body", "who", "a webhook", "MB/s"])
        for file in files {
            let data = try Data(contentsOf: file)
            let count = max(20, Int(20_000_000 * scale) / data.count)
            let body = "\(file.lastPathComponent), \(data.count) bytes"
            try await row(body, "Sluice: read and made events", data, count) { _ = try GitHubSource.read(push(data)) }
            try await row(body, "JSONDecoder: the same members", data, count) {
                _ = try JSONDecoder().decode(Push.self, from: data)
            }
            try await row(body, "Sluice: all checked, nothing read", data, count) {
                _ = try GitHubSource.read(push(data, event: "ping"))
            }
            try await row(body, "JSONSerialization", data, count) { _ = try JSONSerialization.jsonObject(with: data) }
        }
        try await times(max(1_000, Int(200_000 * scale)))
    }

    private static func push(_ data: Data, event: String = "push") -> Message {
        Message(metadata: [GitHubSource.eventKey: event], payload: Array(data))
    }

    private static func row(
        _ body: String, _ who: String, _ data: Data, _ count: Int, _ read: () throws -> Void
    ) async throws {
        let seconds = try await timed { for _ in 0..<count { try read() } }
        Report.row(
            body, who, String(format: "%.1f µs", seconds * 1e6 / Double(count)),
            String(format: "%.0f", Double(data.count * count) / seconds / 1e6))
    }

    private static func times(_ count: Int) async throws {
        Report.subject("Times of RFC 3339", columns: ["who", "read", "written"])
        let text = "2024-05-06T07:08:09.123+02:00"
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        guard let time = RFC3339.parse(text) else { return }
        let date = try style.parse(text)
        let ours = await (
            timed { for _ in 0..<count { _ = RFC3339.parse(text) } },
            timed { for _ in 0..<count { _ = RFC3339.format(time) } }
        )
        let foundations = try await (
            timed { for _ in 0..<count { _ = try style.parse(text) } },
            timed { for _ in 0..<count { _ = style.format(date) } }
        )
        for (who, figures) in [("Sluice", ours), ("Date.ISO8601FormatStyle", foundations)] {
            Report.row(who, Report.nanoseconds(count, figures.0), Report.nanoseconds(count, figures.1))
        }
    }
}
