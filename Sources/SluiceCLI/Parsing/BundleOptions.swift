import ArgumentParser
import SluiceGateway

/// What the commands that write files out of the program have in common.
struct BundleOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The directory to write to; made when it is missing.", valueName: "dir"))
    var out: String

    @Flag(name: .long, help: "Replace files that are there and differ.")
    var force = false

    /// One line on standard output for each file. Ends with 1 when files differ, 73 when they cannot be written.
    func write(_ bundle: FileBundle) throws {
        let out = try Arguments.directory(out, "--out")
        do {
            for (path, outcome) in try bundle.write(to: out, force: force) { print("\(outcome.rawValue) \(path)") }
        } catch {
            Tool.say("error: \(error)")
            throw ExitCode(error.exitStatus)
        }
    }
}
