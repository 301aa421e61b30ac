import ArgumentParser
import SluiceGateway

/// Which data directory a command works on.
struct DataOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The gateway's data directory. Default: as the configuration says.", valueName: "dir"))
    var data: String?

    /// Says whose groups these are where that may not be what was asked for.
    func noteKafka() {
        let file = (try? ConfigurationChoice.path(nil)) ?? nil
        let hasKafka = try? Settings.read { GatewayConfiguration.hasKafka(environment: $0, dotEnv: $1, file: file) }
        guard data == nil, hasKafka == true else { return }
        Tool.say(
            "note: Kafka is the queue: the routes' groups are Kafka's. A gateway that runs here lists and moves them; "
                + "without one these are the embedded log's, and kafka-consumer-groups.sh has the others")
    }

    /// - Throws: exit status 78 when the configuration is wrong.
    func directory() throws -> String {
        if let data { return try Arguments.directory(data, "--data") }
        let file = try ConfigurationChoice.path(nil)
        return try Settings.read { try GatewayConfiguration.dataDirectory(environment: $0, dotEnv: $1, file: file) }
    }
}
