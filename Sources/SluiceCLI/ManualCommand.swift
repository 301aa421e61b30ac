import ArgumentParser

/// `sluice manual`: the manual page. For `make install`.
struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual", abstract: "Print the manual page sluice(1).",
        discussion: """
            For `make install`.

              sluice manual | man -l -
            """,
        shouldDisplay: false)

    func run() throws {
        try Tool.write(Array(CommandPage.manual.utf8))
    }
}
