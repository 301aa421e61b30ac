import ArgumentParser
import SluiceGateway

/// The help of every command on one page: docs/COMMANDS.md, and the manual page.
enum CommandPage {
    /// A command, as it is called.
    private struct Entry {
        let name: String
        let help: String
    }

    private static let width = 110

    static var markdown: String {
        let statuses = ExitStatus.meanings.map { "| \($0.status) | \($0.meaning) |\n" }.joined()
        let commands = entries.map { "## \($0.name)\n\n```\n\($0.help)\n```\n" }.joined(separator: "\n")
        return """
            # Commands

            What `sluice help COMMAND` says, on one page. Written by `make docs`. `make install` installs completion for bash, zsh and
            fish, and this page as `sluice(1)`.

            A bar on standard error shows the progress of what takes longer than a second, on a terminal alone. Colours are for terminals,
            and not where `NO_COLOR` is set.

            ## Exit statuses

            | status | meaning |
            |---|---|
            \(statuses)
            \(commands)
            """
    }

    /// In the language of man(7).
    static var manual: String {
        let statuses = ExitStatus.meanings.map { ".TP\n.B \(escaped($0.status))\n\(escaped($0.meaning))\n" }.joined()
        let commands = entries.map { entry in
            ".SS \(escaped(entry.name))\n.nf\n\(escaped(entry.help))\n.fi\n"
        }.joined()
        return """
            .TH SLUICE 1 "" "Sluice \(escaped(SluiceVersion.text))"
            .SH NAME
            sluice \\- \(escaped(SluiceCommand.configuration.abstract))
            .SH SYNOPSIS
            .B sluice
            .I command
            .RI [ options ]
            .SH COMMANDS
            \(commands).SH EXIT STATUS
            \(statuses).SH FILES
            .TP
            .I ./sluice.yaml
            the configuration, where SLUICE_CONFIG names none
            .TP
            .I ./.env
            variables that the environment does not set

            """
    }

    private static var entries: [Entry] { entries(of: SluiceCommand.self, under: "") }

    private static func entries(of type: any ParsableCommand.Type, under parent: String) -> [Entry] {
        guard type.configuration.shouldDisplay else { return [] }
        let name = "\(parent)\(type.configuration.commandName ?? "")"
        let help = SluiceCommand.helpMessage(for: type, columns: width)
        return [Entry(name: name, help: trimmed(help))]
            + type.configuration.subcommands.flatMap { entries(of: $0, under: "\(name) ") }
    }

    /// Without blanks at the ends of lines, and without lines at the end.
    private static func trimmed(_ text: String) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            String(line.reversed().drop { $0 == " " }.reversed())
        }
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines.joined(separator: "\n")
    }

    private static func escaped(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line -> String in
            let plain = line.replacing("\\", with: "\\e").replacing("-", with: "\\-")
            // A line that begins so would be a request.
            return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&\(plain)" : String(plain)
        }.joined(separator: "\n")
    }
}
