/// The effective configuration as a file, with each value's origin beside it.
struct EffectiveDocument {
    private let configuration: EffectiveConfiguration

    /// Without sinks events go to the console, which is no kind that a file has: its values are comments.
    private let isWithoutSinks: Bool

    init(_ configuration: EffectiveConfiguration, isWithoutSinks: Bool = false) {
        self.configuration = configuration
        self.isWithoutSinks = isWithoutSinks
    }

    /// Where comments begin, unless a line is longer.
    private static let column = 48

    var text: String {
        var lines: [String] = []
        var before: [String] = []
        for value in configuration.values {
            let keys = value.path.dropLast()
            let isComment = isWithoutSinks && ["sinks", "destinations"].contains(value.path.first)
            let mark = isComment ? "# " : ""
            let common = zip(before, keys).prefix { $0 == $1 }.count
            for (depth, key) in keys.enumerated().dropFirst(common) {
                lines.append("\(mark)\(Self.indentation(depth))\(key):")
            }
            before = Array(keys)
            let name = value.path.last ?? ""
            let line = "\(mark)\(Self.indentation(keys.count))\(name): \(value.written)"
            let padding = String(repeating: " ", count: max(1, Self.column - line.count))
            lines.append("\(line)\(padding)# \(value.origin)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func indentation(_ depth: Int) -> String { String(repeating: "  ", count: depth) }
}
