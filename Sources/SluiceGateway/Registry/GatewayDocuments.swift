/// What docs/ENVIRONMENT.md, docs/SOURCES-AND-SINKS.md, `.env-example` and `--help` say of options, sources and sinks: made from the registry.
public enum GatewayDocuments {
    /// The variables as plain text, for `--help`.
    public static var helpText: String {
        let width = GatewayConfiguration.variables.map(\.name.count).max() ?? 0
        return GatewayConfiguration.variables.map { variable in
            let padding = String(repeating: " ", count: width - variable.name.count)
            let unit = variable.unit.map { " \($0)" } ?? ""
            let notes = [
                variable.defaultValue.map { "default: \($0)\(unit)" }, variable.range, "change: \(variable.effect)",
            ]
            let values = notes.compactMap(\.self).joined(separator: "; ")
            let meaning = variable.meaning.filter { $0 != "`" }
            return "  \(variable.name)\(padding)  \(meaning) (\(values))\n"
        }.joined()
    }

    /// What the words for effects mean.
    private static let effects = """
        `change` is what has to start anew for another value to count: nothing (`live`), the route of what it is about
        (`route`), or the process (`restart`). Variables are read when the process starts, so that a change of the environment
        takes a restart in any case.
        """

    /// The variables as a table in Markdown.
    public static var variables: String {
        let rows = GatewayConfiguration.variables.map { variable in
            let standard = variable.defaultValue.map { "`\($0)`" } ?? "–"
            return "| `\(variable.name)` | \(standard) | \(variable.unit ?? "") | \(variable.range ?? "") "
                + "| \(variable.effect) | \(variable.meaning) |\n"
        }
        return "| variable | default | unit | values | change | meaning |\n|---|---|---|---|---|---|\n" + rows.joined()
            + "\n\(effects)\n"
    }

    /// The kinds of sources and sinks, each as an entry of a list in Markdown.
    public static var kinds: String {
        var text = "Sources:\n\n"
        for kind in Registry.sources {
            text +=
                "- **\(kind.title)** (`\(kind.name)`). \(kind.summary). Senders prove themselves by "
                + "\(kind.authentication).\n"
        }
        text += "\nSinks, and what their answers mean:\n\n"
        text +=
            "| sink | what it does | how it authenticates | success | tried again | poisoned | held until mended |\n"
        text += "|---|---|---|---|---|---|---|\n"
        for kind in Registry.sinks {
            let answers = kind.answers
            let cells = [
                "\(kind.title) (`\(kind.name)`)", kind.summary, kind.authentication, answers.success, answers.retry,
                answers.poison, answers.hold,
            ]
            text += "| " + cells.joined(separator: " | ") + " |\n"
        }
        return text
    }

    /// The file `.env-example`.
    public static var environmentExample: String {
        let introduction = """
            # Copy to .env and fill in. The process's own environment wins over this file. docker-compose.yml takes from it what
            # concerns secrets, sinks, the simulator and the log; the addresses are its own. Written by `make docs`.

            """
        let sections = OptionSection.all.compactMap { section -> String? in
            let entries = section.variables.compactMap(entry)
            return entries.isEmpty ? nil : "\n# ---- \(section.title) ----\n" + entries.joined()
        }
        return introduction + sections.joined()
    }

    private static func entry(_ variable: ConfigurationVariable) -> String? {
        guard let example = variable.example else { return nil }
        let unit = variable.unit.map { ", in \($0)" } ?? ""
        let range = variable.range.map { " (\($0))" } ?? ""
        let comment = wrapped(variable.meaning.filter { $0 != "`" } + unit + range, at: 118)
        return comment + "\(example.isSet ? "" : "# ")\(variable.name)=\(example.value)\n"
    }

    /// Lines of a comment that are no longer than this, where words allow it.
    private static func wrapped(_ text: String, at width: Int) -> String {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= width - 2 {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines.map { "# \($0)\n" }.joined()
    }
}
