import ArgumentParser
import SluiceGateway

/// Which messages of the poison queue a command is about.
struct PoisonOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("Only this cause: its key in `sluice poison list`. May be given again.", valueName: "key"))
    var cause: [String] = []

    @Option(name: .long, help: ArgumentHelp("Only what failed there: a sink, or a source's route.", valueName: "name"))
    var route: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Poisoned then or later: an RFC 3339 time, or 2h for so long ago.", valueName: "time"))
    var since: String?

    @Option(name: .long, help: ArgumentHelp("Poisoned before that.", valueName: "time"))
    var until: String?

    @Option(name: .long, help: ArgumentHelp("Only this kind of event, such as commitPushed.", valueName: "kind"))
    var event: String?

    func filter(ids: [String] = []) throws -> PoisonFilter {
        var filter = PoisonFilter()
        for key in cause {
            guard (1...8).contains(key.utf8.count), key.allSatisfy(\.isHexDigit) else {
                throw UsageError("--cause: expected 1 to 8 hexadecimal digits")
            }
        }
        filter.causes = cause
        filter.route = try Arguments.name(route, "--route")
        filter.since = try since.map { try Arguments.moment($0, "--since") }
        filter.until = try until.map { try Arguments.moment($0, "--until") }
        filter.event = try Arguments.name(event, "--event")
        filter.ids = try ids.map { try Arguments.name($0, "<id>") }
        return filter
    }
}

/// Where the poison queue is read from.
struct PoisonSource: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Read straight from there, whether a gateway runs or not: kafka://HOST:PORT,… (with the KAFKA_… variables).",
            valueName: "address"))
    var from: String?

    func tool(_ options: DataOptions) throws -> PoisonTool {
        guard let from else { return PoisonTool(directory: try options.directory()) }
        do {
            return PoisonTool(directory: "", from: try LogLocation(from, environment: try Settings.brokers()))
        } catch let error as ToolError {
            throw UsageError("--from: \(error)")
        }
    }
}
