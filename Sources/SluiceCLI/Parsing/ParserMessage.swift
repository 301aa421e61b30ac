import ArgumentParser

/// What the argument parser says, without the arguments that it repeats: any of them may be a password.
///
/// Of the parser's own words only those are kept whose names are the program's. The rest is said in ours.
enum ParserMessage {
    static func withoutValues(_ message: String) -> String {
        let name = quoted(in: message).first { isDeclared($0) }
        switch message {
        case _ where message.hasPrefix("Missing expected argument") || message.hasPrefix("Missing required subcommand"):
            return firstLine(of: message)
        case _ where message.hasPrefix("Missing value for '"):
            return name.map { "Missing value for '\($0)'" } ?? "Missing value for an option"
        case _ where message.hasPrefix("Unknown option '"):
            // The name itself is not repeated: a password may have been written right behind a dash.
            let meant = quoted(in: message).dropFirst().last { isDeclared($0) }
            return "Unknown option" + (meant.map { ". Did you mean '\($0)'?" } ?? "")
        case _ where message.hasPrefix("Unexpected argument '"):
            return "Unexpected argument behind those that are expected"
        case _ where message.firstMatch(of: #/^[0-9]+ unexpected arguments:/#) != nil:
            return "\(message.prefix { $0 != ":" }) behind those that are expected"
        case _ where message.hasPrefix("The option '"):
            return name.map { "The option '\($0)' takes no value" } ?? "An option has a value and takes none"
        case _ where message.hasPrefix("Can't generate completion scripts"):
            return "Completion scripts are generated for zsh, bash and fish"
        default:
            return "The arguments cannot be read"
        }
    }

    private static func firstLine(of message: String) -> String {
        String(message.prefix { !$0.isNewline })
    }

    private static func quoted(in message: String) -> [String] {
        message.matches(of: /'([^']*)'/).map { String($0.output.1) }
    }

    /// Whether it is an option or argument as `--help` shows it.
    private static func isDeclared(_ text: String) -> Bool {
        guard text.hasPrefix("--") || text.hasPrefix("<"), text.utf8.count > 3 else { return false }
        return isDeclared(text, by: SluiceCommand.configuration.subcommands)
    }

    private static func isDeclared(_ text: String, by commands: [any ParsableCommand.Type]) -> Bool {
        commands.contains { command in
            SluiceCommand.helpMessage(for: command).contains(text)
                || isDeclared(text, by: command.configuration.subcommands)
        }
    }
}
