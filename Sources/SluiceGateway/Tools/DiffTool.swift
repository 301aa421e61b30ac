import Foundation
import Sluice

/// `sluice diff`: what a configuration file would change of the gateway that runs.
public struct DiffTool: Sendable {
    private let client: ControlClient

    /// - Parameter directory: the gateway's data directory.
    public init(directory: String) {
        client = ControlClient(directory: directory)
    }

    /// What would change, and what each change takes.
    public struct Report: Sendable {
        public let differs: Bool
        /// A line for each change, for people.
        public let text: String
    }

    /// - Parameter file: the file, which the gateway reads itself: what `${…}` stands for is known there.
    /// - Throws: ``NoGatewayError``; ``CommandError``, with the file's faults where it has some.
    public func changes(of file: String) async throws -> Report {
        let path = URL(fileURLWithPath: file).path
        guard let answer = try await client.askLeader(ControlRequest(.diff, ["file": path])) else {
            throw NoGatewayError(client.directory)
        }
        let rows = try answer.items.map { item throws(JSONError) in try Row(json: item) }
        let warnings = (answer.text ?? "").split(separator: "\n").map { "warning: \($0)\n" }.joined()
        return Report(differs: !rows.isEmpty, text: Self.text(rows) + warnings)
    }

    private static func text(_ rows: [Row]) -> String {
        guard !rows.isEmpty else { return "nothing would change\n" }
        let words = rows.map(\.words)
        let width = min(72, words.map(\.count).max() ?? 0)
        return zip(rows, words).map { row, words in
            let padding = String(repeating: " ", count: max(1, width - words.count + 2))
            return "\(words)\(padding)\(row.takes)\n"
        }.joined()
    }

    private struct Row {
        var name = ""
        var before: String?
        var after: String?
        var effect = ""

        init(json: [UInt8]) throws(JSONError) {
            var (name, before, after, effect): (String?, String?, String?, String?)
            try JSONReader.fields(of: json) { (reader) throws(JSONError) in
                try reader.field("name", &name)
                try reader.field("before", &before)
                try reader.field("after", &after)
                try reader.field("effect", &effect)
            }
            self.name = name ?? ""
            (self.before, self.after, self.effect) = (before, after, effect ?? "")
        }

        var words: String {
            switch (before, after) {
            case (let before?, let after?) where before == after: "\(name): another secret"
            case (let before?, let after?): "\(name): \(before) → \(after)"
            case (nil, let after?): "+ \(name): \(after)"
            case (let before?, nil): "- \(name): \(before)"
            case (nil, nil): name
            }
        }

        /// What it takes to have it in force.
        var takes: String {
            switch effect {
            case "live": "live"
            case "route": "this route restarts"
            default: "needs a restart"
            }
        }
    }
}
