/// A document of which some parts are written by the program: what stands between `<!-- made: NAME -->` and
/// `<!-- end -->`.
public struct MarkedDocument {
    private let text: String

    public init(_ text: String) {
        self.text = text
    }

    /// docs/ENVIRONMENT.md with its table as the registry has it.
    public static func environment(_ text: String) throws -> String {
        try MarkedDocument(text).replacing(["variables": GatewayDocuments.variables])
    }

    /// docs/SOURCES-AND-SINKS.md with its lists as the registry has them.
    public static func sourcesAndSinks(_ text: String) throws -> String {
        try MarkedDocument(text).replacing(["sources and sinks": GatewayDocuments.kinds])
    }

    /// - Throws: ``ToolError`` when a part has no place.
    func replacing(_ parts: [String: String]) throws -> String {
        var text = self.text
        for (name, part) in parts.sorted(by: { $0.key < $1.key }) {
            let begin = "<!-- made: \(name) -->\n"
            guard let start = text.firstRange(of: begin)?.upperBound,
                let end = text[start...].firstRange(of: "<!-- end -->")?.lowerBound
            else { throw ToolError("there is no place for \(name): expected \(begin.dropLast()) … <!-- end -->") }
            text.replaceSubrange(start..<end, with: "\n\(part)\n")
        }
        return text
    }
}
