/// A document of which some parts are written by the program: what stands between `<!-- made: NAME -->` and
/// `<!-- end -->`.
public struct MarkedDocument {
    private let text: String

    public init(_ text: String) {
        self.text = text
    }

    /// README.md with its parts as the registry has them.
    public static func readme(_ text: String) throws -> String {
        try MarkedDocument(text).replacing([
            "variables": GatewayDocuments.variables, "sources and sinks": GatewayDocuments.kinds,
        ])
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
