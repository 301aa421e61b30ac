import ArgumentParser
import SluiceGateway

/// `sluice check`: looks at a configuration without running it.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check the configuration, print it, or try what it connects to.",
        discussion: """
            \(ConfigurationChoice.discussion)

            Everything that is wrong with a file is told at once: file, line, column, what was expected, and the nearest known key.

              sluice check                          what would run here
              sluice check new.yaml --strict        in CI, before it is deployed
              sluice check --print                  each value that would be in force, with its origin
              sluice check --print > sluice.yaml    from the environment to a file
              sluice check --schema > sluice.schema.json
              sluice check --connect                each destination and broker: name, TLS, credentials; nothing is sent

            Ends with 0 when all is well, 1 when there are warnings and --strict, or something cannot be reached and --connect; 78 when \
            there are faults.
            """)

    @Flag(name: .long, help: "End with 1 when there are warnings.")
    var strict = false

    @Flag(
        name: .long, help: "Print the effective configuration as a file, each value's origin beside it, secrets masked."
    )
    var print = false

    @Flag(name: .long, help: "Print the JSON Schema of a configuration file, for editors.")
    var schema = false

    @Flag(name: .long, help: "Try each destination and broker, without sending anything.")
    var connect = false

    @Argument(help: ArgumentHelp("The file, or a directory of files.", valueName: "file"))
    var file: String?

    func run() async throws {
        try await Tool.run {
            if schema { return try Tool.write(Array(GatewayDocuments.schema.utf8)) }
            let configuration = try ConfigurationChoice.read(file)
            if print { try Tool.write(Array(configuration.effectiveText.utf8)) }
            let warnings = configuration.allWarnings
            for warning in warnings { Tool.say("warning: \(warning)") }
            var isReachable = true
            if connect {
                for attempt in try await ConnectionTool(configuration).tryAll() {
                    isReachable = isReachable && attempt.isReachable
                    try Tool.write(Array("\(attempt)\n".utf8))
                }
            }
            if !print, !connect { Tool.say("\(configuration.title) is well: \(configuration.summary)") }
            if !isReachable || (strict && !warnings.isEmpty) { throw ExitCode.failure }
        }
    }
}
