import ArgumentParser
import Foundation
import SluiceGateway

/// The program's beginning and its end: what is printed of an error, and the exit status.
@main
enum Program {
    static func main() async {
        holdStandardDescriptors()
        ProcessLimits.refuseTooLittle()
        obeySignals()
        do {
            var command = try SluiceCommand.parseAsRoot()
            do {
                if var asynchronous = command as? any AsyncParsableCommand {
                    try await asynchronous.run()
                } else {
                    try command.run()
                }
            } catch let error as UsageError {
                let usage = SluiceCommand.usageString(for: type(of: command))
                let name = usage.split(separator: " ").prefix { $0.allSatisfy(\.isLetter) }.joined(separator: " ")
                refuse(error.description, "Usage: \(usage)\n  See '\(name) --help' for more information.")
            }
        } catch {
            guard SluiceCommand.exitCode(for: error) == .validationFailure else { SluiceCommand.exit(withError: error) }
            let message = SluiceCommand.message(for: error)
            let full = SluiceCommand.fullMessage(for: error)
            // Behind the message stands how the command is used, which holds nothing of what was given.
            let usage = full.hasPrefix("Error: \(message)\n") ? full.dropFirst("Error: \(message)\n".count) : ""
            refuse(ParserMessage.withoutValues(message), String(usage))
        }
    }

    private static func refuse(_ message: String, _ usage: String) -> Never {
        Tool.say("Error: \(message)")
        if !usage.isEmpty { Tool.say(usage) }
        exit(ExitCode.validationFailure.rawValue)
    }

    /// Where one of the three is closed, the next file that is opened would take its number, and get what is written to
    /// standard output. What takes its place here can be used for nothing.
    private static func holdStandardDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }

    /// The first process of a container ignores every signal that it has no handler for. Commands that have something to
    /// finish install their own. Any other process keeps what it was started with, such as by nohup.
    private static func obeySignals() {
        guard getpid() == 1 else { return }
        for number in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] { signal(number) { _exit(128 + $0) } }
    }
}

/// An argument cannot be honoured: one line, how the command is used, and exit status 64. It never shows what was given,
/// which may be a password in the wrong place.
struct UsageError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
