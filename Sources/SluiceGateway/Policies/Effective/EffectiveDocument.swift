/// The effective configuration as a file, with each value's origin beside it.
struct EffectiveDocument {
    private let configuration: EffectiveConfiguration

    init(_ configuration: EffectiveConfiguration) {
        self.configuration = configuration
    }

    /// Where comments begin, unless a line is longer.
    private static let column = 48

    var text: String {
        var lines: [String] = []
        var before: [String] = []
        for value in configuration.values {
            let keys = value.path.dropLast()
            let common = zip(before, keys).prefix { $0 == $1 }.count
            for (depth, key) in keys.enumerated().dropFirst(common) {
                lines.append("\(Self.indentation(depth))\(key):")
            }
            before = Array(keys)
            let name = value.path.last ?? ""
            let line = "\(Self.indentation(keys.count))\(name): \(value.written)"
            let padding = String(repeating: " ", count: max(1, Self.column - line.count))
            lines.append("\(line)\(padding)# \(value.origin)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func indentation(_ depth: Int) -> String { String(repeating: "  ", count: depth) }
}
