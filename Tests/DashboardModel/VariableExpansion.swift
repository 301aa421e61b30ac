/// Puts values in the place of a dashboard's variables, as Grafana does: `$name`, `${name}`, `${name:format}`.
public struct VariableExpansion: Sendable {
    public var values: [String: String]

    /// - Parameters:
    ///   - values: what the variables stand for, beside Grafana's own.
    ///   - rateInterval: the step too, so that windows neither overlap nor leave anything out.
    public init(_ values: [String: String] = [:], rateInterval: String = "1m", range: String = "1h") {
        self.values = [
            "__rate_interval": rateInterval, "__interval": rateInterval, "__range": range,
        ].merging(values) { _, given in given }
    }

    /// Everything of everything: what a dashboard shows when it is opened.
    public static func all(_ dashboard: Dashboard, rateInterval: String = "1m", range: String = "1h") -> Self {
        let values = dashboard.variables.map { variable in
            (variable.name, variable.json["allValue"].text ?? variable.json["current"]["value"].text ?? ".+")
        }
        return Self(
            Dictionary(values, uniquingKeysWith: { first, _ in first }), rateInterval: rateInterval, range: range)
    }

    public func expand(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[dollar...]
            guard let (name, end) = Self.reference(rest) else {
                result.append("$")
                rest = rest.dropFirst()
                continue
            }
            result += values[name] ?? String(rest[..<end])
            rest = rest[end...]
        }
        return result + rest
    }

    /// The names of the variables that a text uses.
    public static func names(in text: String) -> Set<String> {
        var names: Set<String> = []
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            rest = rest[dollar...]
            if let (name, end) = reference(rest) {
                names.insert(name)
                rest = rest[end...]
            } else {
                rest = rest.dropFirst()
            }
        }
        return names
    }

    /// The variable's name that a text, which begins with `$`, begins with, and where the reference ends.
    private static func reference(_ text: Substring) -> (name: String, end: Substring.Index)? {
        let body = text.dropFirst()
        if body.first == "{" {
            guard let close = body.firstIndex(of: "}") else { return nil }
            let name = body[body.index(after: body.startIndex)..<close].prefix { $0 != ":" && $0 != "." }
            return name.isEmpty ? nil : (String(name), body.index(after: close))
        }
        let name = body.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        guard let first = name.first, !first.isNumber else { return nil }
        return (String(name), name.endIndex)
    }
}
