public import Foundation

/// A dashboard of Grafana, as far as the tests read one.
public struct Dashboard: Sendable {
    /// A panel and the row that it stands in.
    public struct Panel: Sendable {
        public let json: JSONValue
        /// The title of the last row above it; nil above the first.
        public let row: String?

        public var id: Int? { json["id"].integer }
        public var title: String { json["title"].text ?? "" }
        public var type: String { json["type"].text ?? "" }
        public var unit: String? { json["fieldConfig"]["defaults"]["unit"].text }
        public var targets: [Target] { json["targets"].elements.map(Target.init(json:)) }
    }

    /// A query of a panel.
    public struct Target: Sendable {
        public let json: JSONValue

        public var refID: String { json["refId"].text ?? "" }
        public var expression: String { json["expr"].text ?? "" }
        public var legend: String { json["legendFormat"].text ?? "" }
        /// `time_series`, `table` or `heatmap`.
        public var format: String { json["format"].text ?? "time_series" }
        /// Whether it asks for one moment instead of a range.
        public var isInstant: Bool { json["instant"].bool ?? false }
    }

    public struct Variable: Sendable {
        public let json: JSONValue

        public var name: String { json["name"].text ?? "" }
        public var type: String { json["type"].text ?? "" }
        public var query: String { json["query"].text ?? "" }
    }

    public var json: JSONValue
    /// The file's name, or what a test calls it.
    public let name: String

    public init(json: JSONValue, name: String) {
        self.json = json
        self.name = name
    }

    public init(contentsOf file: URL) throws {
        self.init(json: try JSONValue(Data(contentsOf: file)), name: file.lastPathComponent)
    }

    public var uid: String { json["uid"].text ?? "" }
    public var title: String { json["title"].text ?? "" }
    public var variables: [Variable] { json["templating"]["list"].elements.map(Variable.init(json:)) }

    /// Rows, and panels at the top level and inside collapsed rows, in their order.
    public var everything: [JSONValue] {
        json["panels"].elements.flatMap { [$0] + $0["panels"].elements }
    }

    /// All panels but the rows themselves.
    public var panels: [Panel] {
        var row: String?
        return everything.compactMap { json in
            guard json["type"].text == "row" else { return Panel(json: json, row: row) }
            row = json["title"].text
            return nil
        }
    }

    /// The repository's own, in `dashboards/`.
    public static func bundled() throws -> [Dashboard] {
        try Repository.files(in: "dashboards", suffix: ".json").map(Dashboard.init(contentsOf:))
    }
}

/// Where the sources of this package are.
public enum Repository {
    public static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The files of a directory, by name; none when there is no such directory.
    public static func files(in directory: String, suffix: String) throws -> [URL] {
        let directory = root.appending(path: directory)
        guard FileManager.default.fileExists(atPath: directory.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
            .filter { $0.lastPathComponent.hasSuffix(suffix) }
            .sorted { $0.lastPathComponent < $1.lastPathComponent }
    }
}
